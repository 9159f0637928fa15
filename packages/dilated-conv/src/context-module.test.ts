import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError, receptiveField } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { contextModule, dilatedVgg, DILATED_VGGS, type ContextModuleOptions } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => tf.disposeVariables());

function moduleOf(shape: [number, number, number], options: ContextModuleOptions): LayersModel {
  const x = input({ shape });
  return model({ inputs: x, outputs: contextModule(x, options) });
}
const scores = (shape: [number, number, number]) => tf.randomUniform([2, ...shape], -1, 1, 'float32', 4) as tf.Tensor4D;
const distance = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0] as number;

// Table 1, weights and biases: (L - 1)(9 C^2 + C) + C^2 + C, and the large widths layer by layer.
it.each<[ContextModuleOptions, number, number]>([
  [{}, 21, 28_392],
  [{}, 19, 23_256],
  [{ layers: 7 }, 11, 6_732],
  [{ layers: 10 }, 19, 29_792],
  [{ width: 'large' }, 21, 6_803_139],
])('%j on %d classes has %d parameters', (options, classes, params) => {
  expect(trainableParams(moduleOf([3, 3, classes], { kernelInitializer: 'zeros', ...options }))).toBe(params);
});

it('the large module widens layer by layer as the table says', () => {
  const net = moduleOf([3, 3, 21], { width: 'large', kernelInitializer: 'zeros' });
  const params = net.layers.slice(1).map((layer) => layer.countParams());
  expect(params).toEqual([7_980, 15_918, 31_836, 127_176, 508_368, 2_032_800, 4_064_928, 14_133]);
});

it.each([[7, [1, 1, 2, 4, 8, 1, 1]], [8, [1, 1, 2, 4, 8, 16, 1, 1]], [10, [1, 1, 2, 4, 8, 16, 32, 64, 1, 1]]])('%d layers have the dilations of the release', (layers, expected) => {
  const net = moduleOf([3, 3, 2], { layers, kernelInitializer: 'zeros' });
  const configs = net.layers.slice(1).map((layer) => layer.getConfig() as { dilationRate: number[]; kernelSize: number[]; activation: string });
  expect(configs.map(({ dilationRate }) => dilationRate[0])).toEqual(expected);
  expect(configs.map(({ activation }) => activation)).toEqual([...Array<string>(layers - 1).fill('relu'), 'linear']);
  const windows = configs.map(({ kernelSize, dilationRate }) => ({ kernelSize: kernelSize[0] as number, dilation: dilationRate[0] as number }));
  expect(receptiveField(windows).size).toBe({ 7: 35, 8: 67, 10: 259 }[layers]);
});

it.each<ContextModuleOptions>([{}, { layers: 10 }, { border: 'first' }, { width: 'large', noise: 0 }, { width: 'large', layers: 7, border: 'first', noise: 0 }])(
  'without noise, %j starts as the identity on non-negative scores', (options) => {
    const x = tf.abs(scores([9, 7, 3])) as tf.Tensor4D;
    expect(distance(moduleOf([9, 7, 3], options).predict(x) as tf.Tensor, x)).toBeLessThan(1e-6);
    const signed = scores([9, 7, 3]);
    expect(distance(moduleOf([9, 7, 3], options).predict(signed) as tf.Tensor, tf.relu(signed))).toBeLessThan(1e-6);
  });

it('noise is small, and other than zeros where it is asked for', () => {
  const x = tf.abs(scores([5, 5, 4])) as tf.Tensor4D;
  const far = distance(moduleOf([5, 5, 4], { width: 'large' }).predict(x) as tf.Tensor, x);
  expect(far).toBeGreaterThan(1e-4);
  expect(far).toBeLessThan(0.5);
});

it('the released border differs from the builder\'s only within 33 pixels of the edge', () => {
  const size = 71;
  const pair = (['layers', 'first'] as const).map((border) => moduleOf([size, size, 2], { border, kernelInitializer: 'heNormal', name: `m${border}` }));
  pair[1]!.setWeights(pair[0]!.getWeights());
  tf.tidy(() => {
    const x = scores([size, size, 2]);
    const [a, b] = pair.map((net) => net.predict(x) as tf.Tensor4D) as [tf.Tensor4D, tf.Tensor4D];
    const inner = (y: tf.Tensor4D) => tf.slice(y, [0, 33, 33, 0], [-1, size - 66, size - 66, -1]);
    const scale = tf.max(tf.abs(a)).dataSync()[0] as number;
    expect(distance(inner(a), inner(b)) / scale).toBeLessThan(1e-5);
    expect(distance(a, b) / scale).toBeGreaterThan(1e-3);
    expect(b.shape).toEqual(a.shape);
  });
});

describe('the front-end', () => {
  it.each(Object.keys(DILATED_VGGS) as (keyof typeof DILATED_VGGS)[])('%s costs what its row states', (id) => {
    const net = dilatedVgg.build(id, { initialWeights: 'zeros' });
    expect({ params: trainableParams(net), macs: kernelMacs(net) }).toEqual({ params: DILATED_VGGS[id].params, macs: DILATED_VGGS[id].macs });
    expect(net.outputShape).toEqual([null, 66, 66, DILATED_VGGS[id].classes]);
    net.dispose();
  });

  it('halves three times, pads nothing, and sees 380 pixels at stride 8', () => {
    const net = dilatedVgg.build('dilated_vgg16_pascal_voc', { initialWeights: 'zeros' });
    const rows = (name: string) => net.getLayer(name).outputShape[1];
    expect(['conv1_2', 'pool1', 'conv2_2', 'pool2', 'conv3_3', 'pool3', 'conv4_3', 'conv5_3', 'fc6', 'fc7', 'final'].map(rows)).toEqual([896, 448, 444, 222, 216, 108, 102, 90, 66, 66, 66]);
    const windows = net.layers.flatMap((layer) => {
      const { kernelSize, poolSize, strides, dilationRate } = layer.getConfig() as Record<string, number[] | undefined>;
      const kernel = kernelSize?.[0] ?? poolSize?.[0];
      return kernel === undefined ? [] : [{ kernelSize: kernel, stride: strides?.[0] as number, dilation: dilationRate?.[0] ?? 1 }];
    });
    expect(receptiveField(windows)).toMatchObject({ size: 380, stride: 8 });
    net.dispose();
  });

  it('takes a narrow spec with a context module, and taps', () => {
    const spec = { filters: [2, 2, 4], hidden: 8, context: { layers: 7, width: 'large', border: 'first' } } as const;
    const net = dilatedVgg.build(spec, { inputShape: [388, 396, 1], classes: 3 });
    expect(net.outputShape).toEqual([null, 2, 3, 3]);
    expect(net.getLayer('ctx.conv1_1').getConfig()).toMatchObject({ padding: 17, kernelInitializer: { kind: 'identity', groups: 3, noise: 0.005 } });
    net.dispose();
    expect(dilatedVgg.build(spec, { inputShape: [388, 396, 1], features: ['conv4_3', 'fc7'] }).outputShape).toEqual([[null, 38, 39, 4], [null, 2, 3, 8]]);
  });
});

describe('refuses by name', () => {
  const make = (options: object) => () => moduleOf([8, 8, 3], options as never);
  it.each<[string, () => unknown, RegExp]>([
    ['four layers', make({ layers: 4, name: 'ctx' }), /^contextModule "ctx": layers must be an integer from 5 to 12, got 4/],
    ['another width', make({ width: 'huge' }), /width must be one of basic, large, got "huge"/],
    ['another border', make({ border: 'none' }), /border must be one of layers, first, got "none"/],
    ['negative noise', make({ noise: -1 }), /noise must be a finite number >= 0, got -1/],
    ['a flat input', () => contextModule(input({ shape: [null as never] })), /input must be score maps \[N, H, W, C\]/],
    ['an image smaller than the margins', () => dilatedVgg.build('dilated_vgg16_camvid', { inputShape: [300, 300, 3], initialWeights: 'zeros' }), /fc6": kernelSize must be at most the padded input/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
