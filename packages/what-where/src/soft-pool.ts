/**
 * Pooling that is smooth in what and where: with the shares p = softmax(beta z) of a window's values z, the what is the sum of
 * p z and the where the mean position. beta -> infinity gives the maximum and its place.
 */
import type { Lowering, Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { covered, lowerCovered, windowCounts, type WindowSize } from './windows.js';

/** [N, H, W, C] as the K values of every window, [N H' W', C, K]. */
function windowsOf(x: tf.Tensor4D, size: WindowSize): tf.Tensor3D {
  const [kh, kw] = size;
  const [rows, columns] = windowCounts(x.shape, size);
  const [n, channels] = [x.shape[0], x.shape[3]];
  const side = tf.transpose(tf.reshape(covered(x, size), [n * rows, kh, columns, kw * channels]), [0, 2, 1, 3]);
  return tf.transpose(tf.reshape(side, [n * rows * columns, kh * kw, channels]), [0, 2, 1]) as tf.Tensor3D;
}

/** x and y of the positions of a window, from its upper left pixel. */
function offsets([kh, kw]: WindowSize): { across: Float32Array; down: Float32Array } {
  const each = (valueAt: (k: number) => number) => Float32Array.from({ length: kh * kw }, (_, k) => valueAt(k));
  return { across: each((k) => k % kw), down: each((k) => Math.floor(k / kw)) };
}

/** What is in every window: [N, H, W, C] -> [N, H', W', C], the sum of z e^(beta z) by that of e^(beta z). */
export function softWhat2d(x: tf.Tensor4D, size: WindowSize, beta: number): tf.Tensor4D {
  return tf.tidy(() => {
    const windows = windowsOf(x, size);
    return tf.reshape(tf.sum(tf.mul(tf.softmax(tf.mul(windows, beta)), windows), -1), [x.shape[0], ...windowCounts(x.shape, size), x.shape[3]]);
  });
}

/** Where in every window, from its upper left pixel: [N, H, W, C] -> [N, H', W', 2 C], x of every channel and then y of every channel. */
export function softWhere2d(x: tf.Tensor4D, size: WindowSize, beta: number): tf.Tensor4D {
  return tf.tidy(() => {
    const shares = tf.softmax(tf.mul(windowsOf(x, size), beta));
    const { across, down } = offsets(size);
    const mean = (values: Float32Array) => tf.reshape(tf.sum(tf.mul(shares, tf.tensor1d(values)), -1), [x.shape[0], ...windowCounts(x.shape, size), x.shape[3]]);
    return tf.concat([mean(across), mean(down)], 3) as tf.Tensor4D;
  });
}

/** [N, H, W, C] -> [N, H', W', C, K], and the shares of that shape. Constants have five dimensions too: tfjs' WebGPU program for a vector beside that many does not compile. */
function lowerWindows(g: Lowering, x: Value, size: WindowSize, beta: number): { windows: Value; shares: Value } {
  const [kh, kw] = size;
  const [rows, columns] = windowCounts(x.shape, size);
  const channels = x.shape[3] as number;
  const apart = g.op('reshape', [lowerCovered(g, x, size)], { shape: [rows, kh, columns, kw * channels] });
  const side = g.op('transpose', [apart], { permutation: [0, 1, 3, 2, 4] });
  const windows = g.op('transpose', [g.op('reshape', [side], { shape: [rows, columns, kh * kw, channels] })], { permutation: [0, 1, 2, 4, 3] });
  const scaled = g.op('binary', [windows, g.constant(beta, [1, 1, 1, 1, 1])], { kind: 'mul' });
  return { windows, shares: g.op('activation', [scaled], { kind: 'softmax' }) };
}

const weightedSum = (g: Lowering, shares: Value, values: Value) => g.op('reduce', [g.op('binary', [shares, values], { kind: 'mul' })], { kind: 'sum', axes: [4], keepDims: false });

/** {@link softWhat2d} in a graph. */
export function lowerSoftWhat(g: Lowering, x: Value, size: WindowSize, beta: number): Value {
  const { windows, shares } = lowerWindows(g, x, size, beta);
  return weightedSum(g, shares, windows);
}

/** {@link softWhere2d} in a graph. */
export function lowerSoftWhere(g: Lowering, x: Value, size: WindowSize, beta: number): Value {
  const { shares } = lowerWindows(g, x, size, beta);
  const { across, down } = offsets(size);
  return g.op('concat', [across, down].map((values) => weightedSum(g, shares, g.constant(values, [1, 1, 1, 1, values.length]))), { axis: 3 });
}
