/** RoI pooling and alignment: golden values of torchvision's C++ kernels; gradients against differences. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { relativeError } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { pyramidLevels, roiAlign, roiAlign2d, roiPool, roiPool2d } from './index.js';

const ramp = () => tf.reshape(tf.range(0, 64), [1, 8, 8, 1]) as tf.Tensor4D;
const region = (...corners: [number, number, number, number]) => tf.tensor2d([[0, ...corners]]);

describe.each(['wasm', 'cpu'])('regions on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('RoIAlign in both conventions', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const options = { outputSize: 2, samplingRatio: 2 };
      expect([...roiAlign2d(ramp(), region(1, 1, 6, 5), { ...options, aligned: false }).dataSync()]).toEqual([18.25, 20.75, 34.25, 36.75]);
      expect([...roiAlign2d(ramp(), region(1, 1, 6, 5), options).dataSync()]).toEqual([13.75, 16.25, 29.75, 32.25]);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<[[number, number, number, number], number[]]>([
    [[-3, -3, 1, 1], [0, 0, 0, 1]],
    [[2, 2, 6, 6], [1, 0, 0, 0]],
    [[-0.9, 0, 0.9, 1.8], [1, 1, 1, 1]],
  ])('RoIAlign of %j: samples outside are 0, those within a pixel read the border', (corners, wanted) => {
    tf.tidy(() => {
      const pooled = roiAlign2d(tf.ones([1, 4, 4, 1]), region(...corners), { outputSize: 2, samplingRatio: 2, aligned: false });
      expect(relativeError(pooled.dataSync(), wanted)).toBeLessThan(1e-6);
    });
  });

  it('an aligned region without a size is 0, a legacy one has a pixel', () => {
    tf.tidy(() => {
      expect([...roiAlign2d(ramp(), region(3, 3, 3, 3), { outputSize: 1 }).dataSync()]).toEqual([0]);
      expect([...roiAlign2d(ramp(), region(3, 3, 3, 3), { outputSize: 1, aligned: false }).dataSync()]).toEqual([3.5 * 8 + 3.5]);
    });
  });

  it('RoI pooling, bins of which overlap', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      expect([...roiPool2d(ramp(), region(1, 1, 6, 5), { outputSize: 2 }).dataSync()]).toEqual([27, 30, 43, 46]);
      expect([...roiPool2d(ramp(), region(1, 1, 6, 5), { outputSize: 3 }).dataSync()]).toEqual([18, 20, 22, 34, 36, 38, 42, 44, 46]);
      // Halves round up, scaled: (0.5, 2.5) -> (1, 3); everything negative: the largest is not the 0 of empty bins.
      expect([...roiPool2d(tf.neg(ramp()), region(1, 1, 5, 5), { outputSize: 1, spatialScale: 0.5 }).dataSync()]).toEqual([-9]);
      expect([...roiPool2d(ramp(), region(-8, -8, 3, 3), { outputSize: 2 }).dataSync()]).toEqual([0, 0, 0, 27]);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('channels, images, an oblong output, and more regions than a step holds', () => {
    tf.tidy(() => {
      const x = tf.randomUniform<tf.Rank.R4>([2, 9, 80, 300], -1, 1, 'float32', 1);
      const rows = Array.from({ length: 60 }, (_, r) => [r % 2, (r % 5) - 1, (r % 3) - 0.5, 3 + (r % 4), 4 + (r % 5)]);
      for (const pool of [roiAlign2d, roiPool2d]) {
        const together = pool(x, tf.tensor2d(rows), { outputSize: [7, 2] });
        expect(together.shape).toEqual([60, 7, 2, 300]);
        const alone = tf.concat([0, 17, 59].map((r) => pool(tf.slice(x, [r % 2, 0, 0, 0], [1, -1, -1, -1]), tf.tensor2d([[0, ...rows[r]!.slice(1)]]), { outputSize: [7, 2] })));
        const same = tf.concat([0, 17, 59].map((r) => tf.slice(together, [r, 0, 0, 0], [1, -1, -1, -1])));
        expect(relativeError(alone.dataSync(), same.dataSync())).toBeLessThan(1e-6);
        const gradient = (some: number[][]) => tf.grad((image) => tf.sum(pool(image as tf.Tensor4D, tf.tensor2d(some), { outputSize: [7, 2] })))(x);
        const parts = tf.add(gradient(rows.slice(0, 10)), gradient(rows.slice(10)));
        expect(relativeError(gradient(rows).dataSync(), parts.dataSync())).toBeLessThan(1e-5);
      }
    });
  });

  it.each([['roiAlign2d', roiAlign2d], ['roiPool2d', roiPool2d]] as const)('gradients of %s agree with differences', (_, pool) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      // A permutation: no two pixels are nearly equal, which the differences of a maximum would not bear.
      const values = Array.from({ length: 2 * 5 * 6 * 2 }, (_, i) => ((i * 37) % 120) / 20);
      const regions = tf.tensor2d([[1, 0.2, 0.7, 4.1, 3.6], [0, -2, 1, 3, 9], [1, 20, 20, 22, 22], [0, 1, 1, 4, 3]]);
      const run = (x: tf.Tensor) => pool(x as tf.Tensor4D, regions, { outputSize: [2, 3] });
      const image = (data: number[]) => tf.tensor(data, [2, 5, 6, 2]);
      const weights = tf.randomUniform([4, 2, 3, 2], -1, 1, 'float32', 2);
      const gradient = tf.grad((x) => tf.sum(tf.mul(run(x), weights)))(image(values)).dataSync();
      const wanted = values.map((_, i) => {
        const at = (change: number) => tf.tidy(() => tf.sum(tf.mul(run(image(values.map((v, j) => (i === j ? v + change : v)))), weights)).dataSync()[0]!);
        return (at(0.01) - at(-0.01)) / 0.02;
      });
      expect(relativeError(gradient, wanted)).toBeLessThan(1e-3);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([['roiAlign2d', roiAlign2d], ['roiPool2d', roiPool2d]] as const)('%s of no regions has no rows and no gradient to give', (_, pool) => {
    tf.tidy(() => {
      expect(pool(ramp(), tf.zeros([0, 5]), { outputSize: 7 }).shape).toEqual([0, 7, 7, 1]);
      const gradient = tf.grad((x) => tf.sum(pool(x as tf.Tensor4D, tf.zeros([0, 5]), { outputSize: 7 })))(ramp());
      expect(gradient.dataSync().every((v) => v === 0)).toBe(true);
    });
  });

  it('regions that are none are refused', () => {
    tf.tidy(() => {
      expect(() => roiAlign2d(ramp(), tf.zeros([1, 4]), { outputSize: 1 })).toThrow('roiAlign2d: regions must be [R, 5]');
      expect(() => roiPool2d(ramp(), tf.tensor2d([[1, 0, 0, 1, 1]]), { outputSize: 1 })).toThrow('regions must be in one of the 1 images (number 0), got 1 (number)');
      expect(() => roiPool2d(ramp(), tf.tensor2d([[0, 0, Number.NaN, 1, 1]]), { outputSize: 1 })).toThrow('finite');
      expect(() => roiAlign2d(ramp(), region(0, 0, 1, 1), { outputSize: 0 })).toThrow('outputSize must be');
    });
  });
});

describe('layers of regions', () => {
  const [map, boxes] = [() => input({ shape: [8, 8, 3] }), () => input({ shape: [5, 4] })];

  it('R boxes an image have R times the bins, and their options are kept', () => {
    const align = roiAlign(map(), boxes(), { outputSize: [3, 2], spatialScale: 0.5, name: 'align' });
    expect(align.shape).toEqual([null, 5, 3, 2, 3]);
    expect(align.sourceLayer.getConfig()).toMatchObject({ outputSize: [3, 2], spatialScale: 0.5, samplingRatio: 2, aligned: true });
    expect(roiPool(map(), boxes(), { outputSize: 4 }).shape).toEqual([null, 5, 4, 4, 3]);
  });

  it('a layer gives what the function gives of the same boxes', () => {
    tf.tidy(() => {
      const x = tf.randomNormal<tf.Rank.R4>([2, 8, 8, 3], 0, 1, 'float32', 1);
      const corners = tf.randomUniform<tf.Rank.R3>([2, 5, 4], -2, 10, 'float32', 2);
      const regions = tf.concat([tf.tensor2d([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], [10, 1]), tf.reshape(corners, [10, 4])], 1) as tf.Tensor2D;
      const of = (make: (x: SymbolicTensor, given: SymbolicTensor) => SymbolicTensor) => {
        const [inMap, inBoxes] = [map(), boxes()];
        return (model({ inputs: [inMap, inBoxes], outputs: make(inMap, inBoxes) }).predict([x, corners]) as tf.Tensor).dataSync();
      };
      const options = { outputSize: [2, 3] as const, spatialScale: 0.8 };
      expect(of((a, b) => roiAlign(a, b, { ...options, samplingRatio: 3 }))).toEqual(roiAlign2d(x, regions, { ...options, samplingRatio: 3 }).dataSync());
      expect(of((a, b) => roiPool(a, b, options))).toEqual(roiPool2d(x, regions, options).dataSync());
    });
  });

  it('boxes and options that do not fit are refused', () => {
    expect(() => roiAlign(map(), input({ shape: [5, 5] }), { outputSize: 2, name: 'align' })).toThrow('roiAlign "align": boxes must be [N, R, 4] with a known R');
    expect(() => roiPool(map(), input({ shape: [null, 4] }), { outputSize: 2 })).toThrow('boxes must be [N, R, 4] with a known R');
    expect(() => roiPool(input({ shape: [8, 8] }), boxes(), { outputSize: 2 })).toThrow('x must be an image batch [N, H, W, C]');
    expect(() => roiAlign(map(), boxes(), { outputSize: 2, samplingRatio: 0 })).toThrow('samplingRatio must be an integer >= 1');
    expect(() => tf.tidy(() => roiAlign2d(ramp(), region(0, 0, 1e30, 1), { outputSize: 2 }))).toThrow('samplingRatio must be at least 1 for a region of');
  });
});

describe('levels of a pyramid', () => {
  it('224 pixels are level 4, twice that is one more, and ends are cut', () => {
    const squares = Float32Array.from([224, 223, 112, 448, 447, 10, 5000].flatMap((side) => [0, 0, side, side]));
    expect([...pyramidLevels(squares)]).toEqual([4, 3, 3, 5, 4, 2, 5]);
    expect([...pyramidLevels(squares, { minimum: 3, maximum: 7 })]).toEqual([4, 3, 3, 5, 4, 3, 7]);
  });
});
