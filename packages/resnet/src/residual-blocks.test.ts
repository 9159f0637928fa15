import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { basicBlock, bottleneck, type BottleneckOptions } from './index.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => tf.disposeVariables());

function netOf(shape: number[], block: (x: SymbolicTensor) => SymbolicTensor) {
  const x = input({ shape });
  return model({ inputs: x, outputs: block(x) });
}

// Blocks of torchvision's resnet18 and resnet50, weights and batch norm.
it.each([
  ['layer1.0 of resnet18', 64, { filters: 64 }, 73_984],
  ['layer2.0 of resnet18', 64, { filters: 128, stride: 2 }, 230_144],
  ['layer2.1 of resnet18', 128, { filters: 128 }, 295_424],
  ['layer4.0 of resnet18', 256, { filters: 512, stride: 2 }, 3_673_088],
  ['layer4.1 of resnet18', 512, { filters: 512 }, 4_720_640],
])('a basic block has the parameters of %s', (_, channels, options, expected) => {
  expect(trainableParams(netOf([8, 8, channels], (x) => basicBlock(x, options)))).toBe(expected);
});

it.each([
  ['layer1.0 of resnet50', 64, { filters: 64 }, 75_008],
  ['layer1.1 of resnet50', 256, { filters: 64 }, 70_400],
  ['layer2.0 of resnet50', 256, { filters: 128, stride: 2 }, 379_392],
  ['layer3.1 of resnet50', 1024, { filters: 256 }, 1_117_184],
  ['layer4.0 of resnet50', 1024, { filters: 512, stride: 2 }, 6_039_552],
  // Xie et al., section 3: C (256 d + 9 d^2 + 256 d) weights, and batch norm.
  ['layer1.1 of resnext50_32x4d', 256, { filters: 64, groups: 32, baseWidth: 4 }, 70_144 + 2 * (128 + 128 + 256)],
])('a bottleneck has the parameters of %s', (_, channels, options, expected) => {
  expect(trainableParams(netOf([8, 8, channels], (x) => bottleneck(x, options)))).toBe(expected);
});

it.each<[string, BottleneckOptions]>([
  ['bottleneck, V1.5', { filters: 4, stride: 3 }],
  ['bottleneck, V1', { filters: 4, stride: 3, strideOn: 'first' }],
  ['bottleneck, padded', { filters: 4, stride: 3, shortcut: 'padded' }],
])('both branches have one shape, also at odd sizes: %s', (_, options) => {
  expect(netOf([11, 7, 5], (x) => bottleneck(x, options)).outputShape).toEqual([null, 4, 3, 16]);
});

const evaluate = (block: (x: SymbolicTensor) => SymbolicTensor, x: tf.Tensor4D) =>
  (netOf(x.shape.slice(1), block).predict(x) as tf.Tensor4D).arraySync();

describe('with zeroGamma', () => {
  it('a block starts as the rectified identity', () => {
    const x = tf.randomNormal([1, 4, 4, 8], 0, 1, 'float32', 1) as tf.Tensor4D;
    const expected = tf.relu(x).arraySync();
    expect(evaluate((y) => basicBlock(y, { filters: 8, zeroGamma: true }), x)).toEqual(expected);
    expect(evaluate((y) => bottleneck(y, { filters: 2, zeroGamma: true }), x)).toEqual(expected);
  });

  it('a padded shortcut keeps every s-th pixel and adds zero channels at the end', () => {
    const x = tf.tensor4d([1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7, 70, 8, 80, 9, 90], [1, 3, 3, 2]);
    expect(evaluate((y) => basicBlock(y, { filters: 3, stride: 2, shortcut: 'padded', zeroGamma: true }), x))
      .toEqual([[[[1, 10, 0], [3, 30, 0]], [[7, 70, 0], [9, 90, 0]]]]);
  });
});

it('without shortcut, a block is its residual branch, rectified', () => {
  const x = tf.randomNormal([1, 4, 4, 3], 0, 1, 'float32', 3) as tf.Tensor4D;
  const y = evaluate((z) => basicBlock(z, { filters: 3, shortcut: 'none', zeroGamma: true }), x);
  expect(y.flat(3).every((value) => value === 0)).toBe(true);
});

it('adds before the last ReLU', () => {
  // Kernels of zeros leave beta = 0 in both branches of a projected block: relu(0 + 0).
  const x = tf.randomNormal([1, 2, 2, 3], 0, 1, 'float32', 2) as tf.Tensor4D;
  const y = evaluate((z) => basicBlock(z, { filters: 3, kernelInitializer: 'zeros', shortcut: 'projectionAlways' }), x);
  expect(y.flat(3).every((value) => value === 0)).toBe(true);
});

it('names its layers below its own name, in either naming', () => {
  const names = (options: object) => netOf([8, 8, 4], (x) => basicBlock(x, { filters: 8, stride: 2, name: 'block', ...options })).layers.slice(1).map(({ name }) => name.slice('block.'.length)).sort();
  expect(names({})).toEqual(['add', 'bn1', 'bn2', 'conv1', 'conv2', 'downsample.0', 'downsample.1', 'relu']);
  expect(names({ naming: 'pytorchcv' })).toEqual(['activ', 'add', 'body.conv1.bn', 'body.conv1.conv', 'body.conv2.bn', 'body.conv2.conv', 'identity_conv.bn', 'identity_conv.conv']);
});

it('may be used twice without a name', () => {
  expect(netOf([8, 8, 4], (x) => bottleneck(bottleneck(x, { filters: 2 }), { filters: 2 })).outputShape).toEqual([null, 8, 8, 8]);
});

describe('refuses by name', () => {
  const basic = (options: unknown) => () => basicBlock(input({ shape: [8, 8, 16] }), options as never);
  const wide = (options: unknown) => () => bottleneck(input({ shape: [8, 8, 16] }), options as never);
  it.each([
    ['no options', basic(undefined), /^basicBlock: options must be an object/],
    ['no filters', basic({ name: 'layer1.0' }), /^basicBlock "layer1\.0": filters must be an integer >= 1, got nothing/],
    ['half a filter', wide({ filters: 2.5 }), /^bottleneck: filters must be an integer >= 1, got 2\.5/],
    ['stride 0', wide({ filters: 4, stride: 0 }), /stride must be an integer >= 1, got 0/],
    ['strides', basic({ filters: 4, strides: 2 }), /unknown option strides, did you mean stride\?/],
    ['the stride of the middle in a block without one', basic({ filters: 4, strideOn: 'middle' }), /unknown option strideOn/],
    ['a place that does not exist', wide({ filters: 4, strideOn: 'last' }), /strideOn must be one of first, middle, got "last"/],
    ['a padded shortcut to fewer channels', basic({ filters: 8, shortcut: 'padded' }), /shortcut must be 'projection' where 16 channels become 8, got "padded"/],
    ['an unknown initializer', wide({ filters: 4, kernelInitializer: 'heNormalFanout' }), /kernelInitializer must be one of .*Did you mean heNormalFanOut\?/],
    ['another library', wide({ filters: 4, naming: 'timm' }), /naming must be one of torchvision, pytorchcv/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
