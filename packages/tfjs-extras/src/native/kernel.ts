import type * as tf from '@tensorflow/tfjs-core';
import type { GradientAttributes } from '../composed/index.js';
import type { Native } from './module.js';
import { KERNEL_NAMES, type KernelName } from './names.js';

/** A kernel of a backend whose memory is reached. */
export interface NativeKernel {
  readonly kernelName: string;
  compute(native: Native, inputs: Readonly<Record<string, tf.Tensor>>, attrs: tf.NamedAttrMap): tf.TensorInfo | tf.TensorInfo[];
}

export type Shape4D = [number, number, number, number];

/** Attributes of convkit's convolution kernels. */
export interface ConvolutionKernelAttributes extends GradientAttributes {
  groups: number;
}

/** A kernel whose inputs and attributes are known by name; optional inputs may be undefined. */
export function nativeKernel<Inputs, Attributes>(name: KernelName, compute: (native: Native, inputs: Inputs, attributes: Attributes) => tf.TensorInfo | tf.TensorInfo[]): NativeKernel {
  return { kernelName: KERNEL_NAMES[name], compute: (native, inputs, attrs) => compute(native, inputs as unknown as Inputs, attrs as unknown as Attributes) };
}

/** The window's fields, in the order in which the kernels have them. */
export function windowFields({ strides, padding, dilations }: GradientAttributes) {
  return { strideRows: strides[0], strideColumns: strides[1], top: padding[0], left: padding[2], dilationRows: dilations[0], dilationColumns: dilations[1] };
}

/** What a fused activation keeps of a number. */
export type Clamp = 'linear' | 'relu' | 'relu6';

/** The bounds of an activation that only cuts off. */
export function boundsOf(activation: Clamp): { low: number; high: number } {
  return { low: activation === 'linear' ? Number.NEGATIVE_INFINITY : 0, high: activation === 'relu6' ? 6 : Number.POSITIVE_INFINITY };
}
