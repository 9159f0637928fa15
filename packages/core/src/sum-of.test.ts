import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { sumOf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

it.each([1, 2, 9, 40])('adds %i tensors, and each gets the whole gradient', (n) => {
  tf.tidy(() => {
    const tensors = Array.from({ length: n }, (_, i) => tf.tensor1d([i, 1]));
    expect([...sumOf(tensors).dataSync()]).toEqual([(n * (n - 1)) / 2, n]);
    const gradients = tf.grads((...given) => sumOf(given))(tensors, tf.tensor1d([2, 3]));
    for (const gradient of gradients) expect([...gradient.dataSync()]).toEqual([2, 3]);
  });
});

it('leaves its arguments and nothing else', () => {
  const x = tf.scalar(2);
  const before = tf.memory().numTensors;
  sumOf([x]).dispose();
  sumOf([x, x, x]).dispose();
  expect(tf.memory().numTensors).toBe(before);
  expect(x.dataSync()[0]).toBe(2);
  x.dispose();
  expect(() => sumOf([])).toThrow(/at least one tensor/);
});
