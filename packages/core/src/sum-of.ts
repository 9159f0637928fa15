import * as tf from '@tensorflow/tfjs-core';

/**
 * The sum of any number of tensors of one shape. tf.addN hands all of them to one program on webgpu, where a device allows
 * as few as 8 storage buffers: with 8 tensors or more the result is zeros there, and only the console says so.
 */
export function sumOf<T extends tf.Tensor>(tensors: readonly T[]): T {
  const [first, ...others] = tensors;
  if (first === undefined) throw new Error('sumOf: there must be at least one tensor');
  return tf.tidy(() => others.reduce<tf.Tensor>((sum, tensor) => tf.add(sum, tensor), tf.clone(first))) as T;
}
