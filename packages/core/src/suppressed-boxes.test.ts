/** Suppression on tensors: what stays, in which order, and what fills the places that stay empty. Values are worked out by hand. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { randomStream, suppressedBoxes, suppressGreedily, type SuppressionAttributes } from './index.js';
import { suppressInRounds } from './suppression-rounds.js';

beforeAll(() => tf.setBackend('cpu'));

const EMPTY = [0, 0, 0, 0, 0, -1];

function suppressed(boxes: number[][][], scores: number[][][], attributes: Partial<SuppressionAttributes> = {}): number[][][] {
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => suppressedBoxes(tf.tensor3d(boxes), tf.tensor3d(scores), { threshold: 0.5, scoreThreshold: 0, candidates: 10, limit: 3, ...attributes }).arraySync());
  expect(tf.memory().numTensors).toBe(before);
  return result;
}

/** Unit squares, each a half further: neighbours share a third. */
const line = (count: number) => Array.from({ length: count }, (_, i) => [i / 2, 0, i / 2 + 1, 1]);

test('a better box takes away what overlaps it more, within its class, and empty places are said', () => {
  const scores = [[0.5, 0.25], [0.75, 0.125], [0.25, 0.5]];
  expect(suppressed([line(3)], [scores], { threshold: 0.3, limit: 5 })).toEqual([[
    [0.5, 0, 1.5, 1, 0.75, 0], // its neighbours go
    [1, 0, 2, 1, 0.5, 1], // of the other class; box 1 goes, box 0 only touches it
    [0, 0, 1, 1, 0.25, 1],
    EMPTY, EMPTY,
  ]]);
});

test('the overlap must be above the threshold, the score too', () => {
  // Half of the first is the second: IoU 0.5.
  const boxes = [[[0, 0, 2, 2], [0, 0, 2, 1], [5, 5, 6, 6]]];
  const scores = [[[0.75], [0.5], [0.25]]];
  expect(suppressed(boxes, scores, { threshold: 0.5, scoreThreshold: 0.25 })).toEqual([[[0, 0, 2, 2, 0.75, 0], [0, 0, 2, 1, 0.5, 0], EMPTY]]);
  expect(suppressed(boxes, scores, { threshold: 0.25, scoreThreshold: 0.125 })).toEqual([[[0, 0, 2, 2, 0.75, 0], [5, 5, 6, 6, 0.25, 0], EMPTY]]);
});

test('of equal scores the lower class comes first, then the lower box; of so many candidates the best are looked at', () => {
  const boxes = [[[0, 0, 1, 1], [2, 0, 3, 1], [4, 0, 5, 1]]];
  const equal = [[[0.5, 0.5], [0.5, 0.5], [0.5, 0.75]]];
  expect(suppressed(boxes, equal, { limit: 4 })[0]!.map(([x, , , , , kind]) => [x, kind])).toEqual([[4, 1], [0, 0], [2, 0], [4, 0]]);
  // Three on top of each other and one beside: with three candidates it is never reached.
  const heap = [[[0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4], [9, 9, 10, 10]]];
  const falling = [[[0.5], [0.375], [0.25], [0.125]]];
  expect(suppressed(heap, falling, { candidates: 3, limit: 2 })).toEqual([[[0, 0, 4, 4, 0.5, 0], EMPTY]]);
  expect(suppressed(heap, falling, { candidates: 4, limit: 2 })).toEqual([[[0, 0, 4, 4, 0.5, 0], [9, 9, 10, 10, 0.125, 0]]]);
});

test('images are apart, one may have nothing, and a score that is not a number never counts', () => {
  const boxes = [line(2), line(2), line(2)];
  expect(suppressed(boxes, [[[0.5], [0.25]], [[-1], [0]], [[Number.NaN], [0.25]]], { limit: 1 })).toEqual([[[0, 0, 1, 1, 0.5, 0]], [EMPTY], [[0.5, 0, 1.5, 1, 0.25, 0]]]);
});

test('boxes without an area and turned inside out overlap with nothing', () => {
  const boxes = Float32Array.of(0, 0, 2, 2, 1, 1, 1, 1, 2, 2, 0, 0, 0, 0, 2, 2);
  expect(suppressGreedily(boxes, Int32Array.of(0, 1, 2, 3), { threshold: 0, limit: 10 })).toEqual([0, 1, 2]);
  expect(suppressGreedily(boxes, Int32Array.of(3, 2, 1, 0), { threshold: 0, limit: 2 })).toEqual([3, 2]);
});

test('there is no gradient, and it says so', () => {
  const scores = tf.tensor3d([[[0.5]]]);
  const boxes = tf.tensor3d([[[0, 0, 1, 1]]]);
  const attributes = { threshold: 0.5, scoreThreshold: 0, candidates: 1, limit: 1 };
  expect(() => tf.grad((x) => tf.sum(suppressedBoxes(boxes, x as tf.Tensor3D, attributes)))(scores)).toThrow('nonMaxSuppression has no gradient');
  tf.dispose([scores, boxes]);
});

test.each([
  ['many candidates', { threshold: 0.4, scoreThreshold: 0.1, candidates: 1000, limit: 40 }],
  ['few candidates', { threshold: 0.2, scoreThreshold: 0.3, candidates: 7, limit: 40 }],
  ['all that do not touch', { threshold: 0, scoreThreshold: 0.5, candidates: 30, limit: 10 }],
])('rounds in tensors, for backends that are read later, leave the same boxes: %s', (_, attributes) => {
  const next = randomStream(3);
  const [images, rows, kinds] = [3, 60, 3];
  const boxes = Array.from({ length: images * rows }, () => {
    const [x, y] = [Math.floor(3 * next()) / 3, Math.floor(3 * next()) / 3];
    return [x, y, x + 0.4 * next() - 0.02, y + 0.4 * next() - 0.02];
  }).flat();
  const scores = Float32Array.from({ length: images * rows * kinds }, () => next());
  scores.fill(0, 0, rows * kinds); // nothing in the first image
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const [b, s] = [tf.tensor3d(boxes, [images, rows, 4]), tf.tensor3d(scores, [images, rows, kinds])];
    const wanted = suppressedBoxes(b, s, attributes).dataSync();
    expect(wanted.filter((kind, i) => i % 6 === 5 && kind >= 0).length).toBeGreaterThan(15);
    expect(suppressInRounds(b, s, attributes).dataSync()).toEqual(wanted);
  });
  expect(tf.memory().numTensors).toBe(before);
});
