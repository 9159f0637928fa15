import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixtureStream } from '@convkit/testing';
import { install, uninstall } from './index.js';

type Layer = layers.Layer;
type Stack = () => Layer[];

const conv = (options: Partial<Parameters<typeof layers.conv2d>[0]> = {}) => layers.conv2d({ filters: 4, kernelSize: 3, ...options });

/** Layers of ordinary CNNs, each in front of a dense top, for images [8, 8, 2]. */
const STACKS: Record<string, Stack> = {
  'conv2d 3x3 same': () => [conv({ padding: 'same' })],
  'conv2d 3x3 valid, stride 2, relu': () => [conv({ strides: 2, activation: 'relu' })],
  'conv2d 5x4 same, strides [2, 1]': () => [conv({ kernelSize: [5, 4], padding: 'same', strides: [2, 1] })],
  'conv2d 1x1': () => [conv({ kernelSize: 1 }), conv({ kernelSize: 1, strides: 2 })],
  'conv2d channelsFirst': () => [layers.permute({ dims: [3, 1, 2] }), conv({ dataFormat: 'channelsFirst' })],
  'two conv2d': () => [conv({ padding: 'same', activation: 'tanh' }), conv({ strides: 3, padding: 'same' })],
  'depthwiseConv2d': () => [layers.depthwiseConv2d({ kernelSize: 3, padding: 'same' }), layers.depthwiseConv2d({ kernelSize: 3, strides: [2, 2], depthMultiplier: 2 })],
  'separableConv2d': () => [layers.separableConv2d({ filters: 4, kernelSize: 3, depthMultiplier: 2, padding: 'same' }), layers.separableConv2d({ filters: 4, kernelSize: 3, strides: [2, 2] })],
  'conv2dTranspose': () => [layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding: 'same' }), conv({ strides: 2 })],
  'conv1d': () => [layers.reshape({ targetShape: [16, 8] }), layers.conv1d({ filters: 4, kernelSize: 3, strides: 2 }), layers.conv1d({ filters: 4, kernelSize: 3 })],
  'maxPooling2d after conv2d': () => [conv(), layers.maxPooling2d({ poolSize: 2 }), conv({ kernelSize: 2 })],
  'maxPooling2d 3x3 stride 2 same': () => [conv(), layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })],
  'averagePooling2d': () => [conv(), layers.averagePooling2d({ poolSize: 2 }), conv({ kernelSize: 2 })],
  // Not padded: there the stock gradient is wrong on cpu too, see faults.test.ts.
  'averagePooling2d 3x2 stride [1, 2]': () => [conv(), layers.averagePooling2d({ poolSize: [3, 2], strides: [1, 2] })],
  'averagePooling2d full': () => [conv(), layers.averagePooling2d({ poolSize: 6 })],
  'globalAveragePooling2d': () => [conv(), layers.globalAveragePooling2d({})],
  'globalMaxPooling2d': () => [conv(), layers.globalMaxPooling2d({})],
  'batchNormalization': () => [conv({ useBias: false }), layers.batchNormalization(), layers.reLU(), layers.batchNormalization()],
  'layerNormalization': () => [conv(), layers.layerNormalization()],
  'leakyReLU, elu, prelu': () => [conv(), layers.leakyReLU(), conv(), layers.elu(), layers.prelu({ alphaInitializer: 'ones' })],
  'relu6': () => [conv(), layers.reLU({ maxValue: 6 })],
  'zeroPadding2d, cropping2D': () => [layers.zeroPadding2d({ padding: 2 }), conv(), layers.cropping2D({ cropping: [[1, 2], [0, 1]] })],
  'flatten, dense': () => [layers.flatten(), layers.dense({ units: 60, activation: 'relu' }), layers.dense({ units: 50, activation: 'sigmoid' })],
  'permute, reshape': () => [conv(), layers.permute({ dims: [3, 1, 2] }), layers.reshape({ targetShape: [6, 24] })],
  'spatial dropout of rate 0': () => [conv(), layers.dropout({ rate: 0 })],
  'embedding': () => [layers.flatten(), layers.embedding({ inputDim: 5, outputDim: 3 })],
  ...Object.fromEntries((['elu', 'hardSigmoid', 'linear', 'relu', 'relu6', 'selu', 'sigmoid', 'softmax', 'softplus', 'softsign', 'tanh', 'swish', 'mish', 'gelu'] as const).map((activation) => [
    `conv2d with ${activation}`, () => [conv(), layers.activation({ activation })],
  ])),
};

const weightsOf = (network: LayersModel) => network.weights.map((weight, i) => {
  const positive = /gamma|variance/.test(weight.originalName);
  const shape = weight.shape as number[];
  return tf.tensor(fixtureStream(`weight ${i}`, shape, positive ? 0.25 : 0.6, positive ? 1 : 0), shape);
});

function build(stack: Stack, embedding: boolean): LayersModel {
  const images = input({ shape: [8, 8, 2] });
  const body = stack().reduce((x, layer) => layer.apply(x) as SymbolicTensor, images as SymbolicTensor);
  const flat = body.shape.length > 2 ? layers.flatten().apply(body) as SymbolicTensor : body;
  const network = model({ inputs: images, outputs: layers.dense({ units: 3, activation: embedding ? 'linear' : 'softmax' }).apply(flat) as SymbolicTensor });
  const values = weightsOf(network);
  network.setWeights(values);
  tf.dispose(values);
  return network;
}

interface Training {
  loss?: string;
  optimizer?: () => tf.Optimizer;
  embedding?: boolean;
}

/** The weights after three steps, of gradient descent if not said otherwise. */
async function trained(backend: string, stack: Stack, { embedding = false, loss = embedding ? 'meanSquaredError' : 'categoricalCrossentropy', optimizer: make = () => tf.train.sgd(0.1) }: Training = {}): Promise<number[][]> {
  await tf.setBackend(backend);
  const network = build(stack, embedding);
  const images = tf.tidy(() => (embedding ? tf.cast(tf.mod(tf.reshape(tf.range(0, 4 * 128, 1, 'int32'), [4, 8, 8, 2]), 5), 'float32') : tf.tensor(fixtureStream('images', [4, 8, 8, 2], 2), [4, 8, 8, 2])));
  const labels = tf.tensor2d([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]);
  const optimizer = make();
  network.compile({ optimizer, loss, metrics: ['accuracy'] });
  try {
    await network.fit(images, labels, { epochs: 3, batchSize: 4, shuffle: false, verbose: 0 });
    return network.getWeights().map((weight) => [...weight.dataSync()]);
  } finally {
    tf.dispose([images, labels]);
    network.dispose();
    optimizer.dispose();
  }
}

/** Largest difference, relative to the largest weight. */
function difference(found: number[][], wanted: number[][]): number {
  expect(found.map((values) => values.length)).toEqual(wanted.map((values) => values.length));
  const right = wanted.flat();
  return Math.max(...found.flat().map((value, i) => Math.abs(value - (right[i] as number)))) / Math.max(...right.map(Math.abs));
}

const LOSSES = [
  'meanSquaredError', 'meanAbsoluteError', 'meanAbsolutePercentageError', 'meanSquaredLogarithmicError', 'squaredHinge', 'hinge', 'categoricalHinge', 'logcosh',
  'categoricalCrossentropy', 'binaryCrossentropy', 'kullbackLeiblerDivergence', 'poisson', 'cosineProximity',
];
const OPTIMIZERS: Record<string, () => tf.Optimizer> = {
  momentum: () => tf.train.momentum(0.1, 0.9, true), adagrad: () => tf.train.adagrad(0.1), adadelta: () => tf.train.adadelta(0.1), adam: () => tf.train.adam(0.1, 0.9, 0.999, 1e-3),
  adamax: () => tf.train.adamax(0.1, 0.9, 0.999, 1e-3), rmsprop: () => tf.train.rmsprop(0.1, 0.9, 0, 1e-2),
};
const ordinary: Stack = () => [conv({ padding: 'same', useBias: false }), layers.batchNormalization(), layers.reLU(), layers.maxPooling2d({ poolSize: 2 }), layers.separableConv2d({ filters: 5, kernelSize: 3 }), layers.globalAveragePooling2d({})];

const CASES: Record<string, [Stack, Training]> = {
  ...Object.fromEntries(Object.entries(STACKS).map(([name, stack]) => [name, [stack, { embedding: name === 'embedding' }]])),
  ...Object.fromEntries(LOSSES.map((loss) => [`a CNN with loss ${loss}`, [ordinary, { loss }]])),
  // An optimizer that divides by the size of a gradient makes a step of every rounding error, so their epsilons are large here.
  ...Object.fromEntries(Object.entries(OPTIMIZERS).map(([name, optimizer]) => [`a CNN with optimizer ${name}`, [ordinary, { optimizer }]])),
};

describe('three steps on wasm give the weights of the stock cpu backend to 1e-5', () => {
  const expected = new Map<string, number[][]>();
  beforeAll(async () => {
    uninstall();
    for (const [name, [stack, training]] of Object.entries(CASES)) expected.set(name, await trained('cpu', stack, training));
    await tf.setBackend('wasm');
    await install();
  });
  afterAll(uninstall);

  test.each(Object.keys(CASES))('%s', async (name) => {
    const [stack, training] = CASES[name] as [Stack, Training];
    expect(difference(await trained('wasm', stack, training), expected.get(name) ?? [])).toBeLessThan(1e-5);
  });
});

/** What no stock backend trains, or cpu wrongly: gradients of these are checked by differences in faults.test.ts. */
const BEYOND_STOCK: Record<string, Stack> = {
  'conv2d with dilationRate': () => [conv({ dilationRate: 2, padding: 'same' }), conv({ dilationRate: [1, 2], activation: 'relu' })],
  'conv2d with dilationRate, channelsFirst': () => [layers.permute({ dims: [3, 1, 2] }), conv({ dilationRate: 2, dataFormat: 'channelsFirst', activation: 'tanh', useBias: false })],
  'conv1d with dilationRate': () => [layers.reshape({ targetShape: [16, 8] }), layers.conv1d({ filters: 4, kernelSize: 3, dilationRate: 2 })],
  'separableConv2d with dilationRate': () => [layers.separableConv2d({ filters: 4, kernelSize: 3, dilationRate: 2 })],
  'batchNormalization without scale': () => [conv(), layers.batchNormalization({ scale: false })],
  'batchNormalization without center': () => [conv(), layers.batchNormalization({ center: false })],
  'upSampling2d': () => [conv(), layers.upSampling2d({ size: [2, 2] }), conv()],
  'upSampling2d, bilinear': () => [conv(), layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }), conv()],
  'averagePooling2d, same': () => [conv(), layers.averagePooling2d({ poolSize: [3, 2], strides: [1, 2], padding: 'same' })],
};

describe('what stock TensorFlow.js does not train, or cpu wrongly, trains alike on wasm and cpu', () => {
  beforeAll(async () => {
    await tf.setBackend('wasm');
    await install({ backends: ['wasm', 'cpu'] });
  });
  afterAll(uninstall);

  test.each(Object.entries(BEYOND_STOCK))('%s', async (_, stack) => {
    expect(difference(await trained('wasm', stack), await trained('cpu', stack))).toBeLessThan(1e-5);
  });
});

test('stock wasm throws where the same network trains after install, which leaves no tensor behind', async () => {
  await expect(trained('wasm', ordinary)).rejects.toThrow(/Kernel 'Conv2DBackpropFilter' not registered|DepthwiseConv2dNativeBackprop/);
  await install();
  await trained('wasm', ordinary);
  const before = tf.memory().numTensors;
  await trained('wasm', ordinary);
  expect(tf.memory().numTensors).toBe(before);
  uninstall();
});
