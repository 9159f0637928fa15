import * as tf from '@tensorflow/tfjs-core';
import type { GradientAttributes } from '../composed/index.js';
import { nativeKernel, windowFields, type NativeKernel, type Shape4D } from './kernel.js';
import type { Native } from './module.js';

/** Runs one of the two kernels, for one filter a channel: writes x or the kernel. */
function run(native: Native, which: 'depthwiseInputGradient' | 'depthwiseKernelGradient', x: tf.TensorInfo, kernel: tf.TensorInfo, dy: tf.TensorInfo, attributes: GradientAttributes): void {
  const [images, height, width, channels] = x.shape as Shape4D;
  const [, rows, columns] = dy.shape as Shape4D;
  const [kernelRows, kernelColumns] = kernel.shape as Shape4D;
  const { heap, kernels } = native;
  heap.withScratch([kernelRows * kernelColumns * 8], ([scratch]) => native.run(kernels[which], {
    x: heap.pointer(x), kernel: heap.pointer(kernel), dy: heap.pointer(dy), scratch, images, height, width, channels, rows, columns, kernelRows, kernelColumns,
    ...windowFields(attributes),
  }));
}

/** [N, H, W, C] -> [N, H, W, C m], each channel m times: a filter a channel is all that the kernels know. */
function repeatChannels(x: tf.Tensor4D, multiplier: number): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  return tf.reshape(tf.tile(tf.reshape(x, [n * h * w, c, 1]), [1, 1, multiplier]), [n, h, w, c * multiplier]);
}

/** d/dK of a depthwise convolution, of any dilation. x [N, H, W, C], dy [N, H', W', C m] -> [kh, kw, C, m]. */
export function compiledDepthwiseKernelGradient(native: Native, x: tf.Tensor4D, dy: tf.Tensor4D, kernelShape: Shape4D, attributes: GradientAttributes): tf.TensorInfo {
  const multiplier = kernelShape[3];
  const kernel = native.heap.output(kernelShape);
  const input = multiplier === 1 ? x : tf.tidy(() => repeatChannels(x, multiplier));
  run(native, 'depthwiseKernelGradient', input, kernel, dy, attributes);
  if (input !== x) input.dispose();
  return kernel;
}

/** d/dx of a depthwise convolution, of any dilation. dy [N, H', W', C m], kernel [kh, kw, C, m] -> [N, H, W, C]. */
export function compiledDepthwiseInputGradient(native: Native, dy: tf.Tensor4D, kernel: tf.Tensor4D, inputShape: Shape4D, attributes: GradientAttributes): tf.TensorInfo {
  const [n, h, w, c] = inputShape;
  const multiplier = kernel.shape[3];
  const each = native.heap.output([n, h, w, c * multiplier]);
  run(native, 'depthwiseInputGradient', each, kernel, dy, attributes);
  if (multiplier === 1) return each;
  return tf.tidy(() => tf.reshape(tf.sum(tf.reshape(tf.engine().makeTensorFromTensorInfo(each), [n * h * w, c, multiplier]), 2), inputShape));
}

export const DEPTHWISE_KERNELS: readonly NativeKernel[] = [
  nativeKernel<{ x: tf.Tensor4D; dy: tf.Tensor4D }, GradientAttributes & { kernelShape: Shape4D }>(
    'depthwiseKernelGradient',
    (native, { x, dy }, { kernelShape, ...attributes }) => compiledDepthwiseKernelGradient(native, x, dy, kernelShape, attributes),
  ),
  nativeKernel<{ dy: tf.Tensor4D; kernel: tf.Tensor4D }, GradientAttributes & { inputShape: Shape4D }>(
    'depthwiseInputGradient',
    (native, { dy, kernel }, { inputShape, ...attributes }) => compiledDepthwiseInputGradient(native, dy, kernel, inputShape, attributes),
  ),
];
