import '@tensorflow/tfjs-backend-cpu';
import { dense, flatten, OptionError, randomStream } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model as modelOf, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { boxesOfClass, boxesOfFractions, boxFractions, boxOverlaps, classBoxTargets, evaluateLocalization, localizer, mergeBoxes, type MergeOptions } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

const classifier = () => {
  const x = input({ shape: [4, 4, 1] });
  return modelOf({ inputs: x, outputs: dense(dense(flatten(x), { units: 6, activation: 'relu', name: 'fc7' }), { units: 3, name: 'fc8' }), name: 'net' });
};

describe('localizer', () => {
  it.each([['shared', 4], ['perClass', 12]] as const)('with %s boxes has %d outputs in place of the last layer, and starts with one box', (boxes, width) => {
    const net = classifier();
    const found = localizer(net, { boxes, start: [0.5, 0.5, 0.25, 1] });
    expect(found.outputShape).toEqual([null, width]);
    expect(found.layers.map(({ name }) => name)).toEqual([...net.layers.slice(0, -1).map(({ name }) => name), 'fc8.boxes']);
    expect(found.getLayer('fc7')).toBe(net.getLayer('fc7'));
    // A black image shows the biases: 6 inputs are 0.
    const first = tf.tidy(() => [...(found.predict(tf.zeros([1, 4, 4, 1])) as tf.Tensor).dataSync()]);
    expect(first).toEqual(Array.from({ length: width / 4 }, () => [0.5, 0.5, 0.25, 1]).flat());
    const deviation = tf.tidy(() => tf.sqrt(tf.moments(found.getLayer('fc8.boxes').getWeights()[0]!).variance).arraySync());
    expect(deviation).toBeGreaterThan(0.005);
    expect(deviation).toBeLessThan(0.015);
    tf.disposeVariables();
  });

  it("takes tf.layers' dense layers, and draws what the seed says", () => {
    const net = sequential({ layers: [layers.flatten({ inputShape: [4, 4, 1] }), layers.dense({ units: 5, name: 'logits' })] });
    const kernels = [1, 1, 2].map((seed) => [...localizer(net, { boxes: 'perClass', seed }).getLayer('logits.boxes').getWeights()[0]!.dataSync()]);
    expect(kernels[0]).toEqual(kernels[1]);
    expect(kernels[0]).not.toEqual(kernels[2]);
    tf.disposeVariables();
  });

  it('refuses what does not end in a dense layer', () => {
    const pooled = sequential({ layers: [layers.globalAveragePooling2d({ inputShape: [4, 4, 1] })] });
    expect(() => localizer(pooled)).toThrow(/^localizer: classifier must be a model of one output whose last layer is dense, got "GlobalAveragePooling2D /);
    expect(() => localizer(undefined as never)).toThrow(OptionError);
    expect(() => localizer(classifier(), { boxes: 'single' } as never)).toThrow(/boxes must be one of shared, perClass, got "single"/);
    expect(() => localizer(classifier(), { start: [0, 1] } as never)).toThrow(/start must be 4 numbers/);
    tf.disposeVariables();
  });
});

describe('shares of a window', () => {
  it('by hand: a box of 20 x 40 in a window of 100 x 80 that begins at (10, 20)', () => {
    const fractions = boxFractions(Float64Array.of(30, 40, 50, 80), Float64Array.of(10, 20, 110, 100));
    expect([...fractions]).toEqual([0.3, 0.5, 0.2, 0.5]);
    expect([...boxesOfFractions(fractions, Float64Array.of(10, 20, 110, 100))]).toEqual([30, 40, 50, 80]);
  });

  it('go there and back in windows of their own', () => {
    const next = randomStream(4);
    const corners = (count: number) => Float64Array.from(Array.from({ length: count }, () => [10 * next(), 10 * next(), 20 + 10 * next(), 20 + 10 * next()]).flat());
    const [boxes, windows] = [corners(20), corners(20)];
    boxesOfFractions(boxFractions(boxes, windows), windows).forEach((value, i) => expect(value).toBeCloseTo(boxes[i]!, 10));
  });

  it('refuse windows without area, and another number of them', () => {
    expect(() => boxFractions(new Float32Array(8), Float32Array.of(1, 1, 1, 2))).toThrow(/windows\[0\] must be corners .* with an area, got \[1,1,1,2\]/);
    expect(() => boxFractions(new Float32Array(8), new Float32Array(12))).toThrow(/windows must be 1 window, or one for each of the 2 boxes, got 3/);
  });
});

describe('one box a class', () => {
  it('learns at the class of the image and nowhere else, and is read there', () => {
    const targets = classBoxTargets(Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8), [2, 0], 3);
    const N = Number.NaN;
    const rows = Float32Array.of(N, N, N, N, N, N, N, N, 0.1, 0.2, 0.3, 0.4, /**/ 0.5, 0.6, 0.7, 0.8, N, N, N, N, N, N, N, N);
    expect(targets).toEqual(rows);
    expect([...boxesOfClass(targets, [2, 0])]).toEqual([...Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)]);
  });

  it('refuses classes that there are not', () => {
    expect(() => classBoxTargets(new Float32Array(4), [3], 3)).toThrow(/labels\[0\] must be a class from 0 to 2, got 3/);
    expect(() => classBoxTargets(new Float32Array(4), [0, 1], 3)).toThrow(/labels must be one for each of the 1 images/);
    expect(() => boxesOfClass(new Float32Array(12), [0, 1])).toThrow(OptionError);
  });
});

describe('mergeBoxes', () => {
  // Two squares of 10, 4 apart: distance 0.4 sides, IoU 60 / 140. A third at the other end; the fourth is of another class.
  const boxes = Float64Array.of(0, 0, 10, 10, 4, 0, 14, 10, 50, 50, 60, 60, 0, 0, 10, 10);
  const classes = Int32Array.of(0, 0, 0, 1);

  it('makes one of what is of one object and adds the scores up; classes stay apart', () => {
    const merged = mergeBoxes(boxes, Float64Array.of(0.3, 0.4, 0.6, 0.1), { classes });
    expect([...merged.boxes]).toEqual([2, 0, 12, 10, 50, 50, 60, 60, 0, 0, 10, 10]);
    expect([...merged.scores]).toEqual([0.7, 0.6, 0.1]);
    expect([...merged.classes]).toEqual([0, 0, 1]);
    expect([...merged.counts]).toEqual([2, 1, 1]);
  });

  it.each<[string, MergeOptions, number]>([
    // By hand: 0.4 - 3 / 7 = -0.0286.
    ['at the threshold of its pair', { threshold: 0.4 - 3 / 7 }, 1],
    ['below it', { threshold: -0.03 }, 2],
    ['without the overlap', { overlap: 0 }, 2],
    ['without the overlap, by distance alone', { overlap: 0, threshold: 0.4 }, 1],
  ])('%s', (_, options, left) => {
    expect(mergeBoxes(boxes.subarray(0, 8), Float64Array.of(1, 1), options).boxes.length / 4).toBe(left);
  });

  it('averages over all boxes, or pair by pair as OverFeat', () => {
    // The same place twice, then 3 to the right.
    const three = Float64Array.of(0, 0, 10, 10, 0, 0, 10, 10, 3, 0, 13, 10);
    expect([...mergeBoxes(three, Float64Array.of(1, 1, 1)).boxes]).toEqual([1, 0, 11, 10]);
    expect([...mergeBoxes(three, Float64Array.of(1, 1, 1), { average: 'pairwise' }).boxes]).toEqual([1.5, 0, 11.5, 10]);
  });

  it('is what its definition says: all pairs compared anew after every merging', () => {
    const next = randomStream(9);
    for (let round = 0; round < 20; round++) {
      const some = Float64Array.from(Array.from({ length: 25 }, () => { const [x, y] = [30 * next(), 30 * next()]; return [x, y, x + 5 + 10 * next(), y + 5 + 10 * next()]; }).flat());
      const scores = Float64Array.from({ length: 25 }, () => next());
      const found = mergeBoxes(some, scores, { threshold: 0.2 });
      const expected = definition(some, scores, 0.2);
      expect(found.boxes.length / 4).toBe(expected.length);
      expected.forEach(({ box, score }, i) => {
        expect(found.scores[i]).toBeCloseTo(score, 10);
        box.forEach((value, k) => expect(found.boxes[4 * i + k]).toBeCloseTo(value, 10));
      });
    }
  });

  it('takes boxes without area and none at all', () => {
    expect([...mergeBoxes(Float64Array.of(5, 5, 5, 5, 5, 5, 5, 5), Float64Array.of(1, 2)).scores]).toEqual([3]);
    expect(mergeBoxes(new Float32Array(0), new Float32Array(0)).boxes).toEqual(new Float32Array(0));
    expect(() => mergeBoxes(boxes, Float64Array.of(1))).toThrow(/scores must be one for each of the 4 boxes, got 1/);
    expect(() => mergeBoxes(boxes, new Float64Array(4), { classes: [0] as never })).toThrow(/classes must be an Int32Array/);
  });
});

function definition(boxes: Float64Array, scores: Float64Array, threshold: number) {
  const left = Array.from(scores, (score, i) => ({ box: [...boxes.subarray(4 * i, 4 * i + 4)], score, count: 1 }));
  for (;;) {
    let best = { score: Infinity, i: 0, j: 0 };
    for (let i = 0; i < left.length; i++) {
      for (let j = i + 1; j < left.length; j++) {
        const [a, b] = [left[i]!.box, left[j]!.box] as [number[], number[]];
        const centre = (box: number[], axis: number) => (box[axis]! + box[axis + 2]!) / 2;
        const area = (box: number[]) => (box[2]! - box[0]!) * (box[3]! - box[1]!);
        const distance = Math.hypot(centre(a, 0) - centre(b, 0), centre(a, 1) - centre(b, 1));
        const score = distance / Math.sqrt((area(a) + area(b)) / 2) - boxOverlaps(Float64Array.from(a), Float64Array.from(b))[0]!;
        if (score < best.score) best = { score, i, j };
      }
    }
    if (best.score > threshold) return left.sort((a, b) => b.score - a.score);
    const [a, b] = [left[best.i]!, left[best.j]!];
    const count = a.count + b.count;
    left[best.i] = { box: a.box.map((value, k) => (a.count * value + b.count * b.box[k]!) / count), score: a.score + b.score, count };
    left.splice(best.j, 1);
  }
}

describe('evaluateLocalization', () => {
  const truths = { boxes: Float32Array.of(0, 0, 10, 10, 0, 0, 10, 10, 0, 0, 10, 10), classes: [0, 1, 2] };
  // IoU 1; 1/2 exactly, which is not above it; 60 / 100.
  const found = { boxes: Float32Array.of(0, 0, 10, 10, 0, 0, 10, 5, 0, 0, 6, 10), classes: [0, 1, 0] };

  it('counts boxes above the threshold, strictly, of the right class', () => {
    const { correct, overlaps, meanOverlap } = evaluateLocalization(found, { boxes: truths.boxes });
    expect([...overlaps]).toEqual([1, 0.5, 0.6]);
    expect(correct).toBeCloseTo(2 / 3, 12);
    expect(meanOverlap).toBeCloseTo(0.7, 12);
    expect(evaluateLocalization(found, truths).correct).toBeCloseTo(1 / 3, 12);
    expect(evaluateLocalization(found, truths, { threshold: 0.4 }).correct).toBeCloseTo(2 / 3, 12);
  });

  it('refuses lists that do not fit', () => {
    expect(() => evaluateLocalization({ boxes: new Float32Array(4) }, truths)).toThrow(/found\.boxes must be one for each of the 3 images, got 1/);
    expect(() => evaluateLocalization({ ...found, classes: [0] }, truths)).toThrow(/found\.classes must be one for each/);
    expect(() => evaluateLocalization({ boxes: new Float32Array(0) }, { boxes: new Float32Array(0) })).toThrow(/at least one box/);
  });
});
