import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { activation, add, batchNorm, channelShuffle, concatenate, conv2d, dense, depthwiseConv2d, flatten, maxPool, sliceChannels, type OpKind } from '@convkit/core';
import { relativeError } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { absorbShuffles, CompiledModel, isOp, trace, viewChannels, type Pass } from '../index.js';

beforeAll(() => tf.setBackend('wasm'));

/** The kinds of the ops that a pass leaves of x [8, 8, 12] -> make(x), after checking that it computes the same. */
function left(pass: Pass, make: (x: SymbolicTensor) => SymbolicTensor): OpKind[] {
  const input = tfl.input({ shape: [8, 8, 12] });
  const model = tfl.model({ inputs: input, outputs: make(input) });
  model.setWeights(model.getWeights().map((weight, i) => tf.randomUniform(weight.shape, 0.2, 1.5, 'float32', i)));
  const graph = pass(trace(model));
  const compiled = new CompiledModel(graph);
  tf.tidy(() => {
    const x = tf.randomUniform([2, 8, 8, 12], -1, 1, 'float32', 3);
    expect(relativeError((compiled.predict(x) as tf.Tensor).dataSync(), (model.predict(x) as tf.Tensor).dataSync())).toBeLessThan(1e-5);
  });
  compiled.dispose();
  model.dispose();
  return graph.nodes.filter(isOp).map(({ kind }) => kind);
}

const shuffle = (x: SymbolicTensor, groups = 3) => channelShuffle(x, { groups });
const pointwise = (x: SymbolicTensor, filters = 6, groups = 1) => conv2d(x, { filters, kernelSize: 1, groups });

test.each<[string, (x: SymbolicTensor) => SymbolicTensor]>([
  ['a convolution', (x) => pointwise(shuffle(x))],
  ['a depthwise convolution with a multiplier and a batch norm before it', (x) => pointwise(batchNorm(depthwiseConv2d(shuffle(x), { kernelSize: 3, padding: 1, depthMultiplier: 2 }), {}))],
  ['poolings and activations before it', (x) => pointwise(maxPool(activation(shuffle(x), { kind: 'relu' }), { poolSize: 2 }))],
  ['a sum with itself, shuffled alike', (x) => { const y = shuffle(x); return pointwise(add([y, activation(y, { kind: 'relu' })])); }],
  ['a dense layer behind flattening', (x) => dense(flatten(maxPool(shuffle(x), { poolSize: 4 })), { units: 5 })],
  ['two shuffles that undo each other', (x) => shuffle(shuffle(x, 3), 4)],
])('a shuffle goes into %s', (_, make) => {
  for (const pass of [absorbShuffles, viewChannels]) expect(left(pass, make)).not.toEqual(expect.arrayContaining(['channelShuffle', 'take']));
});

test.each<[string, (x: SymbolicTensor) => SymbolicTensor]>([
  ['an output', (x) => shuffle(x)],
  ['a grouped convolution', (x) => pointwise(shuffle(x), 6, 3)],
  ['a sum with what was not shuffled', (x) => add([x, shuffle(x)])],
  ['a slice', (x) => pointwise(sliceChannels(shuffle(x), { start: 2, size: 5 }))],
])('a shuffle that %s needs stays, once', (_, make) => {
  expect(left(absorbShuffles, make).filter((kind) => kind === 'channelShuffle')).toHaveLength(1);
  expect(left(viewChannels, make).filter((kind) => kind === 'take')).toHaveLength(1);
});

test('a shuffle is copied behind what makes the image smaller', () => {
  expect(left(viewChannels, (x) => pointwise(maxPool(shuffle(x), { poolSize: 2 }), 6, 3))).toEqual(['maxPool', 'take', 'conv2d']);
});

test('a unit of ShuffleNet v2 brings together what it reads, and never the channels that pass', () => {
  const unit = (x: SymbolicTensor) => shuffle(concatenate([sliceChannels(x, { start: 0, size: 6 }), pointwise(sliceChannels(x, { start: 6, size: 6 }))]), 2);
  const ops = left(viewChannels, (x) => pointwise(unit(unit(activation(x, { kind: 'relu' })))));
  expect(ops.filter((kind) => kind === 'take' || kind === 'channelShuffle')).toEqual([]);
  // One concatenation a reader: the second unit's convolution and the one behind.
  expect(ops.filter((kind) => kind === 'concat')).toHaveLength(2);
});

test('a concatenation of a value with itself keeps both copies', () => {
  left(viewChannels, (x) => { const y = activation(x, { kind: 'relu' }); return pointwise(shuffle(concatenate([y, y]), 4), 6, 2); });
});
