import { OptionError, sumOf } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';

/** A region in pixels of the map: its image and its corners. */
export type Region = readonly [image: number, x1: number, y1: number, x2: number, y2: number];

/** The pixels that each bin of some regions reads, K of them a bin, as rows of the table [N H W, C]. */
export interface Taps {
  /** [bins K] */
  pixels: Int32Array;
  /** [bins K]; 0 for those that only fill up. */
  weights: Float32Array;
  /** K. */
  perBin: number;
}

/** Numbers that a step holds at most, if one region allows: 16 MB in float32. */
const STEP = 2 ** 22;

/**
 * Reads the regions [R, 5] of a map [N, H, W, C].
 * @throws OptionError for another shape, coordinates that are not finite, and images that do not exist.
 */
export function readRegions(where: string, regions: tf.Tensor2D, [images]: readonly number[]): Region[] {
  if (regions.rank !== 2 || regions.shape[1] !== 5) throw new OptionError(where, 'regions', regions.shape, '[R, 5]: image, x1, y1, x2, y2');
  const values = regions.dataSync();
  return Array.from({ length: regions.shape[0] }, (_, r) => {
    const region = Array.from(values.subarray(5 * r, 5 * r + 5)) as [number, number, number, number, number];
    if (!region.every(Number.isFinite)) throw new OptionError(where, 'regions', region, `finite (number ${r})`);
    if (!Number.isInteger(region[0]) || region[0] < 0 || region[0] >= (images as number)) throw new OptionError(where, 'regions', region[0], `in one of the ${images} images (number ${r})`);
    return region;
  });
}

/** Neighbours of equal K joined, as long as a step of so many channels stays small. */
export function joinTaps(taps: readonly Taps[], channels: number): Taps[] {
  const steps: Taps[][] = [];
  let held = 0;
  for (const one of taps) {
    const last = steps.at(-1);
    held += one.pixels.length * channels;
    if (last !== undefined && last[0]?.perBin === one.perBin && held <= STEP) last.push(one);
    else {
      steps.push([one]);
      held = one.pixels.length * channels;
    }
  }
  return steps.map((step) => {
    const joined = { pixels: new Int32Array(step.reduce((sum, { pixels }) => sum + pixels.length, 0)), perBin: step[0]?.perBin ?? 0 };
    const weights = new Float32Array(joined.pixels.length);
    let next = 0;
    for (const one of step) {
      joined.pixels.set(one.pixels, next);
      weights.set(one.weights, next);
      next += one.pixels.length;
    }
    return { ...joined, weights };
  });
}

/**
 * Weighted sums of pixels: y[bin] = sum over k of weights[bin, k] table[pixels[bin, k]], step by step.
 * Differentiable, once, on every backend: tf.gather's own gradient needs what wasm lacks.
 * @param x [N, H, W, C]; @returns [bins, C]
 */
export function sumTaps(x: tf.Tensor4D, steps: readonly Taps[]): tf.Tensor2D {
  const channels = x.shape[3];
  const sums = tf.customGrad((input) => ({
    value: tf.tidy(() => {
      if (steps.length === 0) return tf.zeros<tf.Rank.R2>([0, channels]);
      const table = tf.reshape(input as tf.Tensor, [-1, channels]);
      return tf.concat(steps.map(({ pixels, weights, perBin }) => {
        const values = tf.mul(tf.gather(table, tf.tensor1d(pixels, 'int32')), tf.tensor2d(weights, [weights.length, 1]));
        return tf.sum(tf.reshape(values, [-1, perBin, channels]), 1) as tf.Tensor2D;
      }), 0);
    }),
    gradFunc: (dy: tf.Tensor) => tf.tidy(() => {
      if (steps.length === 0) return tf.zeros(x.shape);
      let next = 0;
      return tf.reshape(sumOf(steps.map(({ pixels, weights, perBin }) => {
        const bins = pixels.length / perBin;
        const part = tf.slice(dy as tf.Tensor2D, [next, 0], [bins, channels]);
        next += bins;
        const shares = tf.mul(tf.expandDims(part, 1), tf.tensor3d(weights, [bins, perBin, 1]));
        return tf.scatterND(tf.tensor2d(pixels, [pixels.length, 1], 'int32'), tf.reshape(shares, [-1, channels]), [x.size / channels, channels]);
      })), x.shape);
    }),
  }));
  return sums(x) as tf.Tensor2D;
}

/**
 * The largest of each bin's pixels; the gradient goes to the first of them. Row N H W of the table, which is zero, stands for an empty bin.
 * @param x [N, H, W, C]; @returns [bins, C]
 */
export function maxTaps(x: tf.Tensor4D, steps: readonly Taps[]): tf.Tensor2D {
  const channels = x.shape[3];
  const rows = x.size / channels;
  const largest = tf.customGrad((input, save) => {
    const table = tf.concat([tf.reshape(input as tf.Tensor, [rows, channels]) as tf.Tensor2D, tf.zeros([1, channels])], 0);
    const parts = steps.map(({ pixels, perBin }) => {
      const bins = pixels.length / perBin;
      const indices = tf.tensor1d(pixels, 'int32');
      const values = tf.reshape(tf.gather(table, indices), [bins, perBin, channels]);
      const first = tf.add(tf.argMax(values, 1), tf.expandDims(tf.range(0, bins * perBin, perBin, 'int32'), 1));
      return { value: tf.max(values, 1) as tf.Tensor2D, chosen: tf.gather(indices, tf.reshape(first, [-1]) as tf.Tensor1D) };
    });
    (save as (tensors: tf.Tensor[]) => void)(parts.map(({ chosen }) => chosen));
    return {
      value: parts.length === 0 ? tf.zeros<tf.Rank.R2>([0, channels]) : tf.concat(parts.map(({ value }) => value), 0),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => {
        if (saved.length === 0) return tf.zeros(x.shape);
        // Two columns: the product of pixel and channel may be more than a float can count.
        const chosen = tf.concat(saved as tf.Tensor1D[], 0);
        const channel = tf.tile(tf.range(0, channels, 1, 'int32'), [chosen.size / channels]);
        const scattered = tf.scatterND(tf.stack([chosen, channel], 1) as tf.Tensor2D, tf.reshape(dy, [-1]), [rows + 1, channels]);
        return tf.reshape(tf.slice(scattered as tf.Tensor2D, [0, 0], [rows, channels]), x.shape);
      }),
    };
  });
  return largest(x) as tf.Tensor2D;
}
