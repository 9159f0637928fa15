import '@tensorflow/tfjs-backend-cpu';
import { activation, batchNorm, conv2d, dense, depthwiseConv2d, dropout, flatten, globalAveragePool } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { torchParameters, type TorchParameter } from './index.js';

type Tensor = tfl.SymbolicTensor;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function parametersOf(make: (x: Tensor) => Tensor, shape = [4, 4, 2]): { model: tfl.LayersModel; parameters: TorchParameter[] } {
  const input = tfl.input({ shape });
  const model = tfl.model({ inputs: input, outputs: make(input) });
  return { model, parameters: torchParameters(model) };
}

/** 0, 1, 2, ... in row-major order. */
const counting = (shape: number[]) => tf.reshape(tf.range(0, shape.reduce((product, n) => product * n, 1)), shape);

/** The layer's values for a counting tensor of torch's. */
function fromCounting({ shape, fromTorch }: TorchParameter): { shape: number[]; values: number[] } {
  return tf.tidy(() => {
    const tensor = fromTorch(counting(shape));
    return { shape: tensor.shape, values: [...tensor.dataSync()] };
  });
}

test('a state_dict key is the layer\'s name and torch\'s name of the weight', () => {
  const { model, parameters } = parametersOf((x) =>
    dense(globalAveragePool(batchNorm(depthwiseConv2d(conv2d(x, { filters: 4, kernelSize: 3, groups: 2, name: 'layer1.0.conv1' }), { kernelSize: 1, depthMultiplier: 2, useBias: false, name: 'dw' }), { name: 'bn1' }), {}), { units: 3, name: 'fc' }));
  expect(parameters.map(({ name, shape }) => [name, ...shape])).toEqual([
    ['layer1.0.conv1.weight', 4, 1, 3, 3], ['layer1.0.conv1.bias', 4],
    ['dw.weight', 8, 1, 1, 1],
    ['bn1.weight', 8], ['bn1.bias', 8], ['bn1.running_mean', 8], ['bn1.running_var', 8],
    ['fc.weight', 3, 8], ['fc.bias', 3],
  ]);
  model.dispose();
});

test('OIHW to HWIO: out 1, in 0, row 0, column 1 of a 1x2 kernel', () => {
  const { model, parameters } = parametersOf((x) => conv2d(x, { filters: 3, kernelSize: [1, 2], name: 'c' }));
  // torch [3, 2, 1, 2] holds at [o, i, 0, x] the number 4 o + 2 i + x; the layer [1, 2, 2, 3] has it at [0, x, i, o].
  expect(fromCounting(parameters[0]!)).toEqual({ shape: [1, 2, 2, 3], values: [0, 4, 8, 2, 6, 10, 1, 5, 9, 3, 7, 11] });
  model.dispose();
});

test('depthwise with a multiplier: torch\'s output c m + j is the layer\'s channel c, multiplier j', () => {
  const { model, parameters } = parametersOf((x) => depthwiseConv2d(x, { kernelSize: [1, 2], depthMultiplier: 2, name: 'd' }));
  // torch [4, 1, 1, 2] holds at [2 c + j, 0, 0, x] the number 2 (2 c + j) + x; the layer [1, 2, 2, 2] has it at [0, x, c, j].
  expect(fromCounting(parameters[0]!)).toEqual({ shape: [1, 2, 2, 2], values: [0, 2, 4, 6, 1, 3, 5, 7] });
  model.dispose();
});

test('a dense layer behind a flattened 2x2x2 map: torch flattens channels first', () => {
  const { model, parameters } = parametersOf((x) => dense(flatten(x), { units: 1, name: 'fc' }), [2, 2, 2]);
  // torch's input c 4 + y 2 + x is the layer's input y 4 + x 2 + c.
  expect(fromCounting(parameters[0]!)).toEqual({ shape: [8, 1], values: [0, 4, 1, 5, 2, 6, 3, 7] });
  model.dispose();
});

test('the permutation computes what torch computes on the channels-first map', () => {
  const { model, parameters } = parametersOf((x) => dense(flatten(x), { units: 2, useBias: false, name: 'fc' }), [2, 3, 2]);
  tf.tidy(() => {
    const weight = tf.randomNormal([2, 12], 0, 1, 'float32', 1) as tf.Tensor2D;
    const image = tf.randomNormal([1, 2, 3, 2], 0, 1, 'float32', 2);
    parameters[0]!.variable.write(parameters[0]!.fromTorch(weight));
    const torch = tf.matMul(tf.reshape(tf.transpose(image, [0, 3, 1, 2]), [1, 12]) as tf.Tensor2D, weight, false, true);
    expect(tf.max(tf.abs(tf.sub(model.predict(image) as tf.Tensor, torch))).dataSync()[0]).toBeLessThan(1e-5);
  });
  model.dispose();
});

test('dropout and activations in between keep the permutation; other cases are plain transposes', () => {
  const shuffled = [0, 4, 1, 5, 2, 6, 3, 7];
  const plain = [0, 1, 2, 3, 4, 5, 6, 7];
  const cases: [(x: Tensor) => Tensor, number[], number[]][] = [
    [(x) => dense(activation(dropout(flatten(x), { rate: 0.5 }), { kind: 'relu' }), { units: 1 }), [2, 2, 2], shuffled],
    [(x) => dense(flatten(x), { units: 1 }), [1, 1, 8], plain],
    [(x) => dense(globalAveragePool(x, {}), { units: 1 }), [2, 2, 8], plain],
    [(x) => dense(flatten(tfl.layers.reshape({ targetShape: [4, 2] }).apply(x) as Tensor), { units: 1 }), [2, 2, 2], plain],
  ];
  for (const [make, shape, expected] of cases) {
    const { model, parameters } = parametersOf(make, shape);
    expect(fromCounting(parameters[0]!).values).toEqual(expected);
    model.dispose();
  }
});

test('a transposed convolution, [in, out, kh, kw], and a 1-D one, [out, in, length]', () => {
  const transposed = parametersOf((x) => tfl.layers.conv2dTranspose({ filters: 3, kernelSize: 1, name: 't' }).apply(x) as Tensor);
  // torch [2, 3, 1, 1] to the layer's [1, 1, 3, 2].
  expect(transposed.parameters[0]!.shape).toEqual([2, 3, 1, 1]);
  expect(fromCounting(transposed.parameters[0]!)).toEqual({ shape: [1, 1, 3, 2], values: [0, 3, 1, 4, 2, 5] });
  const sequence = parametersOf((x) => tfl.layers.conv1d({ filters: 3, kernelSize: 2, name: 's' }).apply(x) as Tensor, [8, 2]);
  expect(sequence.parameters[0]!.shape).toEqual([3, 2, 2]);
  expect(fromCounting(sequence.parameters[0]!)).toEqual({ shape: [2, 2, 3], values: [0, 4, 8, 2, 6, 10, 1, 5, 9, 3, 7, 11] });
  transposed.model.dispose();
  sequence.model.dispose();
});

test('every layout there and back is the identity, and leaves no tensor', () => {
  const { model, parameters } = parametersOf((x) => {
    const maps = batchNorm(depthwiseConv2d(conv2d(x, { filters: 4, kernelSize: [3, 2], groups: 2 }), { kernelSize: [2, 1], depthMultiplier: 3 }), {});
    return dense(dense(flatten(maps), { units: 5 }), { units: 3 });
  });
  expect(parameters).toHaveLength(12);
  for (const { shape, variable, fromTorch, toTorch } of parameters) {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const torch = tf.randomNormal(shape, 0, 1, 'float32', 3);
      const layer = fromTorch(torch);
      expect(layer.shape).toEqual(variable.shape);
      expect(toTorch(layer).shape).toEqual(shape);
      expect(toTorch(layer).dataSync()).toEqual(torch.dataSync());
    });
    const given = tf.zeros(shape);
    const converted = fromTorch(given);
    const back = toTorch(converted);
    expect(tf.memory().numTensors).toBe(before + 3);
    tf.dispose([given, converted, back]);
    expect(tf.memory().numTensors).toBe(before);
  }
  model.dispose();
});

test('a weight that torch has no name for, and a model inside the model, are refused by name', () => {
  expect(() => parametersOf((x) => tfl.layers.separableConv2d({ filters: 2, kernelSize: 1, name: 'sep' }).apply(x) as Tensor)).toThrow(/layer "sep" \(SeparableConv2D\): the weight pointwise_kernel has no counterpart/);
  const inner = tfl.sequential({ name: 'inner', layers: [tfl.layers.conv2d({ inputShape: [4, 4, 2], filters: 1, kernelSize: 1 })] });
  expect(() => parametersOf((x) => inner.apply(x) as Tensor)).toThrow(/layer "inner" is a model: read its weights by itself/);
});
