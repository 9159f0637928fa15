/** The block and its layers: it starts as a convolution, its branch learns at its own rate, it trains on wasm. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { conv2d, dense, globalAveragePool, OptionError, randomStream } from '@convkit/core';
import { kernelMacs, relativeError, trainableParams } from '@convkit/testing';
import { bottleneck } from '@convkit/resnet';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { deformableConv2d, DeformableConv2dLayer, deformableSpatial, scaleGradient, withScaledGradient, type DeformableConv2dOptions } from './index.js';

beforeAll(() => tf.setBackend('wasm'));

function netOf(shape: number[], block: (x: SymbolicTensor) => SymbolicTensor): LayersModel {
  const x = input({ shape });
  return model({ inputs: x, outputs: block(x) });
}
const deformable = (options: Partial<DeformableConv2dOptions> = {}, shape = [7, 8, 4]) => netOf(shape, (x) => deformableConv2d(x, { filters: 6, kernelSize: 3, name: 'conv', ...options }));
const random = (shape: number[], seed = 1) => tf.randomUniform(shape, -1, 1, 'float32', seed);
const shapes = (net: LayersModel) => Object.fromEntries(net.weights.map(({ name, shape }) => [name.replace(/_\d+$/, ''), shape]));

describe('at the start', () => {
  it.each<[string, Partial<DeformableConv2dOptions>]>([
    ['v1', {}],
    ['with stride and padding', { stride: 2, padding: 1 }],
    ['with dilation, same padding', { dilation: 2, padding: 'same' }],
    ['with stride, dilation and groups', { stride: [1, 2], dilation: [2, 1], padding: 2, groups: 2 }],
    ['modulated, in two deformable groups', { modulated: true, deformableGroups: 2, padding: 1 }],
  ])('it is the ordinary convolution: %s', (_, options) => {
    const net = deformable(options);
    const { stride, dilation, modulated, deformableGroups, ...rest } = options;
    const plain = netOf([7, 8, 4], (x) => conv2d(x, { filters: 6, kernelSize: 3, name: 'conv', ...(stride ? { strides: stride } : {}), ...(dilation ? { dilationRate: dilation } : {}), ...rest }));
    tf.tidy(() => {
      const x = random([2, 7, 8, 4]);
      const [actual, expected] = [net, plain].map((each) => each.predict(x) as tf.Tensor) as [tf.Tensor, tf.Tensor];
      expect(actual.shape).toEqual(expected.shape);
      expect(relativeError(actual.dataSync(), expected.dataSync())).toBeLessThan(1e-6);
    });
  });

  it('a mask of sigmoid alone halves the response', () => {
    const [one, two] = [1, 2].map((maskScale) => deformable({ modulated: true, maskScale })) as [LayersModel, LayersModel];
    tf.tidy(() => {
      const x = random([1, 7, 8, 4]);
      const [half, whole] = [one, two].map((net) => (net.predict(x) as tf.Tensor).dataSync()) as [Float32Array, Float32Array];
      expect(relativeError(half.map((y) => 2 * y), whole)).toBeLessThan(1e-6);
    });
  });
});

it('has the branch beside it, under mmdetection\'s name, with k k C 2 G k k weights and as many biases as channels', () => {
  expect(shapes(deformable())).toEqual({ 'conv/kernel': [3, 3, 4, 6], 'conv/bias': [6], 'conv.conv_offset/kernel': [3, 3, 4, 18], 'conv.conv_offset/bias': [18] });
  const branch = (options: Partial<DeformableConv2dOptions>) => trainableParams(deformable({ filters: 512, useBias: false, padding: 1, kernelInitializer: 'zeros', ...options }, [7, 7, 512])) - 9 * 512 * 512;
  expect(branch({})).toBe(82_962);
  expect(branch({ modulated: true })).toBe(124_443);
  expect(branch({ deformableGroups: 4 })).toBe(9 * 512 * 72 + 72);
  expect(kernelMacs(deformable({ padding: 1 }))).toBe(7 * 8 * (9 * 4 * 6 + 9 * 4 * 18));
});

it('moves what it reads by its biases, y first', () => {
  const net = netOf([4, 4, 1], (x) => deformableConv2d(x, { filters: 1, kernelSize: 1, name: 'conv', kernelInitializer: 'ones' }));
  tf.tidy(() => {
    net.getLayer('conv.conv_offset').setWeights([tf.zeros([1, 1, 1, 2]), tf.tensor1d([1, 0])]);
    const x = tf.reshape(tf.range(0, 16), [1, 4, 4, 1]);
    expect([...(net.predict(x) as tf.Tensor).dataSync()]).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0]);
  });
});

it('reads the logits of the mask behind all offsets', () => {
  const net = netOf([3, 3, 2], (x) => deformableConv2d(x, { filters: 1, kernelSize: 1, deformableGroups: 2, modulated: true, maskScale: 1, name: 'conv', kernelInitializer: 'ones' }));
  tf.tidy(() => {
    net.getLayer('conv.conv_offset').setWeights([tf.zeros([1, 1, 2, 6]), tf.tensor1d([0, 0, 0, 0, Math.log(3), -Math.log(3)])]);
    const x = tf.tile(tf.tensor4d([4, 100], [1, 1, 1, 2]), [1, 3, 3, 1]);
    expect(relativeError((net.predict(x) as tf.Tensor).dataSync(), new Array<number>(9).fill(0.75 * 4 + 0.25 * 100))).toBeLessThan(1e-6);
  });
});

describe('the rate of the branch', () => {
  /** Gradients of the sum of squares by weight and in the input, for a branch that already moves. */
  function gradients(offsetLearningRate: number): Record<string, Float32Array> {
    const net = deformable({ offsetLearningRate, padding: 1 }, [5, 5, 4]);
    const branch = net.getLayer('conv.conv_offset');
    return tf.tidy(() => {
      branch.setWeights(branch.getWeights().map((weight, i) => tf.mul(random(weight.shape, 7 + i), 0.3)));
      const x = random([2, 5, 5, 4]);
      const loss = (y: tf.Tensor) => tf.sum(tf.square(net.apply(y, { training: true }) as tf.Tensor)) as tf.Scalar;
      const { grads } = tf.variableGrads(() => loss(x), net.trainableWeights.map((weight) => weight.read() as tf.Variable));
      const entries = Object.entries(grads).map(([name, value]) => [name.replace(/_\d+$/, ''), value.dataSync() as Float32Array] as const);
      return { ...Object.fromEntries(entries), x: tf.grad(loss)(x).dataSync() as Float32Array } as never;
    });
  }

  it('scales the gradients of its weights, and no other gradient', () => {
    const [full, tenth] = [gradients(1), gradients(0.1)];
    expect(Object.keys(full).sort()).toEqual(['conv.conv_offset/bias', 'conv.conv_offset/kernel', 'conv/bias', 'conv/kernel', 'x']);
    for (const [name, values] of Object.entries(full)) {
      const factor = name.includes('conv_offset') ? 0.1 : 1;
      expect(Math.hypot(...values), name).toBeGreaterThan(1e-3);
      expect(relativeError(tenth[name]!, values.map((value) => factor * value)), name).toBeLessThan(1e-5);
    }
  });

  it('1 needs no layers for it', () => {
    const scaling = (net: LayersModel) => net.layers.filter((layer) => layer.getClassName() === 'ConvkitScaleGradient').map(({ name }) => name);
    expect(scaling(deformable())).toEqual(['conv.conv_offset.input', 'conv.conv_offset.output']);
    expect(scaling(deformable({ offsetLearningRate: 1 }))).toEqual([]);
  });

  it('is a scaled identity', () => {
    tf.tidy(() => {
      const x = tf.tensor1d([1, -2, 3]);
      expect([...withScaledGradient(x, 0.25).dataSync()]).toEqual([1, -2, 3]);
      expect([...tf.grad((y) => tf.sum(tf.square(withScaledGradient(y, 0.25))))(x).dataSync()]).toEqual([0.5, -1, 1.5]);
    });
  });
});

it('takes the place of a bottleneck\'s 3x3', () => {
  const net = netOf([6, 6, 16], (x) => bottleneck(x, { filters: 4, stride: 2, dilation: 2, parts: { spatial: deformableSpatial({ modulated: true }) }, name: 'layer4.0' }));
  const layer = net.getLayer('layer4.0.conv2');
  expect(layer).toBeInstanceOf(DeformableConv2dLayer);
  expect(layer.getConfig()).toMatchObject({ kernelSize: [3, 3], strides: [2, 2], padding: 2, dilationRate: [2, 2], useBias: false, modulated: true });
  expect(net.getLayer('layer4.0.conv2.conv_offset').outputShape).toEqual([null, 3, 3, 27]);
  expect(net.outputShape).toEqual([null, 3, 3, 16]);
});

it('learns on wasm where to look, at the rate of the branch', async () => {
  // The wanted output is the input two columns to the right: a fixed 1x1 kernel gets there only by moving.
  const size = 16;
  const next = randomStream(5);
  const images = tf.tidy(() => {
    const noise = tf.tensor4d(Float32Array.from({ length: 32 * size * size }, () => next() * 2 - 1), [32, size, size, 1]);
    const smooth = [1, 2, 3].reduce((x) => tf.avgPool(x, 5, 1, 'same'), noise);
    const { mean, variance } = tf.moments(smooth);
    return tf.div<tf.Tensor4D>(tf.sub(smooth, mean), tf.sqrt(variance));
  });
  const wanted = tf.tidy(() => tf.pad(tf.slice(images, [0, 0, 2, 0], [-1, -1, size - 2, 1]), [[0, 0], [0, 0], [0, 2], [0, 0]]));
  const shiftAfter = async (offsetLearningRate: number) => {
    const net = netOf([size, size, 1], (x) => deformableConv2d(x, { filters: 1, kernelSize: 1, offsetLearningRate, kernelInitializer: 'ones', useBias: false, name: 'conv' }));
    net.getLayer('conv').trainable = false;
    const optimizer = tf.train.sgd(0.3);
    net.compile({ optimizer, loss: 'meanSquaredError' });
    const fit = (epochs: number) => net.fit(images, wanted, { epochs, batchSize: 32, shuffle: false, verbose: 0 });
    await fit(1);
    const before = tf.memory().numTensors;
    await fit(59);
    expect(tf.memory().numTensors).toBe(before);
    const bias = [...net.getLayer('conv.conv_offset').getWeights()[1]!.dataSync()];
    net.dispose();
    optimizer.dispose();
    return bias;
  };
  const [dy, dx] = await shiftAfter(1);
  expect(Math.abs(dy!)).toBeLessThan(0.05);
  expect(Math.abs(dx! - 2)).toBeLessThan(0.1);
  expect((await shiftAfter(1e-3))[1]).toBeLessThan(0.1);
  tf.dispose([images, wanted]);
});

describe('refuses by name', () => {
  const two = (movement: number[], options = {}) => () =>
    new DeformableConv2dLayer({ filters: 4, kernelSize: 3, name: 'a', ...options }).apply([input({ shape: [6, 6, 8] }), input({ shape: movement })]);
  it.each<[string, () => unknown, RegExp]>([
    ['no filters', () => deformable({ filters: 0 }), /^deformableConv2d "conv": filters must be an integer >= 1, got 0/],
    ['the layer\'s word for stride', () => deformable({ strides: 2 } as never), /unknown option strides, did you mean stride\?/],
    ['groups that do not divide', () => deformable({ groups: 3 }), /groups must be a divisor of the 4 input channels, got 3/],
    ['deformable groups that do not divide', () => deformable({ deformableGroups: 3 }), /movement must be \[N, 5, 6, 18 G\], G a divisor of the 4 input channels/],
    ['a learning rate of 0', () => deformable({ offsetLearningRate: 0 }), /offsetLearningRate must be a finite number > 0, got 0/],
    ['a mask of nothing', () => deformable({ maskScale: 0 }), /maskScale must be a finite number > 0, got 0/],
    ['a kernel that does not fit', () => deformable({ kernelSize: 9 }), /kernelSize must be at most the padded input/],
    ['an even split that is none', two([4, 4, 20]), /^deformableConv2d "a": movement must be \[N, 4, 4, 18 G\].*got \[null,4,4,20\]/],
    ['offsets of another size', two([6, 6, 18]), /movement must be \[N, 4, 4, 18 G\]/],
    ['offsets where logits are needed', two([4, 4, 18], { modulated: true }), /movement must be \[N, 4, 4, 27 G\]/],
    ['one tensor', () => new DeformableConv2dLayer({ filters: 4, kernelSize: 3 }).apply(input({ shape: [6, 6, 8] })), /inputs must be two tensors, \[x, movement\]/],
    ['a factor of 0', () => scaleGradient(input({ shape: [2] }), { factor: 0 }), /^scaleGradient: factor must be a finite number > 0, got 0/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});

it('a model with a flexible size takes images of any', () => {
  const x = input({ shape: [null, null, 3] });
  const net = model({ inputs: x, outputs: dense(globalAveragePool(deformableConv2d(x, { filters: 4, kernelSize: 3, padding: 'same' }), {}), { units: 2 }) });
  tf.tidy(() => {
    for (const size of [5, 8]) expect((net.predict(random([1, size, size + 1, 3])) as tf.Tensor).shape).toEqual([1, 2]);
  });
});
