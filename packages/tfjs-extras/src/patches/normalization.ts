import * as tf from '@tensorflow/tfjs-core';
import { batchNormalize } from '../composed/index.js';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { gradientPatch, kernelPatch } from '../probe.js';

const KERNEL = 'FusedBatchNorm';

const forward = kernelPatch({
  kernelName: KERNEL,
  backends: WASM_BACKENDS,
  slow: () => ({ inputs: { x: tf.ones([8, 28, 28, 32]), mean: tf.ones([32]), variance: tf.ones([32]), offset: tf.ones([32]), scale: tf.ones([32]) }, attrs: { varianceEpsilon: 1e-3 } }),
  make: () => ({ inputs, attrs }) => {
    const [x, mean, variance] = [inputs['x'], inputs['mean'], inputs['variance']] as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [offset, scale] = [inputs['offset'], inputs['scale']] as [tf.Tensor | undefined, tf.Tensor | undefined];
    return batchNormalize(x, mean, variance, scale, offset, (attrs as unknown as { varianceEpsilon: number }).varianceEpsilon);
  },
});

/** Attributes and saved tensors as the engine gives them to a gradient. */
type Gradient = tf.GradConfig['gradFunc'];

/**
 * With a = scale r, r = 1 / sqrt(variance + epsilon), c = x - mean: dx = dy a, d mean = -a sum(dy),
 * d variance = -a r^2 sum(dy c) / 2, d scale = r sum(dy c), d offset = sum(dy). Stock repeats r to the size of x, and
 * multiplies everything before it sums.
 */
const channelGradient = (stock: Gradient): Gradient => (dy, saved, attrs) => {
  const [x, mean, variance, scale] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | undefined];
  if (mean.rank !== 1) return stock(dy, saved, attrs);
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const inverse = tf.rsqrt(tf.add(variance, (attrs as unknown as { varianceEpsilon: number }).varianceEpsilon));
  const slope = scale ? tf.mul(inverse, scale) : inverse;
  const sum = () => tf.sum(dy as tf.Tensor, axes);
  const product = () => tf.sum(tf.mul(dy as tf.Tensor, tf.sub(x, mean)), axes);
  return {
    x: () => tf.mul(dy as tf.Tensor, slope),
    mean: () => tf.neg(tf.mul(slope, sum())),
    variance: () => tf.mul(tf.mul(slope, tf.mul(tf.square(inverse), -0.5)), product()),
    scale: () => tf.mul(inverse, product()),
    offset: sum,
  };
};

const gradient = gradientPatch({
  kernelName: KERNEL,
  slow: () => ({ saved: [tf.ones([8, 28, 28, 32]), ...Array.from({ length: 3 }, () => tf.ones([32]))], attrs: { varianceEpsilon: 1e-3 } }),
  inputs: ['x', 'scale'],
  make: channelGradient,
});

export const NORMALIZATION_PATCHES: readonly Patch[] = [forward, gradient];
