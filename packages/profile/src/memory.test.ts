import '@tensorflow/tfjs-backend-cpu';
import { add, batchNorm, concatenate, conv2d, dense, dropout, flatten } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { profile } from './index.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Bytes of a 4x4 map. */
const map = (channels: number) => 4 * 16 * channels;
const to = (x: SymbolicTensor, filters: number) => conv2d(x, { filters, kernelSize: 1 });

function memory(make: (x: SymbolicTensor) => SymbolicTensor | SymbolicTensor[]) {
  const x = input({ shape: [4, 4, 1] });
  const network = model({ inputs: x, outputs: make(x) });
  const { activationBytes, peakActivationBytes } = profile(network);
  network.dispose();
  return { activationBytes, peakActivationBytes };
}

test('a chain holds one input and one output at a time', () => {
  expect(memory((x) => to(to(x, 2), 3))).toEqual({ activationBytes: map(1 + 2 + 3), peakActivationBytes: map(2 + 3) });
});

test('a skip connection lives until the sum', () => {
  const block = (x: SymbolicTensor) => {
    const skip = to(x, 1);
    return add([skip, to(to(skip, 4), 1)]);
  };
  // At the last convolution: the skip, its input of 4 channels and its output.
  expect(memory(block)).toEqual({ activationBytes: map(1 + 1 + 4 + 1 + 1), peakActivationBytes: map(1 + 4 + 1) });
});

test('a concatenation holds its parts and itself', () => {
  expect(memory((x) => concatenate([to(x, 2), to(x, 3)]))).toEqual({ activationBytes: map(1 + 2 + 3 + 5), peakActivationBytes: map(2 + 3 + 5) });
});

test('a reshape is a view: it costs nothing and keeps what it shows alive', () => {
  expect(memory((x) => dense(flatten(to(x, 2)), { units: 2 }))).toEqual({ activationBytes: map(1 + 2) + 8, peakActivationBytes: map(1 + 2) });
  // The flattened map is still read by the second dense layer while the first one's output is held.
  const twoHeads = (x: SymbolicTensor) => {
    const flat = flatten(to(x, 2));
    return [dense(flat, { units: 32 }), dense(flat, { units: 48 })];
  };
  expect(memory(twoHeads)).toEqual({ activationBytes: map(1 + 2) + 4 * 80, peakActivationBytes: map(2) + 4 * 80 });
});

test('what inference folds away takes no memory', () => {
  expect(memory((x) => dropout(batchNorm(to(x, 2), { activation: 'relu' }), { rate: 0.5 }))).toEqual(memory((x) => to(x, 2)));
});

test('an output of the model lives to the end', () => {
  expect(memory((x) => {
    const first = to(x, 4);
    return [first, to(to(first, 1), 4)];
  })).toEqual({ activationBytes: map(1 + 4 + 1 + 4), peakActivationBytes: map(4 + 1 + 4) });
});

test('arithmetic intensity is FLOPs by the bytes of inputs, weights and outputs', () => {
  const x = input({ shape: [4, 4, 1] });
  const network = model({ inputs: x, outputs: dense(flatten(to(x, 2)), { units: 3 }) });
  const convolution = 4 * (16 + 2 + 2 + 32);
  const product = 4 * (32 + 32 * 3 + 3 + 3);
  expect(profile(network).arithmeticIntensity).toBeCloseTo((2 * (16 * 2 + 32 * 3)) / (convolution + product), 12);
  network.dispose();
});
