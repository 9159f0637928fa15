import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { activation, add, batchNorm, concatenate, conv2d, dense, depthwiseConv2d, dropout, flatten, type OpKind } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { relativeError } from '@convkit/testing';
import { beforeAll, expect, test } from 'vitest';
import { alignChannels, cancelTransposes, CompiledModel, compile, dropDropout, foldBatchNorm, foldBatchNormAhead, fuseActivation, isKind, isOp, optimize, removeDeadCode, shareCommon, subsampleFirst, trace, type Graph, type Pass } from '../index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});

const kinds = (graph: Graph): OpKind[] => graph.nodes.map((node) => node.kind).filter((kind) => !['input', 'weight', 'constant', 'derived'].includes(kind)) as OpKind[];

/** Gives every weight, moving statistics included, a random value, so that folding has something to get wrong. */
function randomise(model: tfl.LayersModel): tfl.LayersModel {
  model.setWeights(model.getWeights().map((w, i) => tf.randomUniform(w.shape, 0.2, 1.5, 'float32', i)));
  return model;
}

function network(): tfl.LayersModel {
  const input = tfl.input({ shape: [8, 8, 3] });
  let x = batchNorm(conv2d(input, { filters: 8, kernelSize: 3, padding: 1, useBias: true }), { activation: 'relu' });
  x = batchNorm(depthwiseConv2d(x, { kernelSize: 3, padding: 1, depthMultiplier: 2, useBias: false }), { activation: 'relu6' });
  const branch = batchNorm(conv2d(x, { filters: 16, kernelSize: 1, groups: 2, useBias: false }), { scale: false });
  x = activation(add([x, branch]), { kind: 'relu' });
  x = dropout(flatten(x), { rate: 0.5 });
  return randomise(tfl.model({ inputs: input, outputs: batchNorm(dense(x, { units: 5 }), { center: false }) }));
}

function expectSame(model: tfl.LayersModel, pass: Pass): Graph {
  const plain = trace(model);
  const changed = pass(plain);
  tf.tidy(() => {
    const x = tf.randomUniform([2, 8, 8, 3], -1, 1, 'float32', 3);
    const expected = (model.predict(x) as tf.Tensor).dataSync();
    expect(relativeError((new CompiledModel(changed).predict(x) as tf.Tensor).dataSync(), expected)).toBeLessThan(1e-5);
  });
  return changed;
}

test('dropDropout removes dropout and nothing else', () => {
  const model = network();
  expect(kinds(trace(model))).toContain('dropout');
  expect(kinds(expectSame(model, dropDropout))).not.toContain('dropout');
});

test('foldBatchNorm folds into convolutions, depthwise convolutions and dense layers, with and without bias, scale and centre', () => {
  const folded = expectSame(network(), (graph) => foldBatchNorm(dropDropout(graph)));
  expect(kinds(folded)).not.toContain('batchNorm');
  expect(folded.nodes.flatMap((node) => (node.kind === 'derived' ? [node.derivation.kind] : [])).sort()).toEqual([...Array(4).fill('ratio'), ...Array(4).fill('scale'), ...Array(4).fill('shift')]);
});

test('foldBatchNorm leaves a batch norm alone whose input is read by another layer', () => {
  const input = tfl.input({ shape: [8, 8, 3] });
  const shared = conv2d(input, { filters: 3, kernelSize: 1 });
  const model = randomise(tfl.model({ inputs: input, outputs: add([shared, batchNorm(shared, {})]) }));
  expect(kinds(expectSame(model, optimize))).toContain('batchNorm');
});

const ahead = (graph: Graph) => foldBatchNormAhead(graph);

test.each<[string, (x: SymbolicTensor) => SymbolicTensor]>([
  ['a convolution', (x) => conv2d(x, { filters: 8, kernelSize: 3 })],
  ['a grouped convolution without bias', (x) => conv2d(x, { filters: 9, kernelSize: 3, groups: 3, useBias: false })],
  ['a depthwise convolution with a multiplier', (x) => depthwiseConv2d(x, { kernelSize: 3, depthMultiplier: 2 })],
])('foldBatchNormAhead folds into %s behind it', (_, make) => {
  const input = tfl.input({ shape: [8, 8, 3] });
  expect(kinds(expectSame(randomise(tfl.model({ inputs: input, outputs: make(batchNorm(input, {})) })), ahead))).toHaveLength(1);
});

test('foldBatchNormAhead folds into a dense layer behind it', () => {
  const input = tfl.input({ shape: [8, 8, 3] });
  expect(kinds(expectSame(randomise(tfl.model({ inputs: input, outputs: dense(batchNorm(flatten(input), {}), { units: 5 }) })), ahead))).toEqual(['reshape', 'dense']);
});

test.each<[string, (x: SymbolicTensor) => SymbolicTensor]>([
  ['zeros are padded around what it shifts', (x) => conv2d(batchNorm(x, {}), { filters: 8, kernelSize: 3, padding: 1 })],
  ['an activation stands between', (x) => conv2d(batchNorm(x, { activation: 'relu' }), { filters: 8, kernelSize: 3 })],
  ['another layer reads it', (x) => { const y = batchNorm(x, {}); return add([y, conv2d(y, { filters: 3, kernelSize: 1 })]); }],
])('foldBatchNormAhead leaves a batch norm alone where %s', (_, make) => {
  const input = tfl.input({ shape: [8, 8, 3] });
  expect(kinds(expectSame(randomise(tfl.model({ inputs: input, outputs: make(input) })), ahead))).toContain('batchNorm');
});

test('shareCommon computes a layer once that is used twice on one value, and dropout as often as it stands there', () => {
  const input = tfl.input({ shape: [8, 8, 3] });
  const shared = tfl.layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu' });
  const twice = () => dropout(shared.apply(input) as SymbolicTensor, { rate: 0.5 });
  const model = randomise(tfl.model({ inputs: input, outputs: concatenate([twice(), twice()]) }));
  expect(kinds(trace(model))).toEqual(['conv2d', 'activation', 'dropout', 'conv2d', 'activation', 'dropout', 'concat']);
  expect(kinds(expectSame(model, shareCommon))).toEqual(['conv2d', 'activation', 'dropout', 'dropout', 'concat']);
});

test('cancelTransposes joins channels-first layers without turning between them', () => {
  const input = tfl.input({ shape: [8, 8, 3] });
  const dataFormat = 'channelsFirst';
  const pool = (x: SymbolicTensor) => tfl.layers.maxPooling2d({ poolSize: 2, dataFormat }).apply(x) as SymbolicTensor;
  const relu = (x: SymbolicTensor) => tfl.layers.reLU().apply(x) as SymbolicTensor;
  const x = tfl.layers.permute({ dims: [3, 1, 2] }).apply(input) as SymbolicTensor;
  const y = relu(pool(x));
  const mean = tfl.layers.globalAveragePooling2d({ dataFormat }).apply(pool(tfl.layers.add().apply([y, y]) as SymbolicTensor)) as SymbolicTensor;
  const model = tfl.model({ inputs: input, outputs: mean });
  expect(kinds(trace(model)).filter((kind) => kind === 'transpose')).toHaveLength(5);
  expect(kinds(expectSame(model, (graph) => cancelTransposes(cancelTransposes(graph))))).toEqual(['maxPool', 'activation', 'binary', 'maxPool', 'reduce']);
});

test('cancelTransposes keeps the last of several reshapes, and none that changes nothing', () => {
  const input = tfl.input({ shape: [8, 8, 3] });
  const reshape = (x: SymbolicTensor, ...targetShape: number[]) => tfl.layers.reshape({ targetShape }).apply(x) as SymbolicTensor;
  const x = reshape(reshape(reshape(input, 64, 3), 4, 48), 192);
  expect(kinds(expectSame(tfl.model({ inputs: input, outputs: x }), cancelTransposes))).toEqual(['reshape']);
  expect(kinds(expectSame(tfl.model({ inputs: input, outputs: activation(reshape(reshape(input, 192), 8, 8, 3), { kind: 'relu' }) }), cancelTransposes))).toEqual(['activation']);
});

test('subsampleFirst picks positions once for 1x1 convolutions with a stride, and leaves other windows alone', () => {
  const input = tfl.input({ shape: [8, 8, 3] });
  const strided = (kernelSize: number, padding = 0) => conv2d(input, { filters: 4, kernelSize, strides: 2, padding });
  const both = expectSame(randomise(tfl.model({ inputs: input, outputs: concatenate([strided(1), strided(1), strided(3, 1)]) })), subsampleFirst);
  expect(kinds(both).sort()).toEqual(['concat', 'conv2d', 'conv2d', 'conv2d', 'maxPool']);
  expect(both.nodes.flatMap((node) => (isKind(node, 'conv2d') ? [node.attributes.strides[0]] : [])).sort()).toEqual([1, 1, 2]);
});

test('alignChannels rounds channels up between convolutions around a depthwise one, and nowhere else', () => {
  const input = tfl.input({ shape: [8, 8, 3] });
  const narrow = (x: SymbolicTensor, filters: number) => activation(conv2d(x, { filters, kernelSize: 1 }), { kind: 'relu' });
  const depthwise = (x: SymbolicTensor) => depthwiseConv2d(x, { kernelSize: 3, padding: 1 });
  const widths = (outputs: SymbolicTensor) => expectSame(randomise(tfl.model({ inputs: input, outputs })), alignChannels).nodes.filter(isOp).map(({ shape }) => shape[3]);
  expect(widths(narrow(depthwise(narrow(input, 10)), 7))).toEqual([12, 12, 12, 7, 7]);
  expect(widths(narrow(narrow(input, 10), 7))).toEqual([10, 10, 7, 7]);
  expect(widths(depthwise(narrow(input, 10)))).toEqual([10, 10, 10]);
  const shared = narrow(input, 10);
  expect(widths(concatenate([shared, narrow(depthwise(shared), 8)]))).toEqual([10, 10, 10, 8, 8, 18]);
});

test('fuseActivation fuses relu and relu6 into what comes before, sums included', () => {
  const fused = expectSame(network(), (graph) => fuseActivation(foldBatchNorm(graph)));
  expect(kinds(fused)).not.toContain('activation');
  const sum = fused.nodes.find((node) => node.kind === 'binary');
  expect(sum && 'fused' in sum ? sum.fused?.kind : undefined).toBe('relu');
});

test('fuseActivation keeps an activation whose input is read twice', () => {
  const input = tfl.input({ shape: [8, 8, 3] });
  const y = conv2d(input, { filters: 3, kernelSize: 1 });
  const model = randomise(tfl.model({ inputs: input, outputs: add([y, activation(y, { kind: 'relu' })]) }));
  expect(kinds(expectSame(model, optimize))).toContain('activation');
});

test('removeDeadCode leaves out what no output needs', () => {
  const graph = trace(network());
  const cut: Graph = { ...graph, outputs: [graph.nodes.find((node) => node.kind === 'conv2d') as never] };
  expect(kinds(removeDeadCode(cut))).toEqual(['conv2d']);
});

test('a compiled model holds no more than its folded weights, and frees them', () => {
  const model = network();
  const before = tf.memory().numTensors;
  const compiled = compile(model);
  expect(tf.memory().numTensors - before).toBe(8);
  const x = tf.zeros([3, 8, 8, 3]);
  const y = compiled.predict(x) as tf.Tensor;
  expect(y.shape).toEqual([3, 5]);
  expect(() => compiled.predict(tf.zeros([1, 8, 8, 4]))).toThrow(/must have the shape \[, 8, 8, 3\], got \[1, 8, 8, 4\]/);
  tf.dispose([x, y]);
  compiled.dispose();
});
