import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { googlenet, inceptionLoss, smoothLabels } from './index.js';

beforeAll(() => tf.setBackend('wasm'));

let tensors = 0;
beforeEach(() => {
  tensors = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors, 'every tensor is given back').toBe(tensors);
});

const values = (make: () => tf.Tensor) => tf.tidy(() => [...make().dataSync()]);
const near = (numbers: number[]) => numbers.map((x) => expect.closeTo(x, 5));

it('the true one of 1000 classes has 0.9001 of the label, each other 0.0001', () => {
  const [first, second, last] = values(() => tf.gather(smoothLabels(tf.oneHot([1], 1000), 0.1), [0, 1, 999], 1));
  expect([first, second, last]).toEqual(near([0.0001, 0.9001, 0.0001]));
});

// softmax of [ln 3, 0] is [3/4, 1/4]; with smoothing 0.2 and two classes the label [1, 0] is [0.9, 0.1].
const logits = () => tf.tensor2d([[Math.log(3), 0], [0, 0]]);
const labels = () => tf.tensor2d([[1, 0], [0, 1]]);
const [SHARP, SMOOTH, EVEN] = [Math.log(4 / 3), 0.9 * Math.log(4 / 3) + 0.1 * Math.log(4), Math.log(2)];

describe('the loss of each output', () => {
  it('is the cross-entropy, an example', () => {
    expect(values(() => inceptionLoss().perOutput[0]!(labels(), logits()))).toEqual(near([SHARP, EVEN]));
  });

  it('has its labels smoothed', () => {
    expect(values(() => inceptionLoss({ labelSmoothing: 0.2 }).perOutput[0]!(labels(), logits()))).toEqual(near([SMOOTH, EVEN]));
  });

  it('has its weight', () => {
    const { perOutput } = inceptionLoss({ auxiliaryWeights: [0.3, 0.5] });
    expect(perOutput.map((loss) => values(() => loss(labels(), logits()))[0])).toEqual(near([SHARP, 0.3 * SHARP, 0.5 * SHARP]));
  });

  it('has the gradient weight (softmax - smoothed label), a batch mean', () => {
    const { total } = inceptionLoss({ labelSmoothing: 0.2, auxiliaryWeights: [0.3] });
    const gradients = tf.tidy(() => tf.grads((...outputs: tf.Tensor[]) => total(labels(), outputs))([logits(), logits()]).map((gradient) => [...gradient.dataSync()]));
    const expected = [0.75 - 0.9, 0.25 - 0.1, 0.5 - 0.1, 0.5 - 0.9].map((x) => x / 2);
    expect(gradients).toEqual([near(expected), near(expected.map((x) => 0.3 * x))]);
  });
});

it('adds up the batch means of the outputs', () => {
  const mean = (SHARP + EVEN) / 2;
  expect(values(() => inceptionLoss({ auxiliaryWeights: [0.3, 0.3] }).total(labels(), [logits(), logits(), logits()]))).toEqual(near([1.6 * mean]));
  expect(values(() => inceptionLoss().total(labels(), logits()))).toEqual(near([mean]));
});

describe('a network with an auxiliary classifier', () => {
  const loss = inceptionLoss({ labelSmoothing: 0.1, auxiliaryWeights: [0.3] });
  const data = () => ({ x: tf.randomUniform([4, 28, 28, 1], 0, 1, 'float32', 3), y: tf.tidy(() => tf.cast(tf.oneHot([0, 1, 2, 3], 10), 'float32')) });

  it('learns by optimizer.minimize, in every weight', () => {
    const net = googlenet.build('googlenet_tiny', { auxiliary: true, dropout: 0 });
    const { x, y } = data();
    const step = () => loss.total(y, net.apply(x, { training: true }) as tf.Tensor[]);
    tf.tidy(() => {
      const { grads } = tf.variableGrads(step);
      const dead = net.trainableWeights.filter((weight) => !((tf.norm(grads[(weight.read() as tf.Variable).name] as tf.Tensor).dataSync()[0] as number) > 0));
      expect(dead.map(({ originalName }) => originalName)).toEqual([]);
    });
    const optimizer = tf.train.adam(0.01);
    const losses = Array.from({ length: 15 }, () => tf.tidy(() => (optimizer.minimize(step, true) as tf.Scalar).dataSync()[0] as number));
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
    optimizer.dispose();
    tf.dispose([x, y]);
    net.dispose();
  });

  it('gives model.fit the same number', async () => {
    const net = googlenet.build('googlenet_tiny', { auxiliary: true, dropout: 0 });
    const { x, y } = data();
    const expected = values(() => loss.total(y, net.apply(x, { training: true }) as tf.Tensor[]));
    const optimizer = tf.train.sgd(0);
    net.compile({ optimizer, loss: loss.perOutput });
    const { history } = await net.fit(x, [y, y], { epochs: 1, batchSize: 4, verbose: 0 });
    expect(history['loss']).toEqual(near(expected));
    optimizer.dispose();
    tf.dispose([x, y]);
    net.dispose();
  });
});

it.each<[string, () => unknown, RegExp]>([
  ['full smoothing', () => inceptionLoss({ labelSmoothing: 1 }), /^inceptionLoss: labelSmoothing must be a finite number >= 0 and < 1, got 1/],
  ['a negative weight', () => inceptionLoss({ auxiliaryWeights: [-1] }), /auxiliaryWeights must be a list, each a finite number >= 0, got \[-1\]/],
  ['a misspelt option', () => inceptionLoss({ smoothing: 0.1 } as never), /unknown option smoothing/],
  ['an output without a weight', () => tf.tidy(() => inceptionLoss().total(labels(), [logits(), logits()])), /outputs must be 1: the model's and one for each auxiliary weight, got 2/],
])('refuses %s by name', (_, wrong, message) => {
  expect(wrong).toThrow(OptionError);
  expect(wrong).toThrow(message);
});
