/** The family: sums that can be checked by hand, and the residual network that it starts as. */
import '@tensorflow/tfjs-backend-cpu';
import { OptionError, type BuildOptions } from '@convkit/core';
import { resnet, RESNETS } from '@convkit/resnet';
import { kernelMacs, relativeError, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { deformableResnet, DEFORMABLE_RESNETS, type DeformableResNetSpec } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => tf.disposeVariables());

const zeros = { initialWeights: 'zeros' } as const;
/** Parameters of a branch on so many channels, and its multiply-accumulates for each output position. */
const branch = (channels: number, outputs: number) => ({ params: 9 * channels * outputs + outputs, macs: 9 * channels * outputs });

/** Multiply-accumulates of the last stage: in the ordinary network at 14x14 and then 7x7, dilated at 14x14 throughout. */
const [squeeze, middle, expand, project] = [1024 * 512, 9 * 512 * 512, 512 * 2048, 1024 * 2048];
const ordinaryStage = 196 * squeeze + 49 * (middle + expand + project) + 2 * 49 * (2048 * 512 + middle + expand);
const dilatedStage = 196 * (squeeze + middle + expand + project) + 2 * 196 * (2048 * 512 + middle + expand);

describe('parameters and multiply-accumulates are the ResNet\'s and those of the branches', () => {
  it.each([['deformable_resnet50', 'resnet50'], ['deformable_resnet101', 'resnet101']] as const)('%s: 72 channels on 512, three times, at 14x14', (id, plain) => {
    const { params, macs } = branch(512, 72);
    expect(DEFORMABLE_RESNETS[id].params).toBe(RESNETS[plain].params + 3 * params);
    expect(DEFORMABLE_RESNETS[id].macs).toBe(RESNETS[plain].macs - ordinaryStage + dilatedStage + 3 * 196 * macs);
  });

  it.each([['deformable_resnet50_v2', 'resnet50', 6], ['deformable_resnet101_v2', 'resnet101', 23]] as const)('%s: 27 channels in conv3 to conv5', (id, plain, conv4) => {
    const places = [[4, 128, 784], [conv4, 256, 196], [3, 512, 49]] as const;
    const sum = (key: 'params' | 'macs', factor: (positions: number) => number) =>
      places.reduce<number>((total, [blocks, channels, positions]) => total + blocks * branch(channels, 27)[key] * factor(positions), RESNETS[plain][key]);
    expect(DEFORMABLE_RESNETS[id].params).toBe(sum('params', () => 1));
    expect(DEFORMABLE_RESNETS[id].macs).toBe(sum('macs', (positions) => positions));
  });

  it.each(['deformable_resnet50', 'deformable_resnet101', 'deformable_resnet50_v2', 'deformable_resnet101_v2'] as const)('%s has them', (id) => {
    const net = deformableResnet.build(id, zeros);
    expect(trainableParams(net)).toBe(DEFORMABLE_RESNETS[id].params);
    expect(kernelMacs(net)).toBe(DEFORMABLE_RESNETS[id].macs);
  });
});

const deformed = (net: LayersModel) => net.layers.filter((layer) => layer.getClassName() === 'ConvkitDeformableConv').map(({ name }) => name);

it('deforms the 3x3 that the papers deform', () => {
  expect(deformed(deformableResnet.build('deformable_resnet50', zeros))).toEqual(['layer4.0.conv2', 'layer4.1.conv2', 'layer4.2.conv2']);
  const v2 = deformed(deformableResnet.build('deformable_resnet50_v2', zeros));
  expect(v2.length).toBe(4 + 6 + 3);
  expect(v2.filter((name) => !/^layer[234]\.\d\.conv2$/.test(name))).toEqual([]);
});

it('is a backbone: with the last stage dilated, it keeps the size of the stage before', () => {
  const options = { features: ['layer3', 'layer4'], ...zeros };
  expect(deformableResnet.build('deformable_resnet50', options).outputShape).toEqual([[null, 14, 14, 1024], [null, 14, 14, 2048]]);
  expect(deformableResnet.build('deformable_resnet50_v2', options).outputShape).toEqual([[null, 14, 14, 1024], [null, 7, 7, 2048]]);
});

it('names its layers as torchvision and mmdetection do', () => {
  const names = (net: LayersModel) => net.layers.filter(({ weights }) => weights.length > 0).map(({ name }) => name);
  const ours = names(deformableResnet.build('deformable_resnet50', zeros));
  expect(ours.filter((name) => !name.endsWith('conv_offset')).sort()).toEqual(names(resnet.build('resnet50', zeros)).sort());
  expect(ours.filter((name) => name.endsWith('conv_offset'))).toEqual(['layer4.0.conv2.conv_offset', 'layer4.1.conv2.conv_offset', 'layer4.2.conv2.conv_offset']);
});

it.each<[string, Partial<DeformableResNetSpec>, (options: BuildOptions) => LayersModel]>([
  ['v1: the dilated network', { deformableGroups: 4, lastDilation: 2 }, (options) => deformableResnet.build({ depths: [1, 1], width: 8, deformableStages: 0, lastDilation: 2 }, options)],
  ['v2: the ordinary one', { modulated: true }, (options) => resnet.build({ stem: 'imagenet', block: 'bottleneck', depths: [1, 1], width: 8 }, options)],
])('with the same seed it starts as the residual network, %s', (_, edit, plain) => {
  const options = { inputShape: [20, 24, 3], classes: 5, seed: 3 } as const;
  const nets = [deformableResnet.build({ depths: [1, 1], width: 8, deformableStages: 1, ...edit }, options), plain(options)];
  tf.tidy(() => {
    const images = tf.randomUniform([2, 20, 24, 3], -1, 1, 'float32', 1);
    const [actual, expected] = nets.map((net) => (net.predict(images) as tf.Tensor).dataSync()) as [Float32Array, Float32Array];
    expect(Math.hypot(...expected)).toBeGreaterThan(0);
    expect(relativeError(actual, expected)).toBeLessThan(1e-5);
  });
});

it.each<[string, () => unknown, RegExp]>([
  ['more stages than there are', () => deformableResnet.build({ depths: [1], deformableStages: 2 }, zeros), /^deformable-resnet: deformableStages must be at most the 1 stages, got 2/],
  ['a variant that does not exist', () => deformableResnet.build('deformable_resnet51' as 'deformable_resnet50', zeros), /Did you mean deformable_resnet50\?/],
  ['groups that do not divide the width', () => deformableResnet.build({ depths: [1], width: 6, deformableStages: 1, deformableGroups: 4 }, zeros), /"layer1\.0\.conv2": movement must be .*G a divisor of the 6 input channels/],
])('refuses %s by name', (_, wrong, message) => {
  expect(wrong).toThrow(OptionError);
  expect(wrong).toThrow(message);
});
