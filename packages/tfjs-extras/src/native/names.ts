/** Names in TensorFlow.js' registry of kernels. */
export const KERNEL_NAMES = {
  add: 'ConvkitAdd',
  convolution: 'ConvkitGroupedConv2D',
  convolutionInputGradient: 'ConvkitGroupedConv2DInputGradient',
  convolutionKernelGradient: 'ConvkitGroupedConv2DKernelGradient',
  depthwiseInputGradient: 'ConvkitDepthwiseConv2DInputGradient',
  depthwiseKernelGradient: 'ConvkitDepthwiseConv2DKernelGradient',
  bilinearSample: 'ConvkitBilinearSample',
  bilinearSampleGradients: 'ConvkitBilinearSampleGradients',
  deformableConvolution: 'ConvkitDeformableConv2D',
  deformableGradients: 'ConvkitDeformableConv2DGradients',
} as const;

export type KernelName = keyof typeof KERNEL_NAMES;
