import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { alexnet, ALEXNETS, allCnn, ALL_CNNS, lenet, mlpConv, nin } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

const zeros = { initialWeights: 'zeros' } as const;

describe('specs and options that have no name', () => {
  const d2l = { inputShape: [224, 224, 1], classes: 10, ...zeros } as const;
  const block = (filters: number, kernelSize: number, more: object) => ({ filters, kernelSize, pointwise: [filters, filters], ...more });
  it.each<[string, () => LayersModel, number, number | undefined]>([
    ["d2l's AlexNet", () => alexnet.build({
      ...ALEXNETS.alexnet_ungrouped, ceilPool: false,
      convolutions: ALEXNETS.alexnet_ungrouped.convolutions.map((convolution, i) => ({ ...convolution, norm: false, ...(i === 0 ? { padding: 1 } : {}) })),
    }, d2l), 46_764_746, 938_146_176],
    ["d2l's Network in Network", () => nin.build({
      stages: [block(96, 11, { stride: 4 }), block(256, 5, { padding: 2, pool: 'max' }), block(384, 3, { padding: 1, pool: 'max' }), { filters: 10, kernelSize: 3, padding: 1, pointwise: [10], pool: 'max', dropout: true }],
      border: 'floor',
    }, d2l), 1_992_166, 762_297_352],
    ['All-CNN-C for CIFAR-100', () => allCnn.build('all_cnn_c', { classes: 100, ...zeros }), 1_387_108, undefined],
    ['All-CNN-C with a padded head', () => allCnn.build({ ...ALL_CNNS.all_cnn_c, headPadding: 1 }, zeros), 1_369_738, 281_174_016],
    ['Strided-CNN-A with a padded head', () => allCnn.build({ ...ALL_CNNS.strided_cnn_a, headPadding: 1 }, zeros), 839_242, 55_050_240],
  ])('%s', (_, build, params, macs) => {
    const net = build();
    expect(trainableParams(net)).toBe(params);
    if (macs !== undefined) expect(kernelMacs(net)).toBe(macs);
    net.dispose();
  });
});

it.each<[string, () => LayersModel, number[]]>([
  ['the two-tower AlexNet', () => alexnet.build('bvlc_alexnet', { features: ['relu1', 'pool1', 'relu2', 'pool2', 'pool5'], ...zeros }), [55, 27, 27, 13, 6]],
  ['the ungrouped AlexNet, whose pools round up', () => alexnet.build('alexnet_ungrouped', { features: ['relu1', 'pool1', 'pool2', 'pool5'], ...zeros }), [54, 27, 13, 6]],
  ['ZFNet', () => alexnet.build('zfnet', { features: ['relu1', 'pool1', 'relu2', 'pool2', 'pool5'], ...zeros }), [110, 55, 26, 13, 6]],
  ['Network in Network', () => nin.build('nin_imagenet', { features: ['stage1', 'stage2', 'stage3', 'stage4'], ...zeros }), [54, 27, 13, 6]],
  ['All-CNN', () => allCnn.build('all_cnn_b', { features: ['stage1', 'stage2'], ...zeros }), [16, 8]],
  ['ConvPool-CNN', () => allCnn.build('convpool_cnn_b', { features: ['stage1', 'stage2'], ...zeros }), [16, 8]],
])('the maps of %s have the sizes of the paper', (_, build, sizes) => {
  const net = build();
  expect((net.outputShape as number[][]).map(([, height]) => height)).toEqual(sizes);
  net.dispose();
});

it('normalises in front of the pool, in CaffeNet behind it', () => {
  const order = (id: 'bvlc_alexnet' | 'caffenet') => {
    const net = alexnet.build(id, { includeTop: false, ...zeros });
    const names = net.layers.slice(1, 4).map(({ name }) => name);
    const norm = net.getLayer('norm1').getConfig();
    net.dispose();
    return [names, norm['k'], norm['size'], norm['alpha']];
  };
  expect(order('bvlc_alexnet')).toEqual([['conv1', 'norm1', 'pool1'], 1, 5, 1e-4]);
  expect(order('caffenet')).toEqual([['conv1', 'pool1', 'norm1'], 1, 5, 1e-4]);
});

it('drops out where the reference does, at the rate asked for', () => {
  const dropouts = (net: LayersModel) => {
    const found = net.layers.filter((layer) => layer.getClassName() === 'Dropout').map((layer) => [layer.name, layer.getConfig()['rate']]);
    net.dispose();
    return found;
  };
  expect(dropouts(alexnet.build('alexnet', zeros))).toEqual([['classifier.0', 0.5], ['classifier.3', 0.5]]);
  expect(dropouts(alexnet.build('bvlc_alexnet', { dropout: 0.2, ...zeros }))).toEqual([['drop6', 0.2], ['drop7', 0.2]]);
  expect(dropouts(nin.build('nin_imagenet', zeros))).toEqual([['features.stage4.dropout4', 0.5]]);
  expect(dropouts(allCnn.build('all_cnn_c', zeros))).toEqual([['dropout0', 0.2], ['dropout1', 0.5], ['dropout2', 0.5]]);
  expect(dropouts(lenet.build('lenet5', zeros))).toEqual([]);
  expect(dropouts(lenet.build('lenet5', { dropout: 0.3, ...zeros }))).toEqual([['dropout', 0.3]]);
});

it('mlpConv is a convolution and two of 1x1 as wide, also without a name', () => {
  const x = input({ shape: [9, 9, 3] });
  const net = model({ inputs: x, outputs: mlpConv(mlpConv(x, { filters: 4, kernelSize: 3, stride: 2 }), { filters: 5, kernelSize: 3, padding: 1, pointwise: [] }) });
  expect(net.outputShape).toEqual([null, 4, 4, 5]);
  expect(trainableParams(net)).toBe((27 + 1) * 4 + 2 * (4 + 1) * 4 + (36 + 1) * 5);
  net.dispose();
});

describe('refuses by name', () => {
  const x = () => input({ shape: [8, 8, 3] });
  it.each<[string, () => unknown, RegExp]>([
    ['a variant that does not exist', () => alexnet.build('caffe' as 'caffenet'), /^alexnet: variant must be one of alexnet, .*got "caffe"/],
    ['a group that does not divide', () => alexnet.build({ naming: 'caffe', convolutions: [{ filters: 9, kernelSize: 3, groups: 3 }, { filters: 8, kernelSize: 3, groups: 3 }] }, zeros), /groups/],
    ['an image that the pools use up', () => alexnet.build('alexnet', { inputShape: [32, 32, 3], ...zeros }), /^maxPool "features\.\d+": poolSize must be at most the padded input/],
    ['an empty spec', () => nin.build({} as never), /^nin: stages must be a list of at least 1/],
    ['another border', () => nin.build({ stages: [{ filters: 4, kernelSize: 3, pointwise: [] }], border: 'same' as 'ceil' }), /border must be one of padded, ceil, floor, got "same"/],
    ['an even kernel', () => allCnn.build({ kernels: [4], reduction: 'pool' }), /kernels must be a list of at least 1, each an odd integer >= 1, got \[4\]/],
    ['another reduction', () => allCnn.build({ kernels: [3], reduction: 'strides' as 'stride' }), /reduction must be one of .*Did you mean stride\?/],
    ['another activation', () => lenet.build({ filters: [6], hidden: [], pool: 'max', activation: 'gelu' as 'relu' }), /activation must be one of sigmoid, tanh, relu, linear, scaledTanh, got "gelu"/],
    ['a block without a kernel', () => mlpConv(x(), { filters: 3, name: 'stage1' } as never), /^mlpConv "stage1": kernelSize must be an integer >= 1, got nothing/],
    ['a misspelt option', () => mlpConv(x(), { filters: 3, kernelSize: 3, strides: 2 } as never), /unknown option strides, did you mean stride\?/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
