import * as tf from '@tensorflow/tfjs-core';
import { insertZeros, padOrCrop, type Padding } from './convolution-gradient.js';

/**
 * An increasing function of x whose values are all positive: x + 1 for x >= 0, 1 / (1 - x) below. The place of a
 * maximum stays, whatever the values are; tfjs' wasm kernels that look for one start at the smallest positive float and
 * miss windows of values <= 0. (x - min(x) + 1 would lose small differences next to one large negative value.)
 */
export function raisePositive<R extends tf.Rank>(x: tf.Tensor<R>): tf.Tensor<R> {
  return tf.tidy(() => tf.add(tf.relu(x), tf.reciprocal(tf.add(tf.relu(tf.neg(x)), 1))));
}

/** What an average pooling does: divided by the window's cells that lie in the input. */
export interface AverageAttributes {
  size: readonly [number, number];
  strides: readonly [number, number];
  padding: Padding;
}

/** How many cells of the input each window of one axis covers. */
function coveredCells(outputs: number, length: number, size: number, stride: number, before: number): number[] {
  return Array.from({ length: outputs }, (_, i) => {
    const start = i * stride - before;
    return Math.min(start + size, length) - Math.max(start, 0);
  });
}

/**
 * d/dx of an average pooling whose divisor leaves padding out, as tf.avgPool. Every window spreads dy / cells over its
 * cells: an average pooling of the zero-stuffed dy; one window over the whole input is a broadcast.
 */
export function averagePoolGradient(dy: tf.Tensor4D, inputShape: [number, number, number, number], { size, strides, padding }: AverageAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const [, height, width] = inputShape;
    const [, ho, wo] = dy.shape;
    const rows = coveredCells(ho, height, size[0], strides[0], padding[0]);
    const columns = coveredCells(wo, width, size[1], strides[1], padding[2]);
    if (ho === 1 && wo === 1 && rows[0] === height && columns[0] === width) return tf.mul(dy, tf.fill([1, height, width, 1], 1 / (height * width)));
    const cells = size[0] * size[1];
    // The pooling below divides by all cells of its window, and none of it is padding.
    const scale = rows.flatMap((r) => columns.map((c) => cells / (r * c)));
    const even = scale.every((factor) => factor === scale[0]);
    const shares = tf.mul(dy, even ? tf.scalar(scale[0] ?? 1) : tf.tensor(scale, [1, ho, wo, 1])) as tf.Tensor4D;
    const stuffed = insertZeros(shares, strides);
    const [top, left] = [size[0] - 1 - padding[0], size[1] - 1 - padding[2]];
    const [tall, wide] = [height + size[0] - 1, width + size[1] - 1];
    const padded = padOrCrop(stuffed, [top, tall - top - stuffed.shape[1], left, wide - left - stuffed.shape[2]]);
    return tf.avgPool(padded, [...size], 1, 'valid');
  });
}
