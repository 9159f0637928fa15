import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lenet, LENETS, radialBasis, scaledTanh, subsampling, tableConv, type LeNetSpec } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => tf.disposeVariables());

const zeros = { initialWeights: 'zeros' } as const;
const values = (x: tf.Tensor) => [...x.dataSync()].map((value) => Number(value.toFixed(4)));
function netOf(shape: number[], block: (x: SymbolicTensor) => SymbolicTensor): LayersModel {
  const x = input({ shape });
  return model({ inputs: x, outputs: block(x) });
}

// LeCun et al. 1998, section II-B.
describe('lenet5_1998 is the network of the paper', () => {
  const counts = (net: LayersModel) => {
    const sums: Record<string, number> = {};
    for (const layer of net.layers) {
      const stage = layer.name.split('.')[0] as string;
      const own = layer.trainableWeights.reduce((sum, { shape }) => sum + (shape as number[]).reduce((product, n) => product * n, 1), 0);
      if (own > 0) sums[stage] = (sums[stage] ?? 0) + own;
    }
    return sums;
  };

  it('has its trainable parameters, layer by layer, 60,000 in all', () => {
    const net = lenet.build('lenet5_1998', zeros);
    expect(counts(net)).toEqual({ conv1: 156, pool1: 12, conv2: 1_516, pool2: 32, fc1: 48_120, fc2: 10_164 });
    expect(trainableParams(net)).toBe(60_000);
  });

  it('has its 340,908 connections', () => {
    const net = lenet.build('lenet5_1998', zeros);
    const units = (name: string) => (net.getLayer(name).outputShape as number[]).slice(1).reduce((product, n) => product * n, 1);
    // A unit of a convolution or dense layer has a bias; one of a subsampling four inputs and a bias; the output's have none.
    const biases = ['conv1', 'conv2.concat', 'fc1', 'fc2'].reduce((sum, name) => sum + units(name), 0);
    const subsamplings = 5 * (units('pool1') + units('pool2'));
    expect(kernelMacs(net) + biases + subsamplings).toBe(340_908);
  });

  it('squashes behind every layer but the last', () => {
    const net = lenet.build('lenet5_1998', zeros);
    const after = net.layers.filter((layer) => layer.getClassName() === 'ConvkitScaledTanh').map((layer) => layer.name.replace('.activation', ''));
    expect(after).toEqual(['conv1', 'pool1', 'conv2', 'pool2', 'fc1', 'fc2']);
    expect(net.getLayer('fc3').trainableWeights).toEqual([]);
  });

  it('learns: the loss of a few images falls', () => {
    const net = lenet.build('lenet5_1998');
    const [x, y] = [tf.randomUniform([4, 32, 32, 1], -0.1, 1.175, 'float32', 1), tf.oneHot([3, 1, 4, 9], 10)];
    const optimizer = tf.train.sgd(1e-3);
    const losses = Array.from({ length: 8 }, () => tf.tidy(() => values(optimizer.minimize(() => tf.losses.softmaxCrossEntropy(y, net.apply(x, { training: true }) as tf.Tensor) as tf.Scalar, true) as tf.Scalar)[0] as number));
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
  });
});

it('connects the maps as table I does', () => {
  // One row for each map below, one column for each map of the second convolution; as in tiny-dnn's examples/mnist/train.cpp.
  const below = [
    'X...XXX..XXXX.XX',
    'XX...XXX..XXXX.X',
    'XXX...XXX..X.XXX',
    '.XXX..XXXX..X.XX',
    '..XXX..XXXX.XX.X',
    '...XXX..XXXX.XXX',
  ];
  const net = netOf([5, 5, 6], (x) => tableConv(x, { table: LENETS.lenet5_1998.table, kernelSize: 5, name: 'conv2' }));
  const seen = below.map((_, map) => values(net.predict(tf.mul(tf.ones([1, 5, 5, 6]), tf.oneHot(map, 6))) as tf.Tensor).map((value) => (value === 0 ? '.' : 'X')).join(''));
  expect(seen).toEqual(below);
});

describe('the layers of 1998', () => {
  it('a scaled tanh is 1 at 1 and -1 at -1, and nearly 1.7159 far away', () => {
    const net = netOf([3], (x) => scaledTanh(x, {}));
    expect(values(net.predict(tf.tensor2d([[1, -1, 20]])) as tf.Tensor)).toEqual([1, -1, 1.7159]);
  });

  it('a subsampling starts as the average, and is a sum times a coefficient plus a bias', () => {
    const net = netOf([3, 4, 2], (x) => subsampling(x, {}));
    const x = tf.tensor4d([1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7, 70, 8, 80, 0, 0, 0, 0, 0, 0, 0, 0], [1, 3, 4, 2]);
    expect(values(net.predict(x) as tf.Tensor)).toEqual([3.5, 35, 5.5, 55]);
    net.setWeights([tf.tensor1d([2, -1]), tf.tensor1d([0.5, 3])]);
    expect(values(net.predict(x) as tf.Tensor)).toEqual([28.5, -137, 44.5, -217]);
  });

  it('an output unit is 0 at its code, and falls with the squared distance', () => {
    const net = netOf([84], (x) => radialBasis(x, {}));
    const codes = tf.transpose(net.getWeights()[0] as tf.Tensor2D);
    expect(codes.shape).toEqual([10, 84]);
    expect(new Set(values(codes))).toEqual(new Set([1, -1]));
    const logits = (net.predict(codes) as tf.Tensor2D).arraySync();
    logits.forEach((row, digit) => {
      expect(row[digit]).toBe(0);
      // A pixel that differs adds 4; every digit differs from every other in at least 8 of 84.
      expect(Math.max(...row.filter((_, other) => other !== digit))).toBeLessThanOrEqual(-4 * 8);
    });
    const near = tf.add(tf.slice(codes, [3, 0], [1, 84]), 0.5);
    expect((net.predict(near) as tf.Tensor2D).arraySync()[0]?.[3]).toBeCloseTo(-84 * 0.25, 3);
  });

  it('a table of all maps is a convolution', () => {
    const net = netOf([5, 5, 2], (x) => tableConv(x, { table: [[0, 1]], kernelSize: 3, padding: 1, name: 'conv' }));
    expect(net.layers.map(({ name }) => name).slice(1)).toEqual(['conv.0']);
    expect(net.outputShape).toEqual([null, 5, 5, 1]);
    const twice = netOf([5, 5, 2], (x) => tableConv(x, { table: [[0, 1], [0, 1]], kernelSize: 3, padding: 1, name: 'conv' }));
    expect((twice.predict(tf.ones([1, 5, 5, 2])) as tf.Tensor).shape).toEqual([1, 5, 5, 2]);
  });
});

describe('refuses by name', () => {
  const table = (rows: unknown) => () => netOf([5, 5, 3], (x) => tableConv(x, { table: rows as number[][], kernelSize: 3, name: 'c3' }));
  const spec = (edit: object, options: object = {}) => () => lenet.build({ ...LENETS.lenet5_1998, ...edit } as LeNetSpec, { ...zeros, ...options });
  it.each<[string, () => unknown, RegExp]>([
    ['a map that is not there', table([[0, 3]]), /^tableConv "c3": table must be a list of lists of numbers below the 3 input maps, got \[0,3\]/],
    ['a map that is there twice', table([[0, 0]]), /table must be a list of lists of different numbers, got \[0,0\]/],
    ['a map that sees nothing', table([[0], []]), /table must be a list of at least 1, each a list of at least 1/],
    ['a table for other maps', spec({ filters: [6, 12] }), /^lenet: table must be a list of 12 lists, one for each map of the second convolution/],
    ['more classes than there are digits', spec({}, { classes: 11 }), /^radialBasis "fc3": classes must be an integer from 1 to 10, got 11/],
    ['codes of another width', spec({ hidden: [120] }), /^radialBasis "fc2": input must be a flat batch \[N, 84\]/],
    ['a window larger than its input', () => netOf([1, 4, 2], (x) => subsampling(x, { name: 's2' })), /^subsampling "s2": poolSize must be at most the input, here 1x4 \(H x W\), got 2/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
