/** Suppression against its definition written out, against tf.image, and against the d2l package's recorded result. */
import '@tensorflow/tfjs-backend-cpu';
import { randomStream } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { boxOverlaps, convertBoxes, fastNonMaxSuppression, matrixNonMaxSuppression, multiboxDetection, nonMaxSuppression, softNonMaxSuppression, suppressTensors } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

/** Boxes in heaps, so that many overlap; some negative, scores with many ties. */
function scene(count: number, seed: number, levels = 50) {
  const next = randomStream(seed);
  const boxes = new Float32Array(4 * count);
  for (let i = 0; i < count; i++) {
    const [x, y, w, h] = [Math.floor(8 * next()) * 40 - 100 + 20 * next(), Math.floor(8 * next()) * 40 - 100 + 20 * next(), 2 + 60 * next() ** 3, 2 + 60 * next() ** 3];
    boxes.set([x, y, x + w, y + h], 4 * i);
  }
  const scores = Float32Array.from({ length: count }, () => Math.floor(levels * next()) / levels);
  const classes = Int32Array.from({ length: count }, () => Math.floor(4 * next()));
  return { boxes, scores, classes };
}

/** The definition, with the whole matrix. */
function plainSuppression(boxes: Float32Array, scores: Float32Array, threshold: number, classes?: Int32Array) {
  const overlaps = boxOverlaps(boxes, boxes);
  const order = [...scores.keys()].sort((i, j) => scores[j]! - scores[i]! || i - j);
  const kept: number[] = [];
  for (const i of order) if (kept.every((k) => (classes && classes[k] !== classes[i]) || overlaps[k * scores.length + i]! <= threshold)) kept.push(i);
  return kept;
}

describe('greedy suppression', () => {
  it.each([0, 0.1, 0.3, 0.5, 0.7, 0.95, 1])('agrees with its definition at %d, with and without classes', (threshold) => {
    for (const seed of [1, 2, 3]) {
      const { boxes, scores, classes } = scene(400, seed);
      expect([...nonMaxSuppression(boxes, scores, { threshold })]).toEqual(plainSuppression(boxes, scores, threshold));
      expect([...nonMaxSuppression(boxes, scores, { threshold, classes })]).toEqual(plainSuppression(boxes, scores, threshold, classes));
    }
  });

  it('agrees with tf.image.nonMaxSuppression where no overlap equals the threshold', () => {
    const { boxes, scores } = scene(1500, 4, 1e6);
    const rows = convertBoxes(boxes, 'xyxy', 'yxyx');
    const wanted = tf.tidy(() => tf.image.nonMaxSuppression(tf.tensor2d(rows, [1500, 4]), tf.tensor1d(scores), 1500, 0.45, 0.1).arraySync());
    expect([...nonMaxSuppression(boxes, scores, { threshold: 0.45, scoreThreshold: 0.1 })]).toEqual(wanted);
    expect(wanted.length).toBeGreaterThan(100);
  });

  it('a box that overlaps by just the threshold stays', () => {
    const boxes = Float32Array.of(0, 0, 2, 2, 0, 0, 2, 1);
    expect([...nonMaxSuppression(boxes, Float32Array.of(1, 0.5), { threshold: 0.5 })]).toEqual([0, 1]);
    expect([...nonMaxSuppression(boxes, Float32Array.of(1, 0.5), { threshold: 0.49 })]).toEqual([0]);
  });

  it('is idempotent, and what stays does not overlap', () => {
    const { boxes, scores } = scene(600, 5);
    const stay = nonMaxSuppression(boxes, scores, { threshold: 0.4 });
    const [some, theirs] = [Float32Array.from([...stay].flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)])), Float32Array.from(stay, (i) => scores[i]!)];
    expect([...nonMaxSuppression(some, theirs, { threshold: 0.4 })]).toEqual([...stay.keys()]);
  });

  it('equal scores keep their order, and a different order of boxes gives the same boxes', () => {
    const { boxes } = scene(200, 6);
    const apart = Float32Array.from({ length: 800 }, (_, i) => 10 * Math.floor(i / 4) + (i % 4 >= 2 ? 5 : 0));
    expect([...nonMaxSuppression(apart, new Float32Array(200).fill(0.5))]).toEqual([...Array(200).keys()]);
    const scores = Float32Array.from({ length: 200 }, (_, i) => i / 200);
    const reversed = new Float32Array(800);
    for (let i = 0; i < 200; i++) reversed.set(boxes.subarray(4 * (199 - i), 4 * (200 - i)), 4 * i);
    expect([...nonMaxSuppression(reversed, scores.slice().reverse())].map((i) => 199 - i)).toEqual([...nonMaxSuppression(boxes, scores)]);
  });

  it('thresholds of the score are strict, NaN never counts, limits cut', () => {
    const boxes = Float32Array.from({ length: 16 }, (_, i) => 10 * Math.floor(i / 4) + (i % 4 >= 2 ? 5 : 0));
    const scores = Float32Array.of(0.5, Number.NaN, 0.75, Number.NEGATIVE_INFINITY);
    expect([...nonMaxSuppression(boxes, scores)]).toEqual([2, 0, 3]);
    expect([...nonMaxSuppression(boxes, scores, { scoreThreshold: 0.5 })]).toEqual([2]);
    expect([...nonMaxSuppression(boxes, scores, { limit: 2 })]).toEqual([2, 0]);
    expect([...nonMaxSuppression(new Float32Array(0), new Float32Array(0))]).toEqual([]);
  });

  it('20,000 boxes need no memory for their pairs', () => {
    const { boxes, scores } = scene(20_000, 7);
    // An array of all pairs, even of one byte each, would be 400 MB.
    const before = process.memoryUsage();
    expect(nonMaxSuppression(boxes, scores).length).toBeGreaterThan(1000);
    const after = process.memoryUsage();
    expect(after.heapTotal + after.arrayBuffers - before.heapTotal - before.arrayBuffers).toBeLessThan(1e8);
  });

  it('wrong lengths and options are refused', () => {
    expect(() => nonMaxSuppression(new Float32Array(8), new Float32Array(3))).toThrow('nonMaxSuppression: scores must be one for each of the 2 boxes, got 3 (number)');
    expect(() => nonMaxSuppression(new Float32Array(8), new Float32Array(2), { classes: new Int32Array(1) })).toThrow('classes must be one for each');
    expect(() => nonMaxSuppression(new Float32Array(8), new Float32Array(2), { treshold: 1 } as never)).toThrow('did you mean threshold?');
  });
});

describe('fast suppression', () => {
  it('counts boxes that go themselves', () => {
    // A chain: the second overlaps the first, the third only the second.
    const boxes = Float32Array.of(0, 0, 4, 1, 1, 0, 5, 1, 2, 0, 6, 1);
    const scores = Float32Array.of(0.9, 0.8, 0.7);
    expect([...nonMaxSuppression(boxes, scores)]).toEqual([0, 2]);
    expect([...fastNonMaxSuppression(boxes, scores)]).toEqual([0]);
    expect([...fastNonMaxSuppression(boxes, scores, { classes: Int32Array.of(0, 1, 0) })]).toEqual([0, 1, 2]);
  });

  it('keeps some of what the greedy one keeps', () => {
    const { boxes, scores, classes } = scene(500, 8);
    const greedy = new Set(nonMaxSuppression(boxes, scores, { classes }));
    const fast = [...fastNonMaxSuppression(boxes, scores, { classes })];
    expect(fast.every((i) => greedy.has(i))).toBe(true);
    expect(fast.length).toBeGreaterThan(0);
  });
});

describe('suppression by lower scores', () => {
  it("Gaussian Soft-NMS is tf.image.nonMaxSuppressionWithScore's with half the sigma", () => {
    const { boxes, scores } = scene(150, 9, 1e6);
    const wanted = tf.tidy(() => {
      const result = tf.image.nonMaxSuppressionWithScore(tf.tensor2d(convertBoxes(boxes, 'xyxy', 'yxyx'), [150, 4]), tf.tensor1d(scores), 150, 1, 0.001, 0.25);
      return { indices: result.selectedIndices!.dataSync(), scores: result.selectedScores!.dataSync() };
    });
    const actual = softNonMaxSuppression(boxes, scores);
    expect([...actual.indices]).toEqual([...wanted.indices]);
    actual.scores.forEach((score, i) => expect(score).toBeCloseTo(wanted.scores[i]!, 5));
  });

  // IoU of neighbours 3 / 5, of the outer two 2 / 6.
  const chain = Float32Array.of(0, 0, 4, 1, 1, 0, 5, 1, 2, 0, 6, 1);
  const scores = Float64Array.of(0.9, 0.8, 0.7);

  it('linear Soft-NMS multiplies by 1 - IoU from the threshold on', () => {
    const { indices, scores: lowered } = softNonMaxSuppression(chain, scores, { decay: 'linear' });
    // The third: 0.7 (1 - 1/3) = 0.4667 comes before the second, 0.8 (1 - 0.6) = 0.32, which it lowers to 0.32 0.4.
    expect([...indices]).toEqual([0, 2, 1]);
    [0.9, 0.7 * (2 / 3), 0.8 * 0.4 * 0.4].forEach((score, i) => expect(lowered[i]).toBeCloseTo(score, 12));
    const high = softNonMaxSuppression(chain, scores, { decay: 'linear', threshold: 0.5 });
    [0.9, 0.7, 0.8 * 0.4 * 0.4].forEach((score, i) => expect(high.scores[i]).toBeCloseTo(score, 12));
  });

  it('classes and thresholds count, as with the greedy one', () => {
    expect([...softNonMaxSuppression(chain, scores, { classes: Int32Array.of(0, 1, 2) }).scores]).toEqual([0.9, 0.8, 0.7]);
    expect([...softNonMaxSuppression(chain, scores, { decay: 'linear', scoreThreshold: 0.4 }).indices]).toEqual([0, 2]);
    expect([...softNonMaxSuppression(chain, scores, { limit: 1 }).indices]).toEqual([0]);
  });

  it('Matrix NMS takes the smallest ratio of decays', () => {
    // Most overlap with a better one: 0, 0.6, 0.6. The third: min((1 - 1/3) / 1, (1 - 0.6) / (1 - 0.6)).
    const linear = matrixNonMaxSuppression(chain, scores, { decay: 'linear' });
    expect([...linear.indices]).toEqual([0, 2, 1]);
    [0.9, 0.7 * (2 / 3), 0.8 * 0.4].forEach((score, i) => expect(linear.scores[i]).toBeCloseTo(score, 12));
    const gaussian = matrixNonMaxSuppression(chain, scores, { decay: 'gaussian', sigma: 0.5 });
    const f = (overlap: number) => Math.exp(-2 * overlap ** 2);
    [0.9, 0.7 * f(1 / 3), 0.8 * f(0.6)].forEach((score, i) => expect(gaussian.scores[i]).toBeCloseTo(score, 12));
  });

  it('Matrix NMS takes boxes equal to a better one away and lets them lower nothing', () => {
    const twice = Float32Array.of(0, 0, 4, 1, 0, 0, 4, 1, 10, 0, 14, 1);
    expect([...matrixNonMaxSuppression(twice, scores, { decay: 'linear' }).indices]).toEqual([0, 2]);
  });
});

describe('detections of Dive into Deep Learning', () => {
  const boxes = Float32Array.of(0.1, 0.08, 0.52, 0.92, 0.08, 0.2, 0.56, 0.95, 0.15, 0.3, 0.62, 0.91, 0.55, 0.2, 0.9, 0.88);
  it('are its recorded ones', () => {
    const { indices, classes, scores } = multiboxDetection(Float64Array.of(0, 0.9, 0.1, 0, 0.8, 0.2, 0, 0.7, 0.3, 0, 0.1, 0.9), boxes);
    expect([...classes]).toEqual([0, 1, -1, -1]);
    expect([...scores]).toEqual([0.9, 0.9, 0.8, 0.7]);
    expect([...indices]).toEqual([0, 3, 1, 2]);
  });

  it('a low score is background with the rest of the probability', () => {
    const { classes, scores } = multiboxDetection(Float64Array.of(0.995, 0.005), boxes.subarray(0, 4));
    expect([...classes]).toEqual([-1]);
    expect(scores[0]).toBeCloseTo(0.995, 12);
    expect(() => multiboxDetection(new Float64Array(5), boxes)).toThrow('probabilities must be at least two numbers');
  });
});

describe('suppression of tensors', () => {
  it('gives indices and scores, and leaves no other tensor', async () => {
    const { boxes, scores, classes } = scene(100, 10);
    const tensors = { boxes: tf.tensor2d(boxes, [100, 4]), scores: tf.tensor1d(scores), classes: tf.tensor1d(classes, 'int32') };
    const before = tf.memory().numTensors;
    const greedy = await suppressTensors(nonMaxSuppression, tensors.boxes, tensors.scores, { threshold: 0.4, classes: tensors.classes });
    const soft = await suppressTensors(softNonMaxSuppression, tensors.boxes, tensors.scores, { decay: 'linear' });
    expect(tf.memory().numTensors).toBe(before + 4);
    expect(greedy.indices.dtype).toBe('int32');
    expect([...greedy.indices.dataSync()]).toEqual([...nonMaxSuppression(boxes, scores, { threshold: 0.4, classes })]);
    expect([...soft.indices.dataSync()]).toEqual([...softNonMaxSuppression(boxes, scores, { decay: 'linear' }).indices]);
    expect(soft.scores.dataSync()[0]).toBe(Math.max(...scores));
  });
});
