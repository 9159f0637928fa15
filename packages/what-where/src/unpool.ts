/** Unpooling: what, put back where it was. */
import type { Lowering, Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { lowerRepeated, positionValues, repeated, type WindowSize } from './windows.js';

/** Windows and the size of the image that they were cut from. */
export interface UnpoolAttributes {
  readonly poolSize: WindowSize;
  /** [H, W], at least the windows and less than one window more. */
  readonly size: readonly [number, number];
}

/** The number of every position of the windows: its place in the map, or its offset in its window. */
function numbers([rows, columns]: readonly [number, number], [kh, kw]: WindowSize, [, width]: readonly [number, number], kind: 'place' | 'across' | 'down'): Float32Array {
  return positionValues([rows * kh, columns * kw], (y, x) => (kind === 'place' ? y * width + x : kind === 'across' ? x % kw : y % kh));
}

/** max(0, 1 - |a - b|), elementwise. */
const nearness = (a: tf.Tensor, b: tf.Tensor) => tf.relu(tf.sub(1, tf.abs(tf.sub(a, b))));

/**
 * What put where, zeros elsewhere: [N, H', W', C] -> [N, size, C]. Places [N, H', W', C] (`hardWhere2d`) say which pixel of the map
 * gets it; they are constants, the gradient of the what is the pixel's. Offsets [N, H', W', 2 C] (`softWhere2d`) share it out among the
 * four pixels around them, max(0, 1 - |x - j|) max(0, 1 - |y - i|), with a gradient to them too. Without a where, every pixel of the
 * window gets it.
 */
export function unpool2d(what: tf.Tensor4D, where: tf.Tensor4D | undefined, { poolSize, size }: UnpoolAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const [, rows, columns, channels] = what.shape;
    const map = (kind: 'place' | 'across' | 'down') => tf.tensor(numbers([rows, columns], poolSize, size, kind), [rows * poolSize[0], columns * poolSize[1], 1]);
    const up = repeated(what, poolSize);
    const shared = () => {
      if (where === undefined) return up;
      if (where.shape[3] === channels) return tf.mul(up, isPlace(where, map('place'), poolSize)) as tf.Tensor4D;
      const offset = (start: number) => repeated(tf.slice(where, [0, 0, 0, start], [-1, -1, -1, channels]), poolSize);
      return tf.mul(tf.mul(up, nearness(offset(0), map('across'))), nearness(offset(channels), map('down'))) as tf.Tensor4D;
    };
    const [below, right] = [size[0] - rows * poolSize[0], size[1] - columns * poolSize[1]];
    return below === 0 && right === 0 ? tf.clone(shared()) : tf.pad(shared(), [[0, 0], [0, below], [0, right], [0, 0]]);
  });
}

/** 1 where a position is the place of its window. Constant, as comparing has no gradient. */
function isPlace(where: tf.Tensor4D, places: tf.Tensor, poolSize: WindowSize): tf.Tensor4D {
  const compare = tf.customGrad((input) => ({
    value: tf.cast(tf.equal(repeated(input as tf.Tensor4D, poolSize), places), 'float32'),
    gradFunc: () => tf.zeros(where.shape),
  }));
  return compare(where) as tf.Tensor4D;
}

/** {@link unpool2d} in a graph. */
export function lowerUnpool(g: Lowering, what: Value, where: Value | undefined, { poolSize, size }: UnpoolAttributes): Value {
  const [rows, columns, channels] = what.shape.slice(1) as [number, number, number];
  const binary = (kind: 'sub' | 'mul' | 'max', a: Value, b: Value) => g.op('binary', [a, b], { kind });
  const near = (value: Value, kind: 'place' | 'across' | 'down') => {
    const own = g.constant(numbers([rows, columns], poolSize, size, kind), [rows * poolSize[0], columns * poolSize[1], 1]);
    const distance = binary('max', binary('sub', value, own), binary('sub', own, value));
    return g.op('activation', [binary('sub', g.constant(1, [1]), distance)], { kind: 'relu' });
  };
  let y: Value = lowerRepeated(g, what, poolSize);
  if (where !== undefined && where.shape[3] === channels) y = binary('mul', y, near(lowerRepeated(g, where, poolSize), 'place'));
  else if (where !== undefined) {
    const offset = (start: number) => lowerRepeated(g, g.op('slice', [where], { axis: 3, start, size: channels }), poolSize);
    y = binary('mul', binary('mul', y, near(offset(0), 'across')), near(offset(channels), 'down'));
  }
  const [below, right] = [size[0] - rows * poolSize[0], size[1] - columns * poolSize[1]];
  return below === 0 && right === 0 ? y : g.op('pad', [y], { padding: [[0, 0], [0, below], [0, right], [0, 0]], value: 0 });
}
