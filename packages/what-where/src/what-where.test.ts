import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { hardWhere2d, softWhat2d, softWhere2d, unpool, unpool2d, whatPool, whatWhereAutoencoder, whatWhereLoss, whatWhereTraining, WHAT_WHERES } from './index.js';

const values = (x: tf.Tensor) => [...x.dataSync()];
const close = (x: tf.Tensor, expected: readonly number[], digits = 5) => {
  const found = values(x);
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, digits));
};
const PAIR = [2, 2] as const;

describe.each(['wasm', 'cpu'])('what and where on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  const image = () => tf.tensor4d([1, 5, 2, 0, 3, 4, 8, 7, 0, 1, 2, 2, 9, 6, 3, 2], [1, 4, 4, 1]);

  test('places are those of torch: flat, in the map', () => {
    close(hardWhere2d(image(), PAIR), [1, 6, 12, 14]);
    const [a, b] = [image(), tf.add(tf.mul(image(), -1), 20)] as [tf.Tensor4D, tf.Tensor4D];
    // A second channel and a second image have places of their own map.
    close(hardWhere2d(tf.concat([tf.concat([a, b], 3), tf.concat([b, a], 3)], 0), PAIR), [1, 0, 6, 3, 12, 8, 14, 10, 0, 1, 3, 6, 8, 12, 10, 14]);
  });

  test('unpooling puts every maximum back and zeros elsewhere', () => {
    const what = tf.tensor4d([5, 8, 9, 3], [1, 2, 2, 1]);
    close(unpool2d(what, hardWhere2d(image(), PAIR), { poolSize: PAIR, size: [4, 4] }), [0, 5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 9, 0, 3, 0]);
  });

  test.each([['zeros', 0], ['negative numbers', -3]])('of equal %s the first has the place', (_, value) => {
    close(hardWhere2d(tf.fill([1, 4, 6, 1], value), [2, 3]), [0, 3, 12, 15]);
  });

  test('rows and columns that fill no window are left out, and come back as zeros', () => {
    const x = tf.tensor4d([1, 2, 9, 4, 3, 9, 9, 9, 9], [1, 3, 3, 1]);
    const where = hardWhere2d(x, PAIR);
    close(where, [3]);
    close(unpool2d(tf.tensor4d([4], [1, 1, 1, 1]), where, { poolSize: PAIR, size: [3, 3] }), [0, 0, 0, 4, 0, 0, 0, 0, 0]);
  });

  test.each([
    [1, 2.4926527, [0.6759729, 0.2689414]],
    [10, 2.9999546, [0.9999546, 0.0000454]],
  ])('soft values with beta %d', (beta, what, where) => {
    const x = tf.tensor4d([1, 3, 2, 0], [1, 2, 2, 1]);
    close(softWhat2d(x, PAIR, beta), [what]);
    close(softWhere2d(x, PAIR, beta), where);
  });

  test('soft places of two channels: x of both, then y of both', () => {
    const x = tf.tensor4d([100, 0, 0, 0, 0, 0, 0, 100], [1, 2, 2, 2]);
    close(softWhere2d(x, PAIR, 1), [0, 1, 0, 1]);
  });

  test('an offset between pixels shares the value out', () => {
    const [what, where] = [tf.tensor4d([8], [1, 1, 1, 1]), tf.tensor4d([0.25, 0.5], [1, 1, 1, 2])];
    close(unpool2d(what, where, { poolSize: PAIR, size: [2, 2] }), [3, 1, 3, 1]);
    // d y00 / d (x, y) = -8 (1 - y), -8 (1 - x).
    const gradient = tf.grad((p) => tf.sum(tf.slice(unpool2d(what, p as tf.Tensor4D, { poolSize: PAIR, size: [2, 2] }), [0, 0, 0, 0], [1, 1, 1, 1])));
    close(gradient(where), [-4, -6]);
  });

  test('without a where, every value fills its window', () => {
    close(unpool2d(tf.tensor4d([1, 2], [1, 1, 2, 1]), undefined, { poolSize: PAIR, size: [2, 4] }), [1, 1, 2, 2, 1, 1, 2, 2]);
  });

  test('the gradient of the what is that of the pixel it went to, and places have none', () => {
    const [x, upstream] = [image(), tf.reshape(tf.range(1, 17), [1, 4, 4, 1])];
    const byWhat = tf.grad((what) => tf.sum(tf.mul(unpool2d(what as tf.Tensor4D, hardWhere2d(x, PAIR), { poolSize: PAIR, size: [4, 4] }), upstream)));
    close(byWhat(tf.ones([1, 2, 2, 1])), [2, 7, 13, 15]);
    close(tf.grad((y) => tf.sum(unpool2d(tf.ones([1, 2, 2, 1]), hardWhere2d(y as tf.Tensor4D, PAIR), { poolSize: PAIR, size: [4, 4] })))(x), Array(16).fill(0));
  });
});

describe('the autoencoder', () => {
  beforeAll(() => tf.setBackend('wasm'));
  const { input: shape, params, macs, ...mnist } = WHAT_WHERES.mnist;

  test('has the counts of its table', () => {
    const x = input({ shape: [...shape] });
    const { logits, reconstruction, code, levels } = whatWhereAutoencoder(x, { ...mnist, name: 'net' });
    const network = model({ inputs: x, outputs: [logits!, reconstruction] });
    expect([trainableParams(network), kernelMacs(network)]).toEqual([params, macs]);
    expect([code.shape, reconstruction.shape, levels.map(({ encoded, decoded }) => [encoded.shape, decoded.shape])]).toEqual([[null, 4, 4, 20], [null, 28, 28, 1], [[[null, 12, 12, 10], [null, 12, 12, 10]]]]);
    expect(network.layers.map(({ name }) => name)).toContain('net.decoder.1.conv0');
  });

  test.each(['hard', 'soft', 'none'] as const)('of any depth and of odd sizes has the shape of its input: %s', (where) => {
    const x = input({ shape: [19, 22, 3] });
    const stage = { convolutions: [{ filters: 4, kernelSize: 3, padding: 1 }, { filters: 2, kernelSize: 2 }], poolSize: 2 };
    const { reconstruction, levels } = whatWhereAutoencoder(x, { stages: [stage, stage, { ...stage, poolSize: 3 }], where });
    expect(reconstruction.shape).toEqual([null, 19, 22, 3]);
    expect(levels).toHaveLength(2);
  });

  const outputs = () => ({
    logits: tf.tensor2d([[0, 0], [0, Math.log(3)]]), reconstruction: tf.tensor4d([1, 2, 3, 4], [2, 1, 2, 1]),
    levels: [{ encoded: tf.tensor4d([1, 2], [2, 1, 1, 1]), decoded: tf.tensor4d([3, 5], [2, 1, 1, 1]) }],
  });
  const truths = () => ({ images: tf.tensor4d([1, 1, 1, 1], [2, 1, 2, 1]), labels: tf.tensor2d([[1, 0], [0, 1]]) });

  test('its losses are sums over features and means over the batch', () => {
    const { total, classification, reconstruction, intermediate } = whatWhereLoss(outputs(), truths(), { classification: 2, reconstruction: 0.5, intermediate: 0.25 });
    // -(log 1/2 + log 3/4) / 2; (0 + 1 + 4 + 9) / 2; (4 + 9) / 2.
    const nll = -(Math.log(1 / 2) + Math.log(3 / 4)) / 2;
    close(tf.stack([classification, reconstruction, intermediate, total]), [nll, 7, 6.5, 2 * nll + 3.5 + 1.625]);
    close(whatWhereLoss({ ...outputs(), logits: undefined as never }, { images: truths().images }, {}).total, [13.5]);
  });

  test('says the same to a trainer as outputs, losses and targets', () => {
    const x = input({ shape: [...shape] });
    const parts = whatWhereAutoencoder(x, { ...mnist, seed: 3 });
    const weights = { classification: 0.5, reconstruction: 0.25, intermediate: 2 };
    const training = whatWhereTraining(parts, weights);
    const batch = tf.randomUniform([2, 28, 28, 1], 0, 1, 'float32', 1) as tf.Tensor4D;
    const truth = tf.oneHot([3, 7], 10) as tf.Tensor2D;
    const flat = model({ inputs: x, outputs: training.outputs }).predict(batch) as tf.Tensor2D[];
    const targets = training.targets(batch.dataSync() as Float32Array, Float32Array.from(truth.dataSync()));
    const sum = flat.reduce((total, output, i) => {
      const { kind, weight } = training.loss[i]!;
      const target = tf.tensor2d(targets[i]!, output.shape);
      const loss = kind === 'euclidean' ? tf.div(tf.sum(tf.square(tf.sub(output, target))), 2) : tf.neg(tf.sum(tf.mul(target, tf.logSoftmax(output))));
      return total + (weight * (loss.dataSync()[0] as number)) / 2;
    }, 0);
    const [logits, reconstruction, encoded, decoded] = model({ inputs: x, outputs: [parts.logits!, parts.reconstruction, parts.levels[0]!.encoded, parts.levels[0]!.decoded] }).predict(batch) as [tf.Tensor2D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    const { total } = whatWhereLoss({ logits, reconstruction, levels: [{ encoded, decoded }] }, { images: batch, labels: truth }, weights);
    expect(sum / (total.dataSync()[0] as number)).toBeCloseTo(1, 5);
    expect(whatWhereTraining(parts, { intermediate: 0 }).outputs).toHaveLength(2);
  });

  const x = () => input({ shape: [8, 8, 1] });
  const stage = { convolutions: [{ filters: 2, kernelSize: 3 }], poolSize: 2 };
  test.each([
    ['no stages', () => whatWhereAutoencoder(x(), { stages: [] }), /stages must be a list of at least 1/],
    ['a misspelt where', () => whatWhereAutoencoder(x(), { stages: [stage], where: 'sotf' as 'soft' }), /where must be one of hard, soft, none.*Did you mean soft/],
    ['hidden layers of no classifier', () => whatWhereAutoencoder(x(), { stages: [stage], hidden: [4] }), /hidden must be absent without classes/],
    ['an image of unknown size', () => whatWhereAutoencoder(input({ shape: [null, 8, 1] }), { stages: [stage] }), /input must be an image batch \[N, H, W, C\] of known size/],
    ['stages that are too deep', () => whatWhereAutoencoder(x(), { stages: [stage, stage, stage] }), /poolSize must be at most the input's size \(1x1\)/],
    ['windows larger than the image', () => whatPool(x(), { poolSize: 9, name: 'pool' }), /whatPool "pool": poolSize must be at most the input's size \(8x8\)/],
    ['a beta of 0', () => whatPool(x(), { poolSize: 2, kind: 'soft', beta: 0 }), /beta must be a finite number > 0/],
    ['a where of other channels', () => unpool(input({ shape: [4, 4, 2] }), input({ shape: [4, 4, 3] }), { poolSize: 2 }), /where must be \[N, 4, 4, 2\], places, or \[N, 4, 4, 4\], offsets/],
    ['a size of other windows', () => unpool(input({ shape: [4, 4, 2] }), undefined, { poolSize: 2, size: [8, 10] }), /size must be that of an image with 4x4 windows of 2x2/],
    ['logits without labels', () => whatWhereLoss(outputs(), { images: truths().images }), /labels must be given for the logits/],
    ['a negative weight', () => whatWhereLoss(outputs(), truths(), { intermediate: -1 }), /intermediate must be a finite number >= 0/],
  ])('refuses %s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
