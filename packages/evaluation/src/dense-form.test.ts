import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { adaptiveAvgPool, conv2d, dense, dropout, flatten, globalAveragePool, squeezeExcite } from '@convkit/core';
import { compile, isOp } from '@convkit/graph';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model as modelOf, sequential, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { denseForm, DenseFormError } from './index.js';

beforeAll(() => tf.setBackend('wasm'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

type Shape = readonly [number, number, number];
const network = (shape: Shape, build: (x: SymbolicTensor) => SymbolicTensor): LayersModel => {
  const x = input({ shape: [...shape] });
  return modelOf({ inputs: x, outputs: build(x) });
};
const image = (shape: Shape, count = 2) => tf.randomUniform([count, ...shape], -1, 1, 'float32', 7) as tf.Tensor4D;

/** The dense form's output on an image. */
function slide(net: LayersModel, x: tf.Tensor4D): tf.Tensor4D {
  const program = compile(denseForm(net, { inputShape: x.shape.slice(1) as [number, number, number] }).graph);
  const map = program.predict(x) as tf.Tensor4D;
  program.dispose();
  return map;
}

/** The largest difference between what the network says of its own size and what its dense form says. */
function differenceAtOwnSize(net: LayersModel): number {
  const difference = tf.tidy(() => {
    const x = image(net.inputs[0]!.shape.slice(1) as unknown as Shape);
    const logits = net.predict(x) as tf.Tensor;
    const map = slide(net, x);
    expect(map.shape).toEqual([2, 1, 1, logits.shape[1]]);
    return tf.max(tf.abs(tf.sub(tf.reshape(map, logits.shape), logits))).arraySync() as number;
  });
  net.dispose();
  return difference;
}

const body = (x: SymbolicTensor) => conv2d(x, { filters: 6, kernelSize: 3, padding: 1, activation: 'relu' });
const twoLayers = (x: SymbolicTensor) => dense(dropout(dense(x, { units: 12, activation: 'relu' }), { rate: 0.5 }), { units: 5 });

describe('gives the logits of the network at its own size to 1e-5', () => {
  it.each<[string, Shape, (x: SymbolicTensor) => SymbolicTensor]>([
    ['two dense layers on a flattened map that is not square', [7, 5, 3], (x) => twoLayers(flatten(body(x)))],
    ["VGG's head, whose adaptive pool is the identity", [7, 7, 3], (x) => twoLayers(flatten(adaptiveAvgPool(body(x), { outputSize: 7 })))],
    ['an adaptive pool with cells that overlap', [9, 8, 3], (x) => twoLayers(flatten(adaptiveAvgPool(body(x), { outputSize: 7 })))],
    ['an adaptive pool that divides the map', [8, 12, 3], (x) => twoLayers(flatten(adaptiveAvgPool(body(x), { outputSize: 4 })))],
    ['an adaptive pool that enlarges the map, as VGG has below 224 pixels', [3, 2, 3], (x) => twoLayers(flatten(adaptiveAvgPool(body(x), { outputSize: 7 })))],
    ["AlexNet's dropout between the flattened map and the dense layer", [6, 6, 3], (x) => twoLayers(dropout(flatten(body(x)), { rate: 0.5 }))],
    ['a global pool and a dense layer', [6, 7, 3], (x) => dense(globalAveragePool(body(x), {}), { units: 5 })],
    ['a global pool at the very end', [6, 7, 3], (x) => globalAveragePool(body(x), {})],
    ["MobileNet v3's convolution between the pool and the classifier", [6, 7, 3], (x) => dense(flatten(conv2d(globalAveragePool(body(x), { keepDims: true }), { filters: 9, kernelSize: 1, activation: 'hardSwish' })), { units: 5 })],
    ['squeeze and excitation in the body', [6, 6, 3], (x) => dense(globalAveragePool(squeezeExcite(body(x), { squeeze: 2 }), {}), { units: 5 })],
  ])('%s', (_, shape, build) => {
    expect(differenceAtOwnSize(network(shape, build))).toBeLessThan(1e-5);
  });

  it("tf.layers' own layers, with a batch norm on the flattened map and a softmax", () => {
    const net = sequential({ layers: [
      layers.conv2d({ inputShape: [6, 6, 2], filters: 4, kernelSize: 3 }), layers.flatten(), layers.batchNormalization({}),
      layers.dense({ units: 8, activation: 'relu' }), layers.batchNormalization({}), layers.dense({ units: 3, activation: 'softmax' }),
    ] });
    expect(differenceAtOwnSize(net)).toBeLessThan(1e-5);
  });
});

it('says at each position what the network says of the window there, where no layer pads', () => {
  const net = network([10, 8, 2], (x) => {
    const pooled = layers.maxPooling2d({ poolSize: 2 }).apply(conv2d(x, { filters: 5, kernelSize: 3, activation: 'relu' })) as SymbolicTensor;
    return twoLayers(flatten(pooled));
  });
  const { positions, strides, window } = denseForm(net, { inputShape: [14, 13, 2] });
  expect({ positions, strides, window }).toEqual({ positions: [3, 3], strides: [2, 2], window: [10, 8] });
  tf.tidy(() => {
    const x = image([14, 13, 2]);
    const map = slide(net, x);
    expect(map.shape).toEqual([2, 3, 3, 5]);
    for (const [row, column] of [[0, 0], [1, 2], [2, 1]] as const) {
      const alone = net.predict(tf.slice(x, [0, 2 * row, 2 * column, 0], [-1, 10, 8, -1])) as tf.Tensor;
      const there = tf.reshape(tf.slice(map, [0, row, column, 0], [-1, 1, 1, -1]), alone.shape);
      expect(tf.max(tf.abs(tf.sub(there, alone))).arraySync()).toBeLessThan(1e-5);
    }
  });
  net.dispose();
});

it("has the class maps of the paper's table: Q from 224 to 512, 32 pixels a position", () => {
  // Five pools and a 7 x 7 head as in VGG, thin.
  const net = network([224, 224, 3], (x) => {
    let y = x;
    for (let i = 0; i < 5; i++) y = layers.maxPooling2d({ poolSize: 2 }).apply(conv2d(y, { filters: 2, kernelSize: 3, padding: 1, kernelInitializer: 'zeros' })) as SymbolicTensor;
    return dense(flatten(y), { units: 4, kernelInitializer: 'zeros' });
  });
  const maps = [224, 256, 288, 352, 384, 416, 512].map((side) => denseForm(net, { inputShape: [side, side, 3] }));
  expect(maps.map(({ positions }) => positions[0])).toEqual([1, 2, 3, 5, 6, 7, 10]);
  expect(maps[0]?.strides).toEqual([32, 32]);
  const kinds = maps[6]?.graph.nodes.filter(isOp).map(({ kind, shape }) => `${kind} ${shape.slice(1).join('x')}`).slice(-2);
  expect(kinds).toEqual(['maxPool 16x16x2', 'conv2d 10x10x4']);
  net.dispose();
});

describe('refuses', () => {
  it.each<[string, (x: SymbolicTensor) => SymbolicTensor, Shape | undefined, RegExp]>([
    ['an image that is too small', (x) => twoLayers(flatten(body(x))), [7, 8, 3], /inputShape must be at least the network's own 8 x 8 x 3, with as many channels, got \[7,8,3\]/],
    ['other channels', (x) => twoLayers(flatten(body(x))), [8, 8, 1], /inputShape must be at least/],
    ['a network without a classifier', body, undefined, /there is no dense layer or global pool/],
    ['a body that fixes the size', (x) => twoLayers(flatten(layers.reshape({ targetShape: [4, 16, 3] }).apply(x) as SymbolicTensor)), [9, 8, 3], /layer "reshape\w*" of class Reshape takes images of one size only/],
  ])('%s', (_, build, inputShape, message) => {
    const net = network([8, 8, 3], build);
    expect(() => denseForm(net, inputShape === undefined ? {} : { inputShape })).toThrow(message);
    net.dispose();
  });

  it('with errors that programs can tell apart', () => {
    const net = network([8, 8, 3], body);
    expect(() => denseForm(net)).toThrow(DenseFormError);
    expect(() => denseForm(net, { inputSize: 9 } as never)).toThrow(/unknown option inputSize/);
    net.dispose();
  });
});
