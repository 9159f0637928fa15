import * as tf from '@tensorflow/tfjs-core';
import { bilinearSample } from './bilinear-sample.js';
import type { OpAttributes } from './lowering.js';

/** How a grid's positions read, and what lies outside the image. */
export type GridSampleAttributes = OpAttributes['gridSample'];

/** p, NaN where it is NaN: wasm's clip takes that to a bound, and a network that diverges must show it. */
function clip(p: tf.Tensor2D, length: number): tf.Tensor2D {
  return tf.where(tf.isNaN(p), p, tf.clipByValue(p, 0, length - 1)) as tf.Tensor2D;
}

/** Positions mirrored at the first and the last pixel: at their centres, or at their outer edges. */
function reflect(p: tf.Tensor2D, length: number, alignCorners: boolean): tf.Tensor2D {
  const [low, span] = alignCorners ? [0, length - 1] : [-0.5, length];
  if (span === 0) return tf.mul(p, 0);
  const from = tf.sub(p, low);
  const within = tf.sub(from, tf.mul(tf.floor(tf.div(from, 2 * span)), 2 * span));
  return tf.add(tf.sub(span, tf.abs(tf.sub(within, span))), low) as tf.Tensor2D;
}

/**
 * Positions of an axis in pixels from those between -1 and 1: -1 and 1 are the centres of the outermost pixels,
 * p = (u + 1) / 2 (length - 1), or with `alignCorners` false their outer edges, p = ((u + 1) length - 1) / 2.
 */
function pixels(u: tf.Tensor2D, length: number, { padding, alignCorners }: GridSampleAttributes): tf.Tensor2D {
  const p = tf.add(tf.mul(u, (alignCorners ? length - 1 : length) / 2), (length - 1) / 2) as tf.Tensor2D;
  if (padding === 'zeros') return p;
  return clip(padding === 'border' ? p : reflect(p, length, alignCorners), length);
}

/**
 * Bilinear samples of images at the positions of a grid, torch's `grid_sample`. Differentiable, once, in both, on every backend.
 * Outside the image are zeros, its border repeated, or its reflection. At whole pixels the gradient of a position is the one from the right.
 * @param x [N, H, W, C]
 * @param grid [N, H', W', 2], (x, y) from -1 to 1: first across, then down.
 * @returns [N, H', W', C]
 */
export function gridSample2d(x: tf.Tensor4D, grid: tf.Tensor4D, attributes: GridSampleAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const [n, rows, columns] = grid.shape;
    const along = (axis: 0 | 1, length: number) => pixels(tf.reshape(tf.slice(grid, [0, 0, 0, axis], [-1, -1, -1, 1]), [-1, 1]), length, attributes);
    const images = tf.tensor1d(Int32Array.from({ length: n * rows * columns }, (_, i) => Math.floor(i / (rows * columns))), 'int32');
    const y = bilinearSample(x, { rows: along(1, x.shape[1]), columns: along(0, x.shape[2]), images });
    return tf.reshape(y, [n, rows, columns, x.shape[3]]);
  });
}
