import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { basicBlock, bottleneck, preactBottleneck } from '@convkit/resnet';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { attentionParts, seResnet, SE_RESNETS, type Attention, type Placement, type SEResNetSpec } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => tf.disposeVariables());

const zeros = { initialWeights: 'zeros' } as const;
const source = (net: LayersModel, layer: string) => (net.getLayer(layer).input as SymbolicTensor).sourceLayer.name;

// Counted from pytorchcv's models for CIFAR-100.
it.each([
  ['SE-ResNet-20', 'basic', 3, 280_697],
  ['SE-ResNet-56', 'basic', 9, 868_739],
  ['SE-ResNet-164', 'bottleneck', 18, 1_929_388],
] as const)('%s has the published parameters for CIFAR-100', (_, block, n, params) => {
  const spec: SEResNetSpec = { block, depths: [n, n, n], attention: { kind: 'squeezeExcite' }, naming: 'pytorchcv', stem: 'cifar', width: 16 };
  expect(trainableParams(seResnet.build(spec, { classes: 100, inputShape: [32, 32, 3], ...zeros }))).toBe(params);
});

it.each([
  ['seresnet50', 'layer', '0.se.fc1', [16, 32, 64, 128]],
  ['seresnet50_r2', 'layer', '0.se.fc1', [128, 256, 512, 1024]],
  ['seresnet18', 'layer', '0.se.fc1', [8, 8, 16, 32]],
  ['seresnet18_floor', 'features.stage', 'unit1.se.conv1', [4, 8, 16, 32]],
] as const)('%s squeezes the width of the block', (id, stage, layer, widths) => {
  const net = seResnet.build(id, zeros);
  expect([1, 2, 3, 4].map((i) => net.getLayer(`${stage}${i}.${layer}`).outputShape.at(-1))).toEqual(widths);
});

it('the placement without biases that the paper counts is 25.8M', () => {
  const spec = { ...SE_RESNETS.seresnet50_3x3, attention: { kind: 'squeezeExcite', useBias: false } } as const;
  expect(trainableParams(seResnet.build(spec, zeros))).toBe(25_714_216);
});

// pytorchcv's cbam_resnet34, 101 and 152.
it.each([[[3, 4, 6, 3], 'basic', 21_960_468], [[3, 4, 23, 3], 'bottleneck', 49_330_172], [[3, 8, 36, 3], 'bottleneck', 66_826_848]] as const)('CBAM in %j %s blocks', (depths, block, params) => {
  expect(trainableParams(seResnet.build({ block, depths, attention: { kind: 'cbam' }, naming: 'pytorchcv' }, zeros))).toBe(params);
});

it('SENet-154 narrows in front of the 3x3, projects by 3x3 where it strides, and drops out', () => {
  const net = seResnet.build('senet154', zeros);
  const kernel = (layer: string) => net.getLayer(`features.${layer}.conv`).getWeights()[0]!.shape;
  expect(['conv1', 'conv2', 'conv3'].map((conv) => kernel(`stage2.unit1.body.${conv}`))).toEqual([[1, 1, 256, 256], [3, 3, 4, 512], [1, 1, 512, 512]]);
  expect(['stage1', 'stage2', 'stage4'].map((stage) => kernel(`${stage}.unit1.identity_conv`).slice(0, 2))).toEqual([[1, 1], [3, 3], [3, 3]]);
  expect(['conv1', 'conv2', 'conv3'].map((conv) => kernel(`init_block.${conv}`).at(-1))).toEqual([64, 64, 128]);
  expect(net.getLayer('dropout').getConfig()['rate']).toBe(0.2);
  expect(net.getLayer('output.fc').outputShape).toEqual([null, 1000]);
});

it.each<[Placement, string, string, string]>([
  ['standard', 'block.bn2', 'block.add', 'block.se.scale'],
  ['pre', 'x', 'block.conv1', 'block.se.scale'],
  ['post', 'block.relu', 'end', 'block.se.scale'],
  ['identity', 'block.downsample.1', 'block.add', 'block.se.scale'],
  ['3x3', 'block.bn1', 'block.conv2', 'block.se.scale'],
])('placed %s, it reads %s and %s reads it', (placement, read, reader, last) => {
  const x = input({ shape: [8, 8, 16], name: 'x' });
  const y = basicBlock(x, { filters: 32, stride: 2, name: 'block', parts: attentionParts({ kind: 'squeezeExcite' }, { placement }) });
  const net = model({ inputs: x, outputs: y });
  expect(source(net, 'block.se.pool').replace(/^x.*/, 'x')).toBe(read);
  if (reader === 'end') expect(net.outputs[0]!.sourceLayer.name).toBe(last);
  else expect([net.getLayer(reader).input].flat().map(({ sourceLayer }) => sourceLayer.name)).toContain(last);
});

it('is any attention of this package, in any residual block', () => {
  const kinds: Attention[] = [
    { kind: 'squeezeExcite', ratio: 4 }, { kind: 'efficientChannelAttention', kernelSize: 5 }, { kind: 'cbam', ratio: 8 }, { kind: 'spatialSqueezeExcite' }, { kind: 'scse', merge: 'sum' },
  ];
  for (const attention of kinds) {
    const x = input({ shape: [8, 8, 16] });
    const parts = attentionParts(attention);
    expect(preactBottleneck(bottleneck(x, { filters: 4, parts }), { filters: 4, stride: 2, parts }).shape).toEqual([null, 4, 4, 16]);
  }
});

it('is a backbone, with taps in either naming', () => {
  expect(seResnet.build('ecaresnet50d', { inputShape: [64, 64, 3], features: ['layer2', 'layer4'], ...zeros }).outputShape).toEqual([[null, 8, 8, 512], [null, 2, 2, 2048]]);
  expect(seResnet.build('cbam_resnet18', { inputShape: [64, 64, 3], features: ['stage3'], ...zeros }).outputShape).toEqual([null, 4, 4, 256]);
});

describe('refuses by name', () => {
  const spec = (edit: object) => () => seResnet.build({ ...SE_RESNETS.seresnet_tiny, ...edit } as SEResNetSpec, zeros);
  it.each<[string, () => unknown, RegExp]>([
    ['no attention', spec({ attention: undefined }), /^se-resnet: attention must be an object whose kind is one of squeezeExcite, .*scse, got nothing/],
    ['an unknown attention', spec({ attention: { kind: 'se' } }), /attention must be an object whose kind is one of/],
    ["another attention's option", spec({ attention: { kind: 'cbam', rounding: 'floor' } }), /^cbam "layer1\.0\.cbam": unknown option rounding/],
    ['a ratio above the channels', spec({ attention: { kind: 'squeezeExcite', ratio: 32 } }), /^squeezeExcite "layer1\.0\.se": ratio must be at most the 16 channels, got 32/],
    ['groups of a basic block', spec({ groups: 32, baseWidth: 4 }), /^se-resnet: block must be 'bottleneck' where groups, baseWidth or halfFirst is given/],
    ['an unknown place', spec({ placement: 'before' }), /placement must be one of standard, pre, post, identity, 3x3, got "before"/],
    ['an unknown place, alone', () => attentionParts({ kind: 'scse' }, { placement: 'end' as never }), /^attentionParts: placement must be one of/],
    ['an unknown kind, alone', () => attentionParts({ kind: 'constructor' } as never), /^attentionParts: attention must be an object whose kind/],
    ['three inner stem filters', spec({ stem: 'deep', innerStemFilters: [8, 8, 8] }), /innerStemFilters must be one integer or 2 integers >= 1/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
