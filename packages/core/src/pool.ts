import { averagePoolGradient, padOrCrop, raisePositive } from '@convkit/tfjs-extras/composed';
import * as tf from '@tensorflow/tfjs-core';
import { isRecording, takesExplicitPadding } from './backend.js';
import { explicitPad, type Padding } from './padding.js';

export interface PoolAttributes {
  size: readonly [number, number];
  strides: readonly [number, number];
  /** All padding, what ceil mode adds included. */
  padding: Padding;
}

/**
 * Max pooling; padding never wins. [N, H, W, C] -> [N, H', W', C].
 * tfjs' wasm gradient misses windows whose values are all <= 0 (its running maximum starts at the smallest positive
 * float), so there the gradient kernel gets the input raised above zero; the arg max is the same.
 */
export function maxPool2d(x: tf.Tensor4D, { size, strides, padding }: PoolAttributes): tf.Tensor4D {
  if (!takesExplicitPadding() && padding.some((cells) => cells > 0)) {
    return tf.tidy(() => maxPool2d(tf.pad(x, explicitPad(padding), Number.NEGATIVE_INFINITY), { size, strides, padding: [0, 0, 0, 0] }));
  }
  const forward = (input: tf.Tensor4D) => tf.maxPool(input, [...size], [...strides], explicitPad(padding) as unknown as 'valid');
  if (!isRecording() || !tf.getBackend().startsWith('wasm')) return forward(x);
  const pool = tf.customGrad((input, save) => {
    const y = forward(input as tf.Tensor4D);
    (save as (tensors: tf.Tensor[]) => void)([input as tf.Tensor4D, y]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => {
        const [savedInput, savedOutput] = saved as [tf.Tensor4D, tf.Tensor4D];
        const attributes = { filterSize: [...size], strides: [...strides], pad: explicitPad(padding) };
        return tf.engine().runKernel('MaxPoolGrad', { dy, input: raisePositive(savedInput), output: raisePositive(savedOutput) }, attributes) as tf.Tensor4D;
      }),
    };
  });
  return pool(x) as tf.Tensor4D;
}

/** Every s-th row and column: a 1x1 max pooling, which all backends do at memory speed (a strided slice is 100 times slower on wasm). */
export function subsample(x: tf.Tensor4D, strides: readonly [number, number]): tf.Tensor4D {
  return maxPool2d(x, { size: [1, 1], strides, padding: [0, 0, 0, 0] });
}

/** How many cells the divisor counts, one number an output position of one axis. */
function countedCells(output: number, input: number, size: number, stride: number, before: number, counted: readonly [number, number]): number[] {
  return Array.from({ length: output }, (_, i) => {
    const start = Math.max(i * stride - before, -counted[0]);
    const end = Math.min(i * stride - before + size, input + counted[1]);
    return end - start;
  });
}

export interface AveragePoolAttributes extends PoolAttributes {
  /** Padding that the divisor counts: all declared padding (count_include_pad) or none. What ceil mode adds beyond it is never counted. */
  counted: Padding;
}

/**
 * What the mean of a full window is multiplied with where the divisor counts fewer cells: [H', W'] factors, row by row.
 * @param input [H, W] without padding. @param output [H', W'].
 */
export function averageScale({ size, strides, padding, counted }: AveragePoolAttributes, input: readonly [number, number], output: readonly [number, number]): number[] {
  const rows = countedCells(output[0], input[0], size[0], strides[0], padding[0], [counted[0], counted[1]]);
  const columns = countedCells(output[1], input[1], size[1], strides[1], padding[2], [counted[2], counted[3]]);
  return rows.flatMap((r) => columns.map((c) => (size[0] * size[1]) / (r * c)));
}

/** Average pooling with torch's divisor: the window's cells inside the input and the counted part of the padding. [N, H, W, C] -> [N, H', W', C]. */
export function avgPool2d(x: tf.Tensor4D, attributes: AveragePoolAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const [, h, w] = x.shape;
    const { size, strides, padding } = attributes;
    const mean = tf.avgPool(padOrCrop(x, padding), [...size], [...strides], 'valid');
    const [, rows, columns] = mean.shape;
    const scale = averageScale(attributes, [h, w], [rows, columns]);
    return scale.every((factor) => factor === 1) ? mean : tf.mul(mean, tf.tensor(scale, [1, rows, columns, 1]));
  });
}

/**
 * Mean over height and width, [N, H, W, C] -> [N, 1, 1, C]: one full-window pooling, five times as fast as tf.mean on
 * wasm. Its gradient spreads dy / (H W) by broadcasting; tfjs' pooling gradient visits every window cell by cell.
 */
export function spatialMean(x: tf.Tensor4D): tf.Tensor4D {
  const { shape } = x;
  const [, h, w] = shape;
  const forward = (input: tf.Tensor4D) => tf.avgPool(input, [h, w], 1, 'valid');
  if (!isRecording()) return forward(x);
  const mean = tf.customGrad((input) => ({
    value: forward(input as tf.Tensor4D),
    gradFunc: (dy: tf.Tensor) => averagePoolGradient(dy as tf.Tensor4D, shape, { size: [h, w], strides: [1, 1], padding: [0, 0, 0, 0] }),
  }));
  return mean(x) as tf.Tensor4D;
}

/**
 * Adaptive average pooling as torch defines it: cell i of n averages input floor(i L / n) to ceil((i + 1) L / n).
 * [N, H, W, C] -> [N, n, m, C]; cells overlap when n does not divide L, and repeat when n > L.
 */
export function adaptiveAvgPool2d(x: tf.Tensor4D, [outputHeight, outputWidth]: readonly [number, number]): tf.Tensor4D {
  return tf.tidy(() => {
    const [, h, w] = x.shape;
    if (h === outputHeight && w === outputWidth) return tf.clone(x);
    if (h % outputHeight === 0 && w % outputWidth === 0) {
      const window: [number, number] = [h / outputHeight, w / outputWidth];
      return tf.avgPool(x, window, window, 'valid');
    }
    return averageCells(averageCells(x, 1, outputHeight), 2, outputWidth);
  });
}

function averageCells(x: tf.Tensor4D, axis: 1 | 2, cells: number): tf.Tensor4D {
  const length = x.shape[axis];
  const parts = Array.from({ length: cells }, (_, i) => {
    const start = Math.floor((i * length) / cells);
    const size = Math.ceil(((i + 1) * length) / cells) - start;
    const begin = [0, 0, 0, 0];
    const extent = [...x.shape];
    begin[axis] = start;
    extent[axis] = size;
    return tf.mean(tf.slice(x, begin, extent), axis, true);
  });
  return tf.concat(parts, axis) as tf.Tensor4D;
}
