import { nativeAdd } from '@convkit/tfjs-extras/native';
import * as tf from '@tensorflow/tfjs-core';
import { activate, type ActivationKind } from './activation.js';
import { FUSABLE, isRecording } from './backend.js';

/**
 * The sum of any number of tensors of one shape. tf.addN hands all of them to one program on webgpu, where a device allows
 * as few as 8 storage buffers: with 8 tensors or more the result is zeros there, and only the console says so.
 */
export function sumOf<T extends tf.Tensor>(tensors: readonly T[]): T {
  const [first, ...others] = tensors;
  if (first === undefined) throw new Error('sumOf: there must be at least one tensor');
  return tf.tidy(() => others.reduce<tf.Tensor>((sum, tensor) => tf.add(sum, tensor), tf.clone(first))) as T;
}

/**
 * The sum of two tensors, then an activation: one pass over memory where the backend has a kernel for that.
 * @param alpha Slope of leakyRelu, default 0.01.
 */
export function sumActivated(a: tf.Tensor, b: tf.Tensor, kind: ActivationKind, alpha?: number): tf.Tensor {
  const native = !isRecording() && FUSABLE.has(kind) ? nativeAdd(a, b, kind as 'linear') : undefined;
  return native ?? tf.tidy(() => activate(tf.add(a, b), kind, alpha));
}
