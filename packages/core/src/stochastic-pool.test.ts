import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { OptionError, stochasticPool, StochasticPoolLayer, stochasticPoolMean, stochasticPoolSample, type Padding } from './index.js';

const values = (x: tf.Tensor) => [...x.dataSync()].map((value) => Number(value.toFixed(5)));
const whole = { size: [2, 2], strides: [2, 2], padding: [0, 0, 0, 0] as Padding } as const;
const window = (...cells: number[]) => tf.tensor4d(cells, [1, 2, 2, 1]);

describe.each(['wasm', 'cpu'])('on %s', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend);
  });

  // Caffe's pooling_layer.cu, test and training kernels: sum(x^2) / sum(x); the first cell whose running sum reaches u sum(x).
  test('the mean of a window weights every activation with itself', () => {
    tf.tidy(() => {
      expect(values(stochasticPoolMean(window(1.6, 0, 0, 2.4), whole))).toEqual([2.08]);
      expect(values(stochasticPoolMean(window(0, 0, 0, 0), whole))).toEqual([0]);
      expect(values(stochasticPoolMean(window(-3, 1, -1, 1), whole)), 'negative ones count as 0').toEqual([1]);
    });
  });

  test('the mean has a finite gradient, 0 where the window is', () => {
    tf.tidy(() => {
      const mean = (x: tf.Tensor) => stochasticPoolMean(x as tf.Tensor4D, whole);
      // d/dx_i of sum(x^2) / sum(x) is (2 x_i - mean) / sum(x) where x_i > 0.
      expect(values(tf.grad(mean)(window(1, 3, 0, 0)))).toEqual([(2 - 2.5) / 4, (6 - 2.5) / 4, 0, 0]);
      expect(values(tf.grad(mean)(window(0, 0, -1, 0)))).toEqual([0, 0, 0, 0]);
    });
  });

  test.each([[0.1, 1.6], [0.4, 1.6], [0.41, 2.4], [1, 2.4]])('u = %d draws %d of (1.6, 0, 0, 2.4)', (u, drawn) => {
    tf.tidy(() => {
      const uniform = tf.tensor4d([u], [1, 1, 1, 1]);
      const sample = (x: tf.Tensor) => stochasticPoolSample(x as tf.Tensor4D, whole, uniform);
      expect(values(sample(window(1.6, 0, 0, 2.4)))).toEqual([drawn]);
      expect(values(tf.grad(sample)(window(1.6, 0, 0, 2.4), tf.tensor4d([5], [1, 1, 1, 1])))).toEqual(drawn === 1.6 ? [5, 0, 0, 0] : [0, 0, 0, 5]);
      expect(values(sample(window(0, -1, 0, 0))), 'nothing to draw').toEqual([0]);
      expect(values(tf.grad(sample)(window(0, -1, 0, 0)))).toEqual([0, 0, 0, 0]);
    });
  });

  test('windows that overlap draw by themselves, and what they share gets both gradients', () => {
    tf.tidy(() => {
      const x = tf.tensor4d([1, 0, 1, 0, 6, 0, 1, 0, 1], [1, 3, 3, 1]);
      const overlapping = { size: [2, 2], strides: [1, 1], padding: [0, 0, 0, 0] as Padding } as const;
      const uniform = tf.tensor4d([0.1, 0.9, 0.5, 0.9], [1, 2, 2, 1]);
      const sample = (image: tf.Tensor) => stochasticPoolSample(image as tf.Tensor4D, overlapping, uniform);
      // Windows (1 0 0 6), (0 1 6 0), (0 6 1 0) and (6 0 0 1).
      expect(values(sample(x))).toEqual([1, 6, 6, 1]);
      expect(values(tf.grad(sample)(x, tf.tensor4d([1, 2, 4, 8], [1, 2, 2, 1])))).toEqual([1, 0, 0, 0, 6, 0, 0, 0, 8]);
    });
  });

  test('padding is never drawn and does not count', () => {
    tf.tidy(() => {
      const attributes = { size: [2, 3], strides: [2, 2], padding: [1, 0, 1, 1] as Padding } as const;
      const x = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
      const uniform = tf.fill([1, 2, 2, 1], 1e-3) as tf.Tensor4D;
      expect(values(stochasticPoolSample(x, attributes, uniform))).toEqual([1, 2, 4, 5]);
      expect(values(stochasticPoolMean(x, attributes))).toEqual([5 / 3, 13 / 5, 154 / 24, 206 / 28].map((value) => Number(value.toFixed(5))));
      expect(values(tf.grad((image) => stochasticPoolSample(image as tf.Tensor4D, attributes, uniform))(x))).toEqual([1, 1, 0, 1, 1, 0, 0, 0, 0]);
    });
  });
});

describe('as a layer', () => {
  beforeAll(async () => {
    await tf.setBackend('wasm');
  });

  test('draws each activation as often as its share says', () => {
    const layer = new StochasticPoolLayer({ poolSize: 2, name: 'pool', seed: 3 });
    const count = 4000;
    tf.tidy(() => {
      const x = tf.tile(window(1, 2, 0, 5), [count, 1, 1, 1]);
      const drawn = values(layer.apply(x, { training: true }) as tf.Tensor);
      // Four standard deviations of a share of 4000 draws are at most 0.032.
      for (const [value, share] of [[1, 1 / 8], [2, 2 / 8], [0, 0], [5, 5 / 8]] as const) {
        expect(Math.abs(drawn.filter((one) => one === value).length / count - share)).toBeLessThan(0.032);
      }
    });
    layer.dispose();
  });

  test('draws the same with the same seed, anew in every pass, on every backend', async () => {
    const x = tf.randomUniform<tf.Rank.R4>([2, 6, 6, 3], 0, 1, 'float32', 1);
    const passes = (seed: number) => {
      const layer = new StochasticPoolLayer({ poolSize: 3, strides: 2, name: 'pool', seed });
      return [1, 2].map(() => tf.tidy(() => values(layer.apply(x, { training: true }) as tf.Tensor)));
    };
    const [first, second] = passes(1) as [number[], number[]];
    expect(passes(1)).toEqual([first, second]);
    expect(second).not.toEqual(first);
    expect(passes(2)[0]).not.toEqual(first);
    await tf.setBackend('cpu');
    expect(passes(1)).toEqual([first, second]);
    await tf.setBackend('wasm');
    x.dispose();
  });

  test('has the shapes of the other poolings', () => {
    const x = input({ shape: [7, 7, 2] });
    const net = model({ inputs: x, outputs: stochasticPool(x, { poolSize: 3, strides: 2, ceilMode: true, padding: 1 }) });
    expect(net.outputShape).toEqual([null, 4, 4, 2]);
    const images = tf.ones([2, 7, 7, 2]);
    expect(tf.tidy(() => values(net.predict(images) as tf.Tensor).every((value) => value === 1))).toBe(true);
    images.dispose();
    net.dispose();
  });

  test('refuses a window larger than its input', () => {
    expect(() => stochasticPool(input({ shape: [2, 2, 1] }), { poolSize: 3, name: 'pool' })).toThrow(OptionError);
    expect(() => stochasticPool(input({ shape: [2, 2, 1] }), { poolSize: 3, name: 'pool' })).toThrow(/^stochasticPool "pool": poolSize must be at most the padded input, here 2x2/);
  });
});
