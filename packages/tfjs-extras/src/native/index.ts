/**
 * What convkit's layers ask for before they compose an operation of others: a compiled kernel of the active backend. Each function
 * returns undefined where `install()` has put none in. No gradient is recorded.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { GradientAttributes } from '../composed/index.js';
import type { Clamp, ConvolutionKernelAttributes } from './kernel.js';
import { nativeOf } from './module.js';
import { KERNEL_NAMES, type KernelName } from './names.js';

type Inputs = Readonly<Record<string, tf.Tensor | undefined>>;

/** Whether `install()` has put this kernel into the active backend, and it is for these tensors: float32 ones. */
export function hasNative(name: KernelName, ...tensors: readonly tf.Tensor[]): boolean {
  return tf.getKernel(KERNEL_NAMES[name], tf.getBackend()) !== undefined && tensors.every(({ dtype }) => dtype === 'float32');
}

/** Groups up to which XNNPACK on several threads, group by group, is faster than a compiled kernel on one. */
const FEW_GROUPS = 4;

/** Whether {@link nativeConvolution} is there for these tensors, and worth it. */
export function suitsNativeConvolution(x: tf.Tensor4D, kernel: tf.Tensor4D, groups: number): boolean {
  if (!hasNative('convolution', x, kernel)) return false;
  const native = nativeOf(tf.backend());
  return 'heap' in native && !(native.heap.shared && groups <= FEW_GROUPS);
}

function runNative<T extends tf.Tensor | tf.Tensor[]>(name: KernelName, inputs: Inputs, attributes: object, others: Inputs = {}): T | undefined {
  const present = Object.entries(inputs).filter((entry): entry is [string, tf.Tensor] => entry[1] !== undefined);
  if (!hasNative(name, ...present.map(([, tensor]) => tensor))) return undefined;
  return tf.engine().runKernel(KERNEL_NAMES[name], { ...Object.fromEntries(present), ...others } as tf.NamedTensorMap, attributes as tf.NamedAttrMap) as T;
}

/** a + b of one shape, then the activation. */
export function nativeAdd(a: tf.Tensor, b: tf.Tensor, activation: Clamp): tf.Tensor | undefined {
  return tf.util.arraysEqual(a.shape, b.shape) ? runNative('add', { a, b }, { activation }) : undefined;
}

/** Convolution with groups, strides and dilations. x [N, H, W, C], kernel [kh, kw, C / groups, F], bias [F] -> [N, H', W', F]. */
export function nativeConvolution(x: tf.Tensor4D, kernel: tf.Tensor4D, attributes: ConvolutionKernelAttributes, bias?: tf.Tensor1D, activation: Clamp = 'linear'): tf.Tensor4D | undefined {
  return runNative('convolution', { x, kernel, bias }, { ...attributes, activation });
}

/** The gradients of {@link nativeConvolution} without bias and activation: of x and of the kernel. */
export function nativeConvolutionGradients(dy: tf.Tensor4D, x: tf.Tensor4D, kernel: tf.Tensor4D, attributes: ConvolutionKernelAttributes): [tf.Tensor4D, tf.Tensor4D] | undefined {
  const dx = runNative<tf.Tensor4D>('convolutionInputGradient', { dy, kernel }, { ...attributes, inputShape: x.shape });
  return dx && [dx, runNative('convolutionKernelGradient', { x, dy }, { ...attributes, kernelShape: kernel.shape }) as tf.Tensor4D];
}

/** The gradients of a depthwise convolution of any dilation: of x and of the kernel. */
export function nativeDepthwiseGradients(dy: tf.Tensor4D, x: tf.Tensor4D, kernel: tf.Tensor4D, attributes: GradientAttributes): [tf.Tensor4D, tf.Tensor4D] | undefined {
  const dx = runNative<tf.Tensor4D>('depthwiseInputGradient', { dy, kernel }, { ...attributes, inputShape: x.shape });
  return dx && [dx, runNative('depthwiseKernelGradient', { x, dy }, { ...attributes, kernelShape: kernel.shape }) as tf.Tensor4D];
}

/** Bilinear samples, zero outside. x [N, H, W, C], rows and columns [M, G], images int32 [M] -> [M, C]. */
export function nativeBilinearSample(x: tf.Tensor4D, rows: tf.Tensor2D, columns: tf.Tensor2D, images: tf.Tensor1D): tf.Tensor2D | undefined {
  return runNative('bilinearSample', { x, rows, columns }, {}, { images });
}

/** The gradients of x, rows and columns. */
export function nativeBilinearSampleGradients(dy: tf.Tensor2D, x: tf.Tensor4D, rows: tf.Tensor2D, columns: tf.Tensor2D, images: tf.Tensor1D): [tf.Tensor4D, tf.Tensor2D, tf.Tensor2D] | undefined {
  return runNative('bilinearSampleGradients', { dy, x, rows, columns }, {}, { images });
}

/** Deformable convolution; shapes as in core's `deformableConvolve2d`, without a bias. */
export function nativeDeformableConvolution(x: tf.Tensor4D, kernel: tf.Tensor4D, offset: tf.Tensor4D, attributes: GradientAttributes, mask?: tf.Tensor4D): tf.Tensor4D | undefined {
  return runNative('deformableConvolution', { x, kernel, offset, mask }, attributes);
}

/** The gradients of x, kernel, offset and, where there is one, mask. */
export function nativeDeformableGradients(dy: tf.Tensor4D, x: tf.Tensor4D, kernel: tf.Tensor4D, offset: tf.Tensor4D, attributes: GradientAttributes, mask?: tf.Tensor4D): tf.Tensor4D[] | undefined {
  return runNative('deformableGradients', { dy, x, kernel, offset, mask }, attributes);
}
