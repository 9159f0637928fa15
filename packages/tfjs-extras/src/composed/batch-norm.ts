import * as tf from '@tensorflow/tfjs-core';

/**
 * Batch normalisation with given statistics: x gamma / sqrt(variance + epsilon) + (beta - mean gamma / sqrt(...)).
 * Two passes over x; tfjs' own kernel takes several times as long on wasm.
 */
export function batchNormalize(x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, gamma: tf.Tensor | undefined, beta: tf.Tensor | undefined, epsilon: number): tf.Tensor {
  return tf.tidy(() => {
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    const scale = gamma ? tf.mul(inverse, gamma) : inverse;
    const shift = beta ? tf.sub(beta, tf.mul(mean, scale)) : tf.neg(tf.mul(mean, scale));
    return tf.add(tf.mul(x, scale), shift);
  });
}
