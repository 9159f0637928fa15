import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { preactBasicBlock, preactBottleneck } from './index.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => tf.disposeVariables());

function netOf(shape: number[], block: (x: SymbolicTensor) => SymbolicTensor) {
  const x = input({ shape });
  return model({ inputs: x, outputs: block(x) });
}
const evaluate = (block: (x: SymbolicTensor) => SymbolicTensor, x: tf.Tensor4D) =>
  (netOf(x.shape.slice(1), block).predict(x) as tf.Tensor4D).arraySync();
const zeros = { kernelInitializer: 'zeros' } as const;

it('nothing follows the sum: a residual branch of zeros leaves the input as it is', () => {
  const x = tf.randomNormal([1, 4, 4, 8], 0, 1, 'float32', 1) as tf.Tensor4D;
  expect(evaluate((y) => preactBasicBlock(y, { filters: 8, ...zeros }), x)).toEqual(x.arraySync());
  expect(evaluate((y) => preactBottleneck(y, { filters: 2, ...zeros }), x)).toEqual(x.arraySync());
});

it('a padded shortcut reads the input itself', () => {
  const x = tf.tensor4d([-1, 2, -3, 4], [1, 2, 2, 1]);
  expect(evaluate((y) => preactBasicBlock(y, { filters: 2, stride: 2, shortcut: 'padded', ...zeros }), x)).toEqual([[[[-1, 0]]]]);
});

it('a projection reads what the first convolution reads, and has no batch norm', () => {
  const net = netOf([8, 8, 4], (x) => preactBottleneck(x, { filters: 2, stride: 2, name: 'block' }));
  const source = (layer: string) => (net.getLayer(layer).input as SymbolicTensor).sourceLayer.name;
  expect([source('block.conv1'), source('block.downsample.conv')]).toEqual(['block.norm1', 'block.norm1']);
});

it('drops out in front of the last convolution', () => {
  const net = netOf([8, 8, 4], (x) => preactBasicBlock(x, { filters: 4, dropout: 0.3, name: 'block' }));
  expect((net.getLayer('block.conv2').input as SymbolicTensor).sourceLayer.getConfig()).toMatchObject({ name: 'block.dropout', rate: 0.3 });
});

it('names its layers below its own name, in either naming', () => {
  const names = (options: object) => netOf([8, 8, 4], (x) => preactBasicBlock(x, { filters: 8, stride: 2, name: 'block', ...options })).layers.slice(1).map(({ name }) => name.slice('block.'.length)).sort();
  expect(names({})).toEqual(['add', 'conv1', 'conv2', 'downsample.conv', 'norm1', 'norm2']);
  expect(names({ naming: 'pytorchcv' })).toEqual(['add', 'body.conv1.bn', 'body.conv1.conv', 'body.conv2.bn', 'body.conv2.conv', 'identity_conv']);
});

it.each(['first', 'middle'] as const)('both branches have one shape, also at odd sizes, with the stride on the %s convolution', (strideOn) => {
  expect(netOf([11, 7, 5], (x) => preactBottleneck(x, { filters: 4, stride: 3, strideOn })).outputShape).toEqual([null, 4, 3, 16]);
});

describe('refuses by name', () => {
  const basic = (options: unknown) => () => preactBasicBlock(input({ shape: [8, 8, 16] }), options as never);
  it.each([
    ['no options', basic(undefined), /^preactBasicBlock: options must be an object/],
    ['a padded shortcut to fewer channels', basic({ filters: 8, shortcut: 'padded' }), /shortcut must be 'projection' where 16 channels become 8, got "padded"/],
    ['zeroGamma, for no batch norm is last', basic({ filters: 8, zeroGamma: true }), /unknown option zeroGamma/],
    ['full dropout', basic({ filters: 8, dropout: 1 }), /dropout must be a finite number >= 0 and < 1, got 1/],
    ['another library', basic({ filters: 4, naming: 'torchvision' }), /naming must be one of timm, pytorchcv/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
