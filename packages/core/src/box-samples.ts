import * as tf from '@tensorflow/tfjs-core';
import type { OpAttributes } from './lowering.js';

/** Where samples of the bins of R boxes lie along one axis. */
export interface AxisSamples {
  /** How many a bin has, as a divisor: [], or where that follows from the box [R, 1]. */
  count: tf.Tensor;
  /** [R, bins]: 0, or NaN for a box that is not finite: a network that diverges must show it, and maxima and choices may lose it. */
  flaw: tf.Tensor2D;
  /** The a-th of every bin, [R, bins], moved to the border, and whether it counts: those more than a pixel outside do not. */
  at(a: number): { position: tf.Tensor2D; counts: tf.Tensor2D };
}

/**
 * @param first Where boxes begin along the axis, [R, 1]; @param last where they end.
 * Positions are computed in the order of torchvision's kernel: a sample right at the border is in or out.
 */
export function axisSamples(first: tf.Tensor, last: tf.Tensor, bins: number, length: number, { spatialScale, samplingRatio, aligned }: OpAttributes['roiAlign']): AxisSamples {
  const scaled = (corner: tf.Tensor) => tf.sub(tf.mul(corner, spatialScale), aligned ? 0.5 : 0);
  const start = scaled(first);
  const size = tf.sub(scaled(last), start);
  const bin = tf.div(aligned ? size : tf.maximum(size, 1), bins);
  const starts = tf.add(start, tf.mul(bin, tf.range(0, bins)));
  const fitted = samplingRatio === 0 ? tf.ceil(bin) : undefined;
  // A bin without a size has none, and its mean is 0.
  const count = fitted === undefined ? tf.scalar(samplingRatio) : tf.maximum(fitted, 1);
  return {
    count,
    flaw: tf.mul(starts, 0) as tf.Tensor2D,
    at: (a) => {
      const p = tf.add(starts, tf.div(tf.mul(bin, a + 0.5), count)) as tf.Tensor2D;
      const inside = tf.logicalAnd(tf.greaterEqual(p, -1), tf.lessEqual(p, length));
      const counts = fitted === undefined ? inside : tf.logicalAnd(inside, tf.greater(fitted, a));
      return { position: tf.clipByValue(p, 0, length - 1), counts: counts as tf.Tensor2D };
    },
  };
}

/** f(0) + ... + f(n - 1), one at a time in memory. */
export function sumOver<T extends tf.Tensor>(n: number, f: (a: number) => T): T {
  let sum = tf.tidy(() => f(0));
  for (let a = 1; a < n; a++) {
    const last = sum;
    sum = tf.tidy(() => tf.add(last, f(a)) as T);
    last.dispose();
  }
  return sum;
}
