import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model as modelOf } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { convUnit, vgg, VGGS, type VggSpec } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

const zeros = { initialWeights: 'zeros' } as const;

describe('specs that have no name', () => {
  // d2l's chapter 8.2: a quarter of column A for one channel, 10 classes.
  const quarter: VggSpec = { stages: [[16, 1], [32, 1], [64, 2], [128, 2], [128, 2]].map(([filters, count]) => ({ filters: filters as number, kernels: Array<number>(count as number).fill(3) })) };
  it.each([
    ["d2l's VGG-11 of a quarter of the width", quarter, { inputShape: [224, 224, 1], classes: 10 }, 43_093_322, 512_155_648],
    ["d2l's VGG-11", { stages: VGGS.vgg11.stages }, { inputShape: [224, 224, 1], classes: 10 }, 128_806_154, undefined],
  ] as const)('%s', (_, spec, options, params, macs) => {
    const net = vgg.build(spec as VggSpec, { ...options, ...zeros } as never);
    expect(trainableParams(net)).toBe(params);
    if (macs !== undefined) expect(kernelMacs(net)).toBe(macs);
    net.dispose();
  });
});

it('column C has 1x1 convolutions without padding, A-LRN a normalisation as module 2', () => {
  const c = vgg.build('vgg16_c', { ...zeros, includeTop: false });
  expect(c.getLayer('features.14').weights[0]?.shape).toEqual([1, 1, 256, 256]);
  expect(c.getLayer('features.14').getConfig()).toMatchObject({ padding: 0 });
  expect(c.getLayer('features.14').outputShape).toEqual([null, 56, 56, 256]);
  const lrn = vgg.build('vgg11_lrn', { ...zeros, includeTop: false });
  expect(lrn.layers.slice(1, 5).map(({ name }) => name)).toEqual(['features.0', 'features.2', 'features.3', 'features.4']);
  expect(lrn.getLayer('features.2').getConfig()).toMatchObject({ size: 5, alpha: 5e-4, beta: 0.75, k: 2 });
  c.dispose();
  lrn.dispose();
});

it('takes any classes, channels and size from 32 pixels on', () => {
  const net = vgg.build('vgg13', { classes: 7, inputShape: [32, 47, 1], ...zeros });
  expect(net.getLayer('features.24').outputShape).toEqual([null, 1, 1, 512]);
  expect(net.getLayer('avgpool').outputShape).toEqual([null, 7, 7, 512]);
  expect(net.outputShape).toEqual([null, 7]);
  net.dispose();
});

it('is a backbone: no classifier, or the taps asked for under the names of the Caffe model', () => {
  const body = vgg.build('vgg16_bn', { includeTop: false, ...zeros });
  expect(body.outputShape).toEqual([null, 7, 7, 512]);
  const taps = vgg.build('vgg16_bn', { features: ['relu5_3', 'pool3', 'relu1_2'], ...zeros });
  expect(taps.outputShape).toEqual([[null, 14, 14, 512], [null, 28, 28, 256], [null, 224, 224, 64]]);
  expect(taps.outputs.map((tensor) => tensor.sourceLayer.name)).toEqual(['features.41', 'features.23', 'features.4']);
  body.dispose();
  taps.dispose();
});

it('drops out after both hidden layers, at the rate asked for', () => {
  const rates = (options: object) => {
    const net = vgg.build('vgg11', { ...zeros, inputShape: [32, 32, 3], ...options });
    const found = ['classifier.2', 'classifier.5'].map((name) => net.getLayer(name).getConfig()['rate']);
    net.dispose();
    return found;
  };
  expect(rates({})).toEqual([0.5, 0.5]);
  expect(rates({ dropout: 0.1 })).toEqual([0.1, 0.1]);
});

describe('convUnit', () => {
  it('keeps height and width for every odd kernel, and builds twice without a name', () => {
    const x = input({ shape: [9, 7, 3] });
    const y = convUnit(convUnit(x, { filters: 4, kernelSize: 5 }), { filters: 6, kernelSize: 1, batchNorm: true, convBias: false });
    expect(y.shape).toEqual([null, 9, 7, 6]);
    const net = modelOf({ inputs: x, outputs: y });
    expect(trainableParams(net)).toBe(5 * 5 * 3 * 4 + 4 + 4 * 6 + 2 * 6);
    net.dispose();
  });
});

describe('refuses by name', () => {
  const build = (id: unknown, options?: unknown) => () => vgg.build(id as 'vgg11', options as never);
  const unit = (options: unknown) => () => convUnit(input({ shape: [8, 8, 3] }), options as never);
  it.each([
    ['a depth that does not exist', build('vgg15'), /^vgg: variant must be one of vgg11, .*got "vgg15" \(string\)\. Did you mean vgg1/],
    ['an input too small for five pools', build('vgg11', { ...zeros, inputShape: [31, 64, 3] }), /^maxPool "features\.20": poolSize must be at most the padded input, here 1x4/],
    ['a tap that does not exist', build('vgg_tiny', { features: ['pool3'] }), /features must be one of relu1_1, pool1, relu2_1, relu2_2, pool2, got "pool3"/],
    ['an empty spec', build({}), /^vgg: stages must be a list of at least 1, each \{ filters: an integer >= 1, kernels: .*got nothing \(undefined\)/],
    ['a spec without stages', build({ stages: [] }), /stages must be a list of at least 1/],
    ['an even kernel', build({ stages: [{ filters: 8, kernels: [2] }] }), /kernels: a list of at least 1, each an odd integer >= 1 \}, got \[\{"filters":8,"kernels":\[2\]\}\]/],
    ['a misspelt field', build({ stages: VGGS.vgg11.stages, batchnorm: true }), /unknown option batchnorm, did you mean batchNorm\?/],
    ['a head that is a number', build({ stages: VGGS.vgg11.stages, head: 4096 }), /head must be \{ pool: .*, widths: .*, dropout: .* \}, got 4096 \(number\)/],
    ['a unit without filters', unit({ name: 'features', index: 3 }), /^convUnit "features": filters must be an integer >= 1, got nothing/],
    ['an even unit', unit({ filters: 4, kernelSize: 2 }), /^convUnit: kernelSize must be an odd integer >= 1, got 2/],
    ['a misspelt option of a unit', unit({ filters: 4, kernelsize: 3 }), /unknown option kernelsize, did you mean kernelSize\?/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });

  it('and leaves the options as they were', () => {
    const options = Object.freeze({ inputShape: Object.freeze([28, 28, 1]), features: Object.freeze(['pool1', 'pool2']) });
    const net = vgg.build('vgg_tiny', options as never);
    expect(net.outputShape).toEqual([[null, 14, 14, 8], [null, 7, 7, 32]]);
    net.dispose();
  });
});
