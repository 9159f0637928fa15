import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEvaluator, evaluate, type EvaluateOptions } from './index.js';

beforeAll(() => tf.setBackend('wasm'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

const LN3 = Math.log(3);
/** Logits (factor x the upper left pixel of its 2 x 2 window, 0): pixels 0 and ln 3 give posteriors 1/2 and 3/4. */
function cornerNetwork(factor = 1, softmax = false) {
  const net = sequential({ layers: [layers.flatten({ inputShape: [2, 2, 1] }), layers.dense({ units: 2, useBias: false, ...(softmax ? { activation: 'softmax' as const } : {}) })] });
  const kernel = tf.tensor2d([[factor, 0], [0, 0], [0, 0], [0, 0]]);
  net.setWeights([kernel]);
  kernel.dispose();
  return net;
}
const picture = { images: Float32Array.of(0, LN3, LN3, LN3, 0, 0, 0, 0, 0), labels: [0], size: 1, shape: [3, 3, 1] as const };

async function firstPosterior(options: EvaluateOptions, networks = [cornerNetwork()]): Promise<number> {
  const evaluator = createEvaluator(networks, options);
  const posteriors = await evaluator.posteriors(picture);
  await evaluator.dispose();
  networks.forEach((net) => net.dispose());
  expect(posteriors[0]! + posteriors[1]!).toBeCloseTo(1, 6);
  return posteriors[0]!;
}

describe('averages that a hand can check', () => {
  // Windows of 2 x 2 in 3 x 3 begin at 0, ln 3 / ln 3, 0; mirrored, the picture's rows are ln 3, ln 3, 0 / 0, 0, ln 3.
  it.each<[string, EvaluateOptions, number]>([
    ['windows', { views: 'crops', grid: 2, scales: [3] }, (1 / 2 + 3 / 4 + 3 / 4 + 1 / 2) / 4],
    ['windows and their mirror images', { views: 'crops', grid: 2, scales: [3], flip: true }, (5 / 8 + (3 / 4 + 3 / 4 + 1 / 2 + 1 / 2) / 4) / 2],
    ['the window in the middle', { views: 'centre', scales: [3] }, 1 / 2],
    // Mean score ln 3 / 2: sqrt 3 against 1.
    ['class scores over the positions', { views: 'dense', scales: [3] }, Math.sqrt(3) / (1 + Math.sqrt(3))],
    ['posteriors over the positions', { views: 'dense', scales: [3], average: 'posteriors' }, 5 / 8],
    ['windows and the dense form, half each', { views: ['crops', 'dense'], grid: 2, scales: [3] }, (5 / 8 + Math.sqrt(3) / (1 + Math.sqrt(3))) / 2],
    // Scaled to 2 x 2, positions 0.25 and 1.75 of the picture: its corner is 9/16 x 0 + 3/16 ln 3 + 3/16 ln 3 + 1/16 x 0 = 3/8 ln 3.
    ['two scales', { views: 'centre', scales: [2, 3] }, (3 ** 0.375 / (1 + 3 ** 0.375) + 1 / 2) / 2],
  ])('of %s', async (_, options, expected) => {
    expect(await firstPosterior(options)).toBeCloseTo(expected, 6);
  });

  it('of two networks: their posteriors, not their scores', async () => {
    const options = { views: 'dense', scales: [3], average: 'posteriors' } as const;
    // Of the second, ln 3 counts twice: 9/10.
    const fused = await firstPosterior(options, [cornerNetwork(), cornerNetwork(2)]);
    expect(fused).toBeCloseTo((5 / 8 + (1 / 2 + 9 / 10) / 2) / 2, 6);
  });

  it('of a network that ends in a softmax, which is not taken twice', async () => {
    expect(await firstPosterior({ views: 'crops', grid: 2, scales: [3] }, [cornerNetwork(1, true)])).toBeCloseTo(5 / 8, 6);
  });
});

it('counts 50 and 150 views of an image', () => {
  const net = cornerNetwork();
  const views = (options: EvaluateOptions) => createEvaluator(net, options).views;
  expect(views({ views: 'crops', flip: true })).toBe(50);
  expect(views({ views: 'crops', flip: true, scales: [256, 384, 512] })).toBe(150);
  expect(views({ views: ['crops', 'dense'], flip: true, scales: [256, 384, 512] })).toBe(156);
  expect(views({})).toBe(1);
  net.dispose();
});

describe('a small network', () => {
  const build = () => sequential({ layers: [
    layers.conv2d({ inputShape: [8, 8, 3], filters: 4, kernelSize: 3, activation: 'relu' }), layers.maxPooling2d({ poolSize: 2 }), layers.flatten(), layers.dense({ units: 3 }),
  ] });
  const images = (shape: readonly [number, number, number], size: number) => ({
    images: Float32Array.from({ length: size * shape[0] * shape[1] * shape[2] }, (_, i) => Math.sin(i * i)), labels: Array.from({ length: size }, (_, n) => n % 3), size, shape,
  });

  it('without options is the network itself', async () => {
    const net = build();
    const batch = images([8, 8, 3], 5);
    const evaluator = createEvaluator(net);
    const found = await evaluator.posteriors(batch);
    const expected = tf.tidy(() => tf.softmax(net.predict(tf.tensor4d(batch.images, [5, 8, 8, 3])) as tf.Tensor).dataSync());
    expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 6));
    await evaluator.dispose();
    net.dispose();
  });

  it('says the same on both engines, in batches of any size', async () => {
    const net = build();
    const options = { views: ['crops', 'dense'], flip: true, grid: 2, scales: [9, 12] } as const;
    const batches = [images([10, 12, 3], 5), images([16, 9, 3], 3)];
    const [one, two] = [await evaluate(net, batches, options), await evaluate(net, batches, { ...options, engine: 'onnxruntime', threads: 1, batchSize: 2 })];
    expect(one.size).toBe(8);
    expect(one.views).toBe(2 * 2 * 5);
    expect(two).toEqual({ ...one, loss: expect.closeTo(one.loss, 5) });
    net.dispose();
  });

  it('keeps no more programs than it needs', async () => {
    const net = build();
    const before = tf.memory().numTensors;
    const scales = [8, 9, 10, 11, 12, 13, 14, 15, 16];
    await evaluate(net, images([8, 8, 3], 1), { views: 'dense', scales });
    expect(tf.memory().numTensors).toBe(before);
    net.dispose();
  });
});

describe('refuses by name', () => {
  it.each<[string, unknown, Partial<typeof picture>, RegExp]>([
    ['a view that does not exist', { views: 'centre crop' }, {}, /^evaluate: views must be one of centre, dense, crops, or a list of different ones, got "centre crop"/],
    ['a view twice', { views: ['dense', 'dense'] }, {}, /views must be/],
    ['no scales', { scales: [] }, {}, /scales must be a list of at least 1/],
    ['a scale below the network', { scales: [1] }, {}, /scales must be large enough for the 2 x 2 of "sequential_\d+", here the image is 1 x 1, got 1/],
    ['a misspelt option', { flips: true }, {}, /unknown option flips, did you mean flip\?/],
    ['pixels that are not as many as they say', {}, { size: 2, labels: [0, 1] }, /images must be 2 images of 3 x 3 x 1, got 9/],
    ['missing labels', {}, { labels: [] }, /labels must be one for each of the 1 images, got 0/],
    ['a label that is no class', { scales: [3] }, { labels: [2] }, /labels\[0\] must be a class from 0 to 1/],
    ['other channels', {}, { images: new Float32Array(27), shape: [3, 3, 3] as never }, /images must be images of 1 channels/],
  ])('%s', async (_, options, change, message) => {
    const net = cornerNetwork();
    await expect(evaluate(net, { ...picture, ...change }, options as EvaluateOptions)).rejects.toThrow(message);
    net.dispose();
  });

  it('networks of other classes, and none', () => {
    const net = cornerNetwork();
    const other = sequential({ layers: [layers.flatten({ inputShape: [2, 2, 1] }), layers.dense({ units: 3 })] });
    expect(() => createEvaluator([net, other])).toThrow(/networks must be networks of as many classes, got \[2,3\]/);
    expect(() => createEvaluator([])).toThrow(OptionError);
    net.dispose();
    other.dispose();
  });
});
