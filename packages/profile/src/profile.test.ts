import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import { activation, batchNorm, conv2d, depthwiseConv2d, globalAveragePool, localResponseNorm, OptionError } from '@convkit/core';
import { optimize, trace, TraceError } from '@convkit/graph';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { profile, type LayerProfile } from './index.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const L = tfl.layers;
type Tensor = tfl.SymbolicTensor;
const apply = (layer: InstanceType<typeof L.Layer>, x: Tensor | Tensor[]) => layer.apply(x) as Tensor;

function modelOf(shape: number[], make: (x: Tensor) => Tensor | Tensor[]): tfl.LayersModel {
  const input = tfl.input({ shape });
  return tfl.model({ inputs: input, outputs: make(input), name: 'net' });
}

describe('one layer on an 8x6 map of 4 channels costs, by hand', () => {
  // Name: layer, multiply-accumulates, other operations, params, running statistics.
  const N = 8 * 6 * 4;
  const cases: Record<string, [(x: Tensor) => Tensor, number, number, number, number]> = {
    'a 3x3 convolution, padded': [(x) => conv2d(x, { filters: 6, kernelSize: 3, padding: 1 }), 8 * 6 * 6 * 9 * 4, 8 * 6 * 6, 9 * 4 * 6 + 6, 0],
    'without bias': [(x) => conv2d(x, { filters: 6, kernelSize: 3, padding: 1, useBias: false }), 8 * 6 * 6 * 9 * 4, 0, 9 * 4 * 6, 0],
    'in 2 groups': [(x) => conv2d(x, { filters: 6, kernelSize: 3, padding: 1, groups: 2, useBias: false }), 8 * 6 * 6 * 9 * 2, 0, 9 * 2 * 6, 0],
    'with stride 2, unpadded': [(x) => conv2d(x, { filters: 6, kernelSize: 3, strides: 2, useBias: false }), 3 * 2 * 6 * 9 * 4, 0, 9 * 4 * 6, 0],
    'dilated by 2, unpadded': [(x) => conv2d(x, { filters: 6, kernelSize: 3, dilationRate: 2, useBias: false }), 4 * 2 * 6 * 9 * 4, 0, 9 * 4 * 6, 0],
    'depthwise with multiplier 2': [(x) => depthwiseConv2d(x, { kernelSize: 3, padding: 1, depthMultiplier: 2 }), 8 * 6 * 8 * 9, 8 * 6 * 8, 9 * 8 + 8, 0],
    'separable': [(x) => apply(L.separableConv2d({ filters: 5, kernelSize: 3, padding: 'same', useBias: false }), x), 8 * 6 * 4 * 9 + 8 * 6 * 4 * 5, 0, 9 * 4 + 4 * 5, 0],
    'transposed: one product an input position': [(x) => apply(L.conv2dTranspose({ filters: 5, kernelSize: 3, strides: 2, padding: 'same' }), x), 8 * 6 * 4 * 5 * 9, 16 * 12 * 5, 9 * 4 * 5 + 5, 0],
    'dense over every position': [(x) => apply(L.dense({ units: 3 }), x), 8 * 6 * 4 * 3, 8 * 6 * 3, 4 * 3 + 3, 0],
    'batch norm': [(x) => batchNorm(x, {}), 0, 2 * N, 8, 8],
    'batch norm without scale': [(x) => batchNorm(x, { scale: false }), 0, 2 * N, 4, 8],
    'layer norm': [(x) => apply(L.layerNormalization(), x), 0, 5 * N, 8, 0],
    'max pooling': [(x) => apply(L.maxPooling2d({ poolSize: 2 }), x), 0, 3 * (N / 4), 0, 0],
    'average pooling': [(x) => apply(L.averagePooling2d({ poolSize: 2 }), x), 0, 4 * (N / 4), 0, 0],
    'global average pooling': [(x) => globalAveragePool(x, {}), 0, N, 0, 0],
    'local response norm over 5': [(x) => localResponseNorm(x, {}), 0, 9 * N, 0, 0],
    'relu': [(x) => activation(x, { kind: 'relu' }), 0, N, 0, 0],
    'relu6': [(x) => activation(x, { kind: 'relu6' }), 0, 2 * N, 0, 0],
    'sigmoid': [(x) => activation(x, { kind: 'sigmoid' }), 0, 4 * N, 0, 0],
    'silu': [(x) => activation(x, { kind: 'silu' }), 0, 5 * N, 0, 0],
    'a sum': [(x) => apply(L.add(), [x, x]), 0, N, 0, 0],
    'a concatenation': [(x) => apply(L.concatenate(), [x, x]), 0, 0, 0, 0],
    'dropout': [(x) => apply(L.dropout({ rate: 0.5 }), x), 0, 0, 0, 0],
    'prelu, one slope a channel': [(x) => apply(L.prelu({ sharedAxes: [1, 2] }), x), 0, 2 * N, 4, 0],
  };

  test.each(Object.entries(cases))('%s', (_, [make, macs, others, params, runningStats]) => {
    const model = modelOf([8, 6, 4], make);
    expect(profile(model)).toMatchObject({ macs, flops: 2 * macs, allOps: 2 * macs + others, params, runningStats, weightsBytes: 4 * (params + runningStats) });
    expect(model.countParams()).toBe(params + runningStats);
    model.dispose();
  });
});

test('totals are the sums of the layers', () => {
  const model = modelOf([8, 8, 3], (x) => apply(L.dense({ units: 2 }), apply(L.flatten(), batchNorm(conv2d(x, { filters: 4, kernelSize: 3 }), { activation: 'relu' }))));
  const { layers, ...total } = profile(model);
  for (const key of ['params', 'runningStats', 'macs', 'flops', 'allOps', 'activations'] as const) {
    expect(layers.reduce((sum, layer) => sum + layer[key], 0)).toBe(total[key]);
  }
  expect(layers.map(({ type, outputShape }) => [type, ...outputShape.slice(1)])).toEqual([['ConvkitConv', 6, 6, 4], ['ConvkitBatchNorm', 6, 6, 4], ['Flatten', 144], ['Dense', 2]]);
  model.dispose();
});

test('a shared layer is computed at each use and its weights are counted once', () => {
  const shared = L.conv2d({ filters: 3, kernelSize: 3, padding: 'same', name: 'shared' });
  const model = modelOf([8, 8, 3], (x) => apply(shared, apply(shared, x)));
  const { params, macs, layers } = profile(model);
  expect([params, macs]).toEqual([9 * 9 + 3, 2 * 64 * 3 * 27]);
  expect(layers.map(({ name, params, macs }) => [name, params, macs])).toEqual([['shared', 84, 5184], ['shared', 0, 5184]]);
  model.dispose();
});

test('a nested model is entered, each of its layers a row', () => {
  const inner = tfl.sequential({ name: 'inner', layers: [L.conv2d({ inputShape: [8, 8, 3], filters: 2, kernelSize: 1, name: 'a' }), L.conv2d({ filters: 2, kernelSize: 1, name: 'b' })] });
  const model = modelOf([8, 8, 3], (x) => inner.apply(x) as Tensor);
  expect(profile(model).layers.map(({ name, params }) => [name, params])).toEqual([['inner/a', 8], ['inner/b', 6]]);
  model.dispose();
});

test('frozen weights are still parameters', () => {
  const model = modelOf([8, 8, 3], (x) => batchNorm(conv2d(x, { filters: 4, kernelSize: 3 }), {}));
  const before = profile(model);
  for (const layer of model.layers) layer.trainable = false;
  expect(model.trainableWeights).toHaveLength(0);
  expect(profile(model)).toEqual(before);
  expect(before).toMatchObject({ params: 3 * 9 * 4 + 4 + 8, runningStats: 8 });
  model.dispose();
});

test('a graph costs what its model costs; folding moves work but loses no weight', () => {
  const model = modelOf([8, 8, 3], (x) => batchNorm(conv2d(x, { filters: 4, kernelSize: 3 }), { activation: 'relu' }));
  const whole = profile(model);
  expect(profile(trace(model))).toEqual(whole);
  const folded = profile(optimize(trace(model)));
  expect(folded).toMatchObject({ params: whole.params, runningStats: whole.runningStats, macs: whole.macs, peakActivationBytes: whole.peakActivationBytes });
  model.dispose();
});

test('another input size is counted without building another model', () => {
  const model = modelOf([8, 8, 3], (x) => globalAveragePool(conv2d(x, { filters: 4, kernelSize: 3, padding: 'same', useBias: false }), {}));
  expect(profile(model, { inputShape: [16, 24, 3], model: 'larger' })).toMatchObject({ model: 'larger', input: [16, 24, 3], macs: 16 * 24 * 4 * 27, params: 108 });
  model.dispose();
});

describe('nothing is counted as zero', () => {
  test('a layer that cannot be read is a TraceError that names it', () => {
    class Mystery extends L.Layer {
      static readonly className = 'Mystery';
    }
    const model = modelOf([8, 8, 3], (x) => apply(new Mystery({ name: 'odd' }), x));
    expect(() => profile(model)).toThrow(TraceError);
    expect(() => profile(model)).toThrow(/layer "odd" of class Mystery/);
  });

  test('a model that is not built, and what is no model', () => {
    expect(() => profile(tfl.sequential({ name: 'empty' }))).toThrow(/the model "empty" is not built/);
    expect(() => profile('resnet50' as never)).toThrow(/trace: model must be a tf.LayersModel, got "resnet50" \(string\)/);
    expect(() => profile(undefined as never)).toThrow(OptionError);
  });

  test('an input size that the weights or windows do not fit', () => {
    const model = modelOf([8, 8, 3], (x) => apply(L.dense({ units: 2, name: 'head' }), apply(L.flatten(), apply(L.maxPooling2d({ poolSize: 4, name: 'pool' }), x))));
    expect(() => profile(model, { inputShape: [8, 8, 1] })).toThrow(/inputShape must be \[H, W, 3\], since the weights take 3 channels, got \[8,8,1\]/);
    expect(() => profile(model, { inputShape: [12, 8, 3] })).toThrow(/layer "head" of class Dense: the weights take 12 input channels, the input \[, 18\] has 18/);
    expect(() => profile(model, { inputShape: [3, 8, 3] })).toThrow(/layer "pool" of class MaxPooling2D: a window of 4x4 does not fit its input of 3x8/);
    expect(() => profile(trace(model), { inputShape: [8, 8, 3] })).toThrow(/the shapes of a traced graph are fixed/);
    model.dispose();
  });

  test('a misspelt option', () => {
    const model = modelOf([8, 8, 3], (x) => apply(L.reLU(), x));
    expect(() => profile(model, { inputshape: [8, 8, 3] } as never)).toThrow(/unknown option inputshape, did you mean inputShape\?/);
  });
});

test('a model without weights or products has zeros, not NaN', () => {
  const model = modelOf([8, 8, 3], (x) => apply(L.flatten(), x));
  const counted = profile(model);
  expect(JSON.parse(JSON.stringify(counted))).toEqual(counted);
  expect(counted).toMatchObject({ params: 0, macs: 0, arithmeticIntensity: 0, classes: 192 });
});

test('several outputs have no number of classes', () => {
  const model = modelOf([8, 8, 3], (x) => [apply(L.reLU(), x), apply(L.flatten(), x)]);
  expect(profile(model).classes).toBeNull();
});

test('a model saved by Keras has the parameters that Keras counts', async () => {
  const folder = new URL('../../../testing/fixtures/keras/', import.meta.url);
  const json = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
  const { modelTopology } = json('model.json') as { modelTopology: object };
  const { trainable, nonTrainable } = json('reference.json') as { trainable: number; nonTrainable: number };
  const model = await tfl.loadLayersModel({ load: async () => ({ modelTopology }) });
  const counted = profile(model);
  const macs = { stem_conv: 17 * 16 * 8 * 27, block_depthwise: 17 * 16 * 8 * 9, block_project: 17 * 16 * 8 * 8, 'stage/stage_conv': 9 * 8 * 12 * 72, classifier: 60 };
  expect(counted).toMatchObject({ params: trainable, runningStats: nonTrainable, input: [35, 32, 3], classes: 5, macs: 158_012 });
  expect(Object.fromEntries(counted.layers.filter((layer: LayerProfile) => layer.macs > 0).map((layer) => [layer.name, layer.macs]))).toEqual(macs);
  model.dispose();
});
