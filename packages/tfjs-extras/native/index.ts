export { convolve } from './convolution';
export { deformableConvolve, deformableGradient, deformableScratch } from './deformable';
export { depthwiseInputGradient, depthwiseKernelGradient } from './depthwise';
export { addClamped } from './elementwise';
export { kernelGradient } from './kernel-gradient';
export { pack } from './pack';
export { bilinearSample, bilinearSampleGradient } from './sampling';
