import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { channelGate, gateFactors, OptionError, weightedSum, type GateForm } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});

const values = (x: tf.Tensor) => [...x.dataSync()].map((value) => Number(value.toFixed(5)));
const image = (...shape: number[]) => input({ shape });
/** A model of two inputs of one shape and their weighted sum. */
function summing(shape: number[], options: object) {
  const inputs = [image(...shape), image(...shape)];
  return model({ inputs, outputs: weightedSum(inputs, { name: 'sum', ...options }) });
}
const FORMS: GateForm[] = ['linear', 'softmax', 'sigmoid'];

test('factors by hand', () => {
  tf.tidy(() => {
    const weights = tf.tensor2d([[0, Math.log(3)], [Math.log(3), 0]]);
    expect(values(gateFactors(weights, 'softmax'))).toEqual([0.5, 1.5, 1.5, 0.5]);
    expect(values(gateFactors(weights, 'sigmoid'))).toEqual([1, 1.5, 1.5, 1]);
    expect(values(gateFactors(weights, 'linear'))).toEqual([0, 1.09861, 1.09861, 0]);
  });
});

describe.each(FORMS)('%s', (form) => {
  test.each(['tensor', 'channel'] as const)('a sum weighted by %s starts as the plain sum', (per) => {
    const net = summing([1, 2, 2], { per, form });
    expect(net.weights.map(({ shape }) => shape)).toEqual([per === 'tensor' ? [2, 1] : [2, 2]]);
    tf.tidy(() => {
      const y = net.predict([tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2]), tf.tensor4d([10, 20, 30, 40], [1, 1, 2, 2])]) as tf.Tensor;
      expect(values(y)).toEqual([11, 22, 33, 44]);
    });
    net.dispose();
  });

  test('a channel gate starts as the identity', () => {
    const x = image(1, 1, 3);
    const net = model({ inputs: x, outputs: channelGate(x, { parts: [2, 1], form }) });
    expect(tf.tidy(() => values(net.predict(tf.tensor4d([5, -6, 7], [1, 1, 1, 3])) as tf.Tensor))).toEqual([5, -6, 7]);
    net.dispose();
  });
});

test('a channel has its own weight in each of the tensors, and their gradient is what they scale', () => {
  const net = summing([1, 2, 2], { per: 'channel' });
  tf.tidy(() => {
    net.setWeights([tf.tensor2d([[1, 2], [0, -1]])]);
    const inputs = [tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2]), tf.tensor4d([10, 20, 30, 40], [1, 1, 2, 2])];
    expect(values(net.predict(inputs) as tf.Tensor)).toEqual([1, -16, 3, -32]);
    const { grads } = tf.variableGrads(() => tf.sum(net.apply(inputs, { training: true }) as tf.Tensor) as tf.Scalar);
    expect(Object.values(grads).map(values)).toEqual([[4, 6, 40, 60]]);
  });
  net.dispose();
});

test('a gate of tensors scales all channels of a part alike, a gate of channels each by itself', () => {
  const gated = (options: object, weights: number[]) => tf.tidy(() => {
    const x = image(1, 1, 3);
    const net = model({ inputs: x, outputs: channelGate(x, { parts: [2, 1], ...options }) });
    net.setWeights([tf.tensor2d(weights, [weights.length, 1])]);
    const y = values(net.predict(tf.tensor4d([1, 1, 1], [1, 1, 1, 3])) as tf.Tensor);
    net.dispose();
    return y;
  });
  expect(gated({}, [2, 3])).toEqual([2, 2, 3]);
  expect(gated({ per: 'channel' }, [2, 3, 4])).toEqual([2, 3, 4]);
  expect(gated({ form: 'softmax' }, [Math.log(3), 0])).toEqual([1.5, 1.5, 0.5]);
  expect(gated({ form: 'softmax', per: 'channel' }, [Math.log(2), 0, 0])).toEqual([1.5, 0.75, 0.75]);
});

test('the weights learn: of a signal and noise, the signal gets the larger share', async () => {
  const net = summing([1, 1, 1], { form: 'softmax' });
  const signal = tf.randomUniform([64, 1, 1, 1], -1, 1, 'float32', 1);
  const noise = tf.randomUniform([64, 1, 1, 1], -1, 1, 'float32', 2);
  const optimizer = tf.train.sgd(0.5);
  net.compile({ optimizer, loss: 'meanSquaredError' });
  await net.fit([signal, noise], signal, { epochs: 20, verbose: 0 });
  const [first, second] = values(net.getWeights()[0] as tf.Tensor) as [number, number];
  expect(first).toBeGreaterThan(second + 0.5);
  tf.dispose([signal, noise]);
  optimizer.dispose();
  net.dispose();
});

describe('refuses by name', () => {
  test.each<[string, () => SymbolicTensor, RegExp]>([
    ['a sum of one', () => weightedSum([image(2, 2, 3)], { name: 'add' }), /^weightedSum "add": inputs must be at least 2 tensors/],
    ['tensors of two shapes', () => weightedSum([image(2, 2, 3), image(2, 2, 4)]), /inputs must be tensors of one shape/],
    ['an open last axis', () => weightedSum([input({ shape: [null] }), input({ shape: [null] })], { per: 'channel' }), /a known last axis/],
    ['another form', () => weightedSum([image(1), image(1)], { form: 'tanh' as 'linear' }), /form must be one of linear, softmax, sigmoid, got "tanh"/],
    ['parts that are not all', () => channelGate(image(2, 2, 3), { parts: [1, 1], name: 'gate' }), /^channelGate "gate": parts must be a list that sums to the 3 channels, got \[1,1\]/],
    ['an empty part', () => channelGate(image(2, 2, 3), { parts: [3, 0] }), /parts must be a list of at least 1, each an integer >= 1/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
