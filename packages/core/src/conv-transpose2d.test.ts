import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { convolveTranspose2d, convTranspose2d } from './conv-transpose2d.js';

describe.each(['wasm', 'cpu'])('a transposed convolution on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  test('adds every pixel times the kernel, stride pixels apart, and cuts the padding off', () => {
    const x = tf.tensor4d([1, 2], [1, 1, 2, 1]);
    const kernel = tf.tensor4d([1, 10, 100], [1, 3, 1, 1]);
    const values = (left: number, width: number) => [...convolveTranspose2d(x, kernel, { strides: [1, 2], padding: [0, 0, left, left], outputSize: [1, width] }).dataSync()];
    // 1 10 100, and 2 20 200 two pixels on.
    expect(values(0, 5)).toEqual([1, 10, 102, 20, 200]);
    expect(values(1, 3)).toEqual([10, 102, 20]);
    expect(values(1, 4)).toEqual([10, 102, 20, 200]);
  });

  test("has the values and gradients of TensorFlow.js' own on cpu", async () => {
    const [x, kernel] = [tf.randomNormal([2, 4, 5, 3], 0, 1, 'float32', 1), tf.randomNormal([3, 4, 2, 3], 0, 1, 'float32', 2)] as [tf.Tensor4D, tf.Tensor4D];
    const attributes = { strides: [2, 1], padding: [1, 1, 2, 2], outputSize: [7, 4] } as const;
    const own = (a: tf.Tensor, b: tf.Tensor) => convolveTranspose2d(a as tf.Tensor4D, b as tf.Tensor4D, attributes);
    const found = [own(x, kernel), ...tf.grads((a, b) => tf.sum(tf.square(own(a!, b!))))([x, kernel])].map((tensor) => tensor.dataSync());
    await tf.setBackend('cpu');
    const stock = (a: tf.Tensor, b: tf.Tensor) => tf.conv2dTranspose(a as tf.Tensor4D, b as tf.Tensor4D, [2, 7, 4, 2], [2, 1], [[0, 0], [1, 1], [2, 2], [0, 0]] as unknown as 'valid');
    const wanted = [stock(x, kernel), ...tf.grads((a, b) => tf.sum(tf.square(stock(a!, b!))))([x, kernel])].map((tensor) => tensor.dataSync());
    await tf.setBackend(backend);
    wanted.forEach((values, i) => values.forEach((value, k) => expect(found[i]![k]! - value).toBeCloseTo(0, 3)));
  });
});

test.each([
  ['padding of a whole kernel', { padding: 3 }, /padding must be below kernelSize \(3x3\), got \[3,3\]/],
  ['output padding of a stride', { outputPadding: 1 }, /outputPadding must be below strides \(1x1\)/],
  ['an output of nothing', { padding: 2 }, /padding must be less, for an input of 1x2/],
  ['a misspelt option', { outputpadding: 1 }, /did you mean outputPadding/],
])('refuses %s', (_, options, message) => {
  expect(() => convTranspose2d(input({ shape: [1, 2, 4] }), { filters: 2, kernelSize: 3, name: 'up', ...options })).toThrow(message);
});
