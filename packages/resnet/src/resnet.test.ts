import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { resnet, RESNETS, type ResNetSpec } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

const zeros = { initialWeights: 'zeros' } as const;

// Counted from fb.resnet.torch's models (options A and C).
describe('specs that have no name', () => {
  const cifar = { stem: 'cifar', block: 'basic' } as const;
  const small = { inputShape: [32, 32, 3], classes: 10 } as const;
  it.each<[string, ResNetSpec, object, number, number | undefined]>([
    ['ResNet-18 with option A', { ...RESNETS.resnet18, shortcut: 'padded' }, {}, 11_515_688, 1_794_805_760],
    ['ResNet-18 with option C', { ...RESNETS.resnet18, shortcut: 'projectionAlways' }, {}, 12_043_816, 1_878_298_624],
    ['ResNet-34 with option A', { ...RESNETS.resnet34, shortcut: 'padded' }, {}, 21_623_848, 3_644_493_824],
    ['ResNet-34 with option C', { ...RESNETS.resnet34, shortcut: 'projectionAlways' }, {}, 22_716_840, 3_830_747_136],
    ['ResNet-20 for CIFAR with option C', { ...cifar, depths: [3, 3, 3], shortcut: 'projectionAlways' }, small, 283_962, undefined],
    ['ResNet-20 for CIFAR-100', { ...cifar, depths: [3, 3, 3] }, { inputShape: [32, 32, 3], classes: 100 }, 278_324, undefined],
  ])('%s', (_, spec, options, params, macs) => {
    const net = resnet.build(spec, { ...options, ...zeros });
    expect(trainableParams(net)).toBe(params);
    if (macs !== undefined) expect(kernelMacs(net)).toBe(macs);
    net.dispose();
  });
});

it('takes any classes and channels, and odd sizes like torch', () => {
  const net = resnet.build('resnet18', { classes: 7, inputShape: [75, 91, 1], ...zeros });
  expect(net.getLayer('maxpool').outputShape).toEqual([null, 19, 23, 64]);
  expect(net.getLayer('layer4.1.relu').outputShape).toEqual([null, 3, 3, 512]);
  expect(net.outputShape).toEqual([null, 7]);
  net.dispose();
  const point = resnet.build('resnet20_cifar10_a', { inputShape: [1, 1, 3], includeTop: false, ...zeros });
  expect(point.outputShape).toEqual([null, 1, 1, 64]);
  point.dispose();
});

it('is a backbone: no classifier, or the stages asked for', () => {
  const body = resnet.build('resnet50', { includeTop: false, ...zeros });
  expect(body.outputShape).toEqual([null, 7, 7, 2048]);
  const pyramid = resnet.build('resnet50', { features: ['layer1', 'layer2', 'layer3', 'layer4'], ...zeros });
  expect(pyramid.outputShape).toEqual([[null, 56, 56, 256], [null, 28, 28, 512], [null, 14, 14, 1024], [null, 7, 7, 2048]]);
  const cifar = resnet.build('resnet20_cifar10', { features: ['stage3', 'stage1'], ...zeros });
  expect(cifar.outputShape).toEqual([[null, 8, 8, 64], [null, 32, 32, 16]]);
  for (const net of [body, pyramid, cifar]) net.dispose();
});

it('strides in the 3x3, in rows _v1 in the first 1x1', () => {
  const shapes = (id: 'resnet50' | 'resnet50_v1') => {
    const net = resnet.build(id, { includeTop: false, ...zeros });
    const found = ['conv1', 'conv2'].map((conv) => (net.getLayer(`layer2.0.${conv}`).outputShape as number[])[1]);
    net.dispose();
    return found;
  };
  expect(shapes('resnet50')).toEqual([56, 28]);
  expect(shapes('resnet50_v1')).toEqual([28, 28]);
});

it('has no sum and no projection in rows _plain, and all else as with option A', () => {
  const paths = (id: 'resnet20_cifar10_a' | 'resnet20_cifar10_plain') => {
    const net = resnet.build(id, zeros);
    const found = net.layers.map((layer) => layer.name);
    net.dispose();
    return found;
  };
  expect(paths('resnet20_cifar10_plain')).toEqual(paths('resnet20_cifar10_a').filter((name) => !/\.(add|shortcut\.\w+)$/.test(name)));
});

it('drops out in front of the classifier only where it is asked to', () => {
  const plain = resnet.build('resnet_tiny', zeros);
  const dropping = resnet.build('resnet_tiny', { dropout: 0.3, ...zeros });
  expect(plain.layers.filter((layer) => layer.getClassName() === 'Dropout')).toEqual([]);
  expect(dropping.getLayer('dropout').getConfig()['rate']).toBe(0.3);
  plain.dispose();
  dropping.dispose();
});

describe('refuses by name', () => {
  const build = (id: unknown, options?: unknown) => () => resnet.build(id as 'resnet18', options as never);
  const cifar = { stem: 'cifar', block: 'basic', depths: [1, 1] };
  it.each([
    ['a depth that does not exist', build('resnet35'), /^resnet: variant must be one of resnet18, .*got "resnet35" \(string\)\. Did you mean resnet34\?/],
    ['a depth as a number', build(50), /^resnet: variant must be a variant name or a spec object, got 50 \(number\)/],
    ["a tap of the other reference's names", build('resnet20_cifar10', { features: ['layer1'], ...zeros }), /features must be one of stage1, stage2, stage3, got "layer1"/],
    ['an empty spec', build({}), /^resnet: stem must be one of imagenet, cifar, got nothing/],
    ['no stages', build({ ...cifar, depths: [] }), /depths must be a list of at least 1, each an integer >= 1, got \[\]/],
    ['a stage without blocks', build({ ...cifar, depths: [6, 0] }), /depths must be a list of at least 1, each an integer >= 1, got \[6,0\]/],
    ['an unknown block', build({ ...cifar, block: 'botleneck' }), /block must be one of basic, bottleneck, got "botleneck" \(string\)\. Did you mean bottleneck\?/],
    ['an unknown shortcut', build({ ...cifar, shortcut: 'A' }), /shortcut must be one of padded, projection, projectionAlways, none, got "A"/],
    ['groups of a basic block', build({ ...cifar, groups: 32, baseWidth: 4 }), /^resnet: block must be 'bottleneck' where groups or baseWidth is given, got "basic"/],
    ['a group without channels', build({ ...cifar, block: 'bottleneck', groups: 32, baseWidth: 3 }), /^bottleneck "features\.stage1\.unit1": baseWidth must be an integer >= 4 with 16 filters, got 3/],
    ['a misspelt field', build({ ...cifar, widht: 16 }), /unknown option widht, did you mean width\?/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
