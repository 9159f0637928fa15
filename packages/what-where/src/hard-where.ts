/** Where the maximum of each window stands, as one number a window: its place in the map, torch's `return_indices`. */
import { maxPool2d, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { covered, lowerCovered, lowerRepeated, positionValues, repeated, windowCounts, type WindowSize } from './windows.js';

const pooling = (size: WindowSize) => ({ size, strides: size, padding: [0, 0, 0, 0] as const });

/** H W - (y W + x) of every position that windows cover: the first of several maxima has the largest. */
function countdown(shape: readonly (number | null)[], size: WindowSize): { values: Float32Array; shape: [number, number, number]; total: number } {
  const [rows, columns] = windowCounts(shape, size);
  const [height, width] = [rows * size[0], columns * size[1]];
  const [h, w] = [shape[1] ?? 0, shape[2] ?? 0];
  return { values: positionValues([height, width], (y, x) => h * w - (y * w + x)), shape: [height, width, 1], total: h * w };
}

/**
 * The place y W + x of the first maximum of every window in its map, as float32: [N, H, W, C] -> [N, H', W', C]. A place has no
 * gradient, so that of the images is 0. Backends break ties each in its own way (tf.maxPoolWithArgmax); this is the same on all.
 */
export function hardWhere2d(x: tf.Tensor4D, size: WindowSize): tf.Tensor4D {
  const where = tf.customGrad((input) => ({
    value: tf.tidy(() => {
      const image = covered(input as tf.Tensor4D, size);
      const { values, shape, total } = countdown(x.shape, size);
      const isLargest = tf.cast(tf.equal(image, repeated(maxPool2d(image, pooling(size)), size)), 'float32');
      const first = maxPool2d(tf.mul(isLargest, tf.tensor(values, shape)), pooling(size));
      return tf.sub(total, first) as tf.Tensor4D;
    }),
    gradFunc: () => tf.zeros(x.shape),
  }));
  return where(x) as tf.Tensor4D;
}

/** Far below any difference of activations, and 1 / it is a float32. */
const TINY = 1e-30;

/** The same in a graph, which cannot compare: d / (d + tiny) of the distance d to the maximum is 0 for a maximum and 1 elsewhere. */
export function lowerHardWhere(g: Lowering, x: Value, size: WindowSize): Value {
  const binary = (kind: 'add' | 'sub' | 'mul' | 'div', a: Value, b: Value) => g.op('binary', [a, b], { kind });
  const number = (value: number) => g.constant(value, [1]);
  const image = lowerCovered(g, x, size);
  const largest = lowerRepeated(g, g.op('maxPool', [image], pooling(size)), size);
  const distance = binary('sub', largest, image);
  const isLargest = binary('sub', number(1), binary('div', distance, binary('add', distance, number(TINY))));
  const { values, shape, total } = countdown(x.shape, size);
  const first = g.op('maxPool', [binary('mul', isLargest, g.constant(values, shape))], pooling(size));
  return g.op('scaleGradient', [binary('sub', number(total), first)], { factor: 0 });
}
