import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { OptionError, stochasticDepth } from './index.js';
import { dropSamples } from './stochastic-depth.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

/** Values that occur in each sample. */
const valuesOf = (x: tf.Tensor): number[][] => (tf.reshape(x, [x.shape[0] as number, -1]).arraySync() as number[][]).map((sample) => [...new Set(sample)]);

test('a sample is dropped as a whole or scaled, so that the mean stays', () => {
  tf.tidy(() => {
    const samples = valuesOf(dropSamples(tf.ones([2000, 3, 2, 4]), 0.25));
    expect(samples.every((values) => values.length === 1)).toBe(true);
    expect(new Set(samples.map(([value]) => (value as number).toFixed(5)))).toEqual(new Set(['0.00000', '1.33333']));
    // Five standard deviations of a mean of 2000 draws: 5 sqrt(0.25 0.75 / 2000) = 0.048.
    const kept = samples.filter(([value]) => value !== 0).length / 2000;
    expect(Math.abs(kept - 0.75)).toBeLessThan(0.05);
  });
});

test('the gradient reaches only the samples that were kept', () => {
  tf.tidy(() => {
    let kept: number[][] = [];
    const gradient = tf.grad((x) => {
      const y = dropSamples(x, 0.5);
      kept = valuesOf(y);
      return tf.sum(y);
    })(tf.ones([64, 2, 2, 3]));
    expect(new Set(kept.flat())).toEqual(new Set([0, 2]));
    expect(valuesOf(gradient)).toEqual(kept);
  });
});

test('the layer does nothing at inference, nor at rate 0', () => {
  const x = input({ shape: [2, 2, 3] });
  const at = (rate: number) => model({ inputs: x, outputs: stochasticDepth(x, { rate }) });
  tf.tidy(() => {
    const images = tf.ones([64, 2, 2, 3]);
    expect(valuesOf(at(0.5).predict(images) as tf.Tensor).flat().every((value) => value === 1)).toBe(true);
    expect(valuesOf(at(0).apply(images, { training: true }) as tf.Tensor).flat().every((value) => value === 1)).toBe(true);
    expect(new Set(valuesOf(at(0.5).apply(images, { training: true }) as tf.Tensor).flat())).toEqual(new Set([0, 2]));
  });
});

test('refuses a rate of 1, by name', () => {
  const wrong = () => stochasticDepth(input({ shape: [2, 2, 3] }), { rate: 1, name: 'drop' });
  expect(wrong).toThrow(OptionError);
  expect(wrong).toThrow(/stochasticDepth "drop": rate must be a finite number >= 0 and < 1, got 1/);
});
