import * as tf from '@tensorflow/tfjs-core';
import type { DerivedNode } from './graph.js';

/** The value of a derived node from the values it is made of. */
export function deriveValue({ derive, epsilon }: DerivedNode, from: readonly tf.Tensor[]): tf.Tensor {
  return tf.tidy(() => {
    if (derive === 'bnScale') {
      const [scale, spread] = from as [tf.Tensor, tf.Tensor];
      return tf.reshape(tf.mul(scale, tf.rsqrt(tf.add(spread, epsilon))), [1, 1, scale.size, 1]);
    }
    const [first, gamma] = from as [tf.Tensor, tf.Tensor];
    const variance = from[derive === 'bnBias' ? 4 : 2] as tf.Tensor;
    const ratio = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
    switch (derive) {
      case 'bnKernel': return tf.mul(first, ratio);
      case 'bnDepthwiseKernel': return tf.mul(first, tf.reshape(ratio, [1, 1, first.shape[2] as number, first.shape[3] as number]));
      case 'bnTransposedKernel': return tf.mul(first, tf.reshape(ratio, [1, 1, first.shape[2] as number, 1]));
      case 'bnBias': {
        const [bias, , beta, mean] = from as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        return tf.add(beta, tf.mul(tf.sub(bias, mean), ratio));
      }
    }
  });
}
