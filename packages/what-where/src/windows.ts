/** Windows side by side: pooling whose windows neither overlap nor reach beyond the image; what is left at its lower and right end belongs to none. */
import * as tf from '@tensorflow/tfjs-core';
import { resizeNearest2d, type Lowering, type Value } from '@convkit/core';

export type WindowSize = readonly [number, number];

/** [H', W'] of the windows of an image. */
export function windowCounts(shape: readonly (number | null)[], [kh, kw]: WindowSize): [number, number] {
  return [Math.floor((shape[1] ?? 0) / kh), Math.floor((shape[2] ?? 0) / kw)];
}

/** The part of the images [N, H, W, C] that windows cover. */
export function covered(x: tf.Tensor4D, size: WindowSize): tf.Tensor4D {
  const [rows, columns] = windowCounts(x.shape, size);
  const [height, width] = [rows * size[0], columns * size[1]];
  return height === x.shape[1] && width === x.shape[2] ? x : tf.slice(x, [0, 0, 0, 0], [-1, height, width, -1]);
}

/** The same in a graph. */
export function lowerCovered(g: Lowering, x: Value, size: WindowSize): Value {
  const [rows, columns] = windowCounts(x.shape, size);
  const cut = (value: Value, axis: 1 | 2, length: number) => (value.shape[axis] === length ? value : g.op('slice', [value], { axis, start: 0, size: length }));
  return cut(cut(x, 1, rows * size[0]), 2, columns * size[1]);
}

/** Every value at all positions of its window: [N, H', W', C] -> [N, H' kh, W' kw, C]. */
export function repeated(x: tf.Tensor4D, [kh, kw]: WindowSize): tf.Tensor4D {
  return resizeNearest2d(x, [x.shape[1] * kh, x.shape[2] * kw]);
}

/** The same in a graph. */
export function lowerRepeated(g: Lowering, x: Value, [kh, kw]: WindowSize): Value {
  const size = [(x.shape[1] as number) * kh, (x.shape[2] as number) * kw] as const;
  return g.op('resize', [x], { size, method: 'nearest', alignCorners: false, halfPixelCenters: false });
}

/** A number for every position of an image, row by row. */
export function positionValues([height, width]: readonly [number, number], valueAt: (y: number, x: number) => number): Float32Array {
  return Float32Array.from({ length: height * width }, (_, p) => valueAt(Math.floor(p / width), p % width));
}
