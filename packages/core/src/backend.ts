import * as tf from '@tensorflow/tfjs-core';

/** Whether a gradient is being recorded: fused kernels have gradients only where the backend brings them. */
export function isRecording(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

/**
 * Whether the active backend computes this kernel well enough for training. wasm lacks the convolution gradients;
 * the cpu backend has them at about 0.01 GFLOP/s, where the composed form is 25 to 50 times faster.
 */
export function hasGradientKernel(kernelName: string): boolean {
  const backend = tf.getBackend();
  return backend !== 'cpu' && tf.getKernel(kernelName, backend) !== undefined;
}

/** Whether every kernel takes explicit padding: max pooling and convolution gradients of tfjs-node know 'same' and 'valid' only. */
export function takesExplicitPadding(): boolean {
  return tf.getBackend() !== 'tensorflow';
}

/** Whether tensors can be read without waiting. webgpu's way, through a canvas, is a browser's alone and gives other numbers there. */
export function readsAtOnce(): boolean {
  return tf.getBackend() !== 'webgpu';
}

/** The fused activations that every backend's FusedConv2D and FusedDepthwiseConv2D know. */
export const FUSABLE: ReadonlySet<string> = new Set(['linear', 'relu', 'relu6']);
