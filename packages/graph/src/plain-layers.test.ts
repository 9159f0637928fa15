import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { relativeError } from '@convkit/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { compile, trace, TraceError } from './index.js';

type Make = (x: tfl.SymbolicTensor) => tfl.SymbolicTensor;
const L = tfl.layers;
const apply = (layer: InstanceType<typeof L.Layer>): Make => (x) => layer.apply(x) as tfl.SymbolicTensor;
const image: [number, number, number] = [9, 8, 6];

/** Every tf.layers class that the graph reads, as a model of one or a few layers. */
const cases: Record<string, Make> = {
  'Conv2D same, stride, fused relu': apply(L.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu', biasInitializer: 'randomNormal' })),
  'Conv2D dilated, valid, no bias': apply(L.conv2d({ filters: 4, kernelSize: [3, 2], dilationRate: 2, useBias: false })),
  'Conv2D channelsFirst': (x) => L.conv2d({ filters: 4, kernelSize: 3, dataFormat: 'channelsFirst' }).apply(L.permute({ dims: [3, 1, 2] }).apply(x)) as tfl.SymbolicTensor,
  'DepthwiseConv2D with multiplier': apply(L.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2, padding: 'same', activation: 'relu6' })),
  SeparableConv2D: apply(L.separableConv2d({ filters: 5, kernelSize: 3, padding: 'same', depthMultiplier: 2 })),
  'Conv2DTranspose same': apply(L.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding: 'same', biasInitializer: 'randomNormal' })),
  'Conv2DTranspose valid': apply(L.conv2dTranspose({ filters: 3, kernelSize: 4, strides: 2 })),
  Conv1D: (x) => L.conv1d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'elu' }).apply(L.reshape({ targetShape: [72, 6] }).apply(x)) as tfl.SymbolicTensor,
  MaxPooling2D: apply(L.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })),
  AveragePooling2D: apply(L.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' })),
  MaxPooling1D: (x) => L.maxPooling1d({ poolSize: 2 }).apply(L.reshape({ targetShape: [72, 6] }).apply(x)) as tfl.SymbolicTensor,
  AveragePooling1D: (x) => L.averagePooling1d({ poolSize: 3, strides: 2 }).apply(L.reshape({ targetShape: [72, 6] }).apply(x)) as tfl.SymbolicTensor,
  GlobalAveragePooling2D: apply(L.globalAveragePooling2d({})),
  GlobalMaxPooling2D: apply(L.globalMaxPooling2d({})),
  GlobalAveragePooling1D: (x) => L.globalAveragePooling1d({}).apply(L.reshape({ targetShape: [72, 6] }).apply(x)) as tfl.SymbolicTensor,
  GlobalMaxPooling1D: (x) => L.globalMaxPooling1d({}).apply(L.reshape({ targetShape: [72, 6] }).apply(x)) as tfl.SymbolicTensor,
  BatchNormalization: apply(L.batchNormalization({ betaInitializer: 'randomNormal', movingMeanInitializer: 'randomNormal', gammaInitializer: 'randomNormal' })),
  LayerNormalization: apply(L.layerNormalization({ betaInitializer: 'randomNormal' })),
  'Activation, all names': (x) =>
    ['relu', 'relu6', 'elu', 'selu', 'sigmoid', 'hardSigmoid', 'tanh', 'softplus', 'softsign', 'softmax', 'swish', 'linear'].reduce(
      (sum, activation) => L.add().apply([sum, L.activation({ activation: activation as 'relu' }).apply(x) as tfl.SymbolicTensor]) as tfl.SymbolicTensor, x),
  'ReLU with other bounds': (x) => L.reLU({ maxValue: 2 }).apply(L.reLU({ maxValue: 6 }).apply(x)) as tfl.SymbolicTensor,
  LeakyReLU: apply(L.leakyReLU({ alpha: 0.2 })),
  ELU: apply(L.elu({})),
  PReLU: apply(L.prelu({ alphaInitializer: 'randomNormal', sharedAxes: [1, 2] })),
  Softmax: apply(L.softmax({ axis: -1 })),
  Subtract: (x) => L.average().apply([x, L.maximum().apply([x, L.minimum().apply([x, L.multiply().apply([x, x]) as tfl.SymbolicTensor]) as tfl.SymbolicTensor]) as tfl.SymbolicTensor]) as tfl.SymbolicTensor,
  Concatenate: (x) => L.concatenate({ axis: 2 }).apply([x, x]) as tfl.SymbolicTensor,
  'Flatten and Dense': (x) => L.dense({ units: 7, activation: 'tanh', biasInitializer: 'randomNormal' }).apply(L.flatten().apply(x)) as tfl.SymbolicTensor,
  'Dense over images': apply(L.dense({ units: 7 })),
  'Dropout and its kin': (x) => L.gaussianNoise({ stddev: 1 }).apply(L.alphaDropout({ rate: 0.3 }).apply(L.dropout({ rate: 0.5 }).apply(x))) as tfl.SymbolicTensor,
  'Reshape with an open axis': apply(L.reshape({ targetShape: [-1, 12] })),
  Permute: apply(L.permute({ dims: [2, 3, 1] })),
  ZeroPadding2D: apply(L.zeroPadding2d({ padding: [[1, 2], [0, 3]] })),
  Cropping2D: apply(L.cropping2D({ cropping: [[1, 2], [0, 3]] })),
  'UpSampling2D nearest': apply(L.upSampling2d({ size: [2, 3] })),
  'UpSampling2D bilinear': apply(L.upSampling2d({ size: [2, 2], interpolation: 'bilinear' })),
  Rescaling: apply(L.rescaling({ scale: 0.25, offset: -1 })),
};

beforeAll(async () => {
  await tf.setBackend('wasm');
});

describe('a plain tf.layers model compiles to what predict computes', () => {
  test.each(Object.entries(cases))('%s', (_, make) => {
    const input = tfl.input({ shape: image });
    const model = tfl.model({ inputs: input, outputs: make(input) });
    const x = tf.randomUniform([2, ...image], -2, 2, 'float32', 7);
    const before = tf.memory().numTensors;
    const compiled = compile(model);
    tf.tidy(() => {
      const expected = model.predict(x) as tf.Tensor;
      const actual = compiled.predict(x) as tf.Tensor;
      expect(actual.shape).toEqual(expected.shape);
      expect(trace(model).outputs[0]?.shape.slice(1)).toEqual(expected.shape.slice(1));
      expect(relativeError(actual.dataSync(), expected.dataSync())).toBeLessThan(1e-5);
    });
    compiled.dispose();
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(x);
    model.dispose();
  });
});

test('nested and shared layers: a model inside a model, used twice, counts its weights once', () => {
  const inner = tfl.sequential({ layers: [L.conv2d({ inputShape: [8, 8, 3], filters: 3, kernelSize: 3, padding: 'same' }), L.batchNormalization(), L.reLU()], name: 'inner' });
  const input = tfl.input({ shape: [8, 8, 3] });
  const twice = inner.apply(inner.apply(input)) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs: input, outputs: [twice, L.flatten().apply(twice) as tfl.SymbolicTensor] });
  const graph = trace(model);
  expect(graph.nodes.filter((node) => node.kind === 'conv2d')).toHaveLength(2);
  expect(graph.nodes.filter((node) => node.kind === 'weight')).toHaveLength(6);
  expect(graph.nodes.find((node) => node.kind === 'conv2d')?.origin.layer).toMatch(/^inner\/conv2d/);
  tf.tidy(() => {
    const x = tf.randomUniform([1, 8, 8, 3], -1, 1, 'float32', 1);
    const [map, flat] = compile(model).predict(x) as tf.Tensor[];
    const [expectedMap, expectedFlat] = model.predict(x) as tf.Tensor[];
    expect(relativeError(map!.dataSync(), expectedMap!.dataSync())).toBeLessThan(1e-5);
    expect(flat!.shape).toEqual(expectedFlat!.shape);
  });
  model.dispose();
});

test('a layer without a lowering is named, with the way out', () => {
  class Mystery extends L.Layer {
    static readonly className = 'Mystery';
  }
  const input = tfl.input({ shape: [4, 4, 1] });
  const model = tfl.model({ inputs: input, outputs: new Mystery({ name: 'odd' }).apply(input) as tfl.SymbolicTensor });
  expect(() => trace(model)).toThrow(TraceError);
  expect(() => trace(model)).toThrow(/layer "odd" of class Mystery .* lower\(g, inputs\)/);
});

test('a model that leaves its input size open needs inputShape', () => {
  const input = tfl.input({ shape: [null, null, 3] });
  const model = tfl.model({ inputs: input, outputs: L.conv2d({ filters: 2, kernelSize: 3 }).apply(input) as tfl.SymbolicTensor });
  expect(() => trace(model)).toThrow(/inputShape must be given/);
  expect(trace(model, { inputShape: [5, 6, 3] }).outputs[0]?.shape).toEqual([null, 3, 4, 2]);
});
