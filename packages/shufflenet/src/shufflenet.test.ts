import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { shuffleUnit, shuffleUnitV2, shufflenetV1, SHUFFLENETS_V1, shufflenetV2, SHUFFLENETS_V2 } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

it('takes any classes and input, and odd sizes like torch', () => {
  const net = shufflenetV2.build('shufflenet_v2_x0_5', { classes: 7, inputShape: [75, 91, 1], initialWeights: 'zeros' });
  expect(net.outputShape).toEqual([null, 7]);
  expect(net.getLayer('maxpool').outputShape).toEqual([null, 19, 23, 24]);
  expect(net.getLayer('conv5.1').outputShape).toEqual([null, 3, 3, 1024]);
  net.dispose();
});

it('is a backbone: no classifier, or named feature maps in the order asked for', () => {
  const body = shufflenetV1.build('shufflenet_v1_x0_25_g3', { includeTop: false, initialWeights: 'zeros' });
  expect(body.outputShape).toEqual([null, 7, 7, 240]);
  const taps = shufflenetV2.build('shufflenet_v2_x1_0', { features: ['stage4', 'stage2', 'conv1'], initialWeights: 'zeros' });
  expect(taps.outputShape).toEqual([[null, 7, 7, 464], [null, 28, 28, 116], [null, 112, 112, 24]]);
  expect(taps.layers.some((layer) => layer.name === 'conv5.0' || layer.name === 'fc')).toBe(false);
  body.dispose();
  taps.dispose();
});

it('leaves the first 1x1 convolution ungrouped, even with 8 groups', () => {
  const net = shufflenetV1.build('shufflenet_v1_x1_0_g8', { includeTop: false, initialWeights: 'zeros' });
  expect(net.getLayer('features.stage1.unit1.compress_conv1').weights[0]?.shape).toEqual([1, 1, 24, 96]);
  expect(net.getLayer('features.stage1.unit1.expand_conv3').weights[0]?.shape).toEqual([1, 1, 12, 360]);
  expect(net.getLayer('features.stage2.unit1.compress_conv1').weights[0]?.shape).toEqual([1, 1, 48, 192]);
  net.dispose();
});

it("the authors' projection keeps the input's channels", () => {
  const net = shufflenetV2.build('shufflenet_v2_x1_0_megvii', { includeTop: false, initialWeights: 'zeros' });
  expect(net.getLayer('stage2.0.branch1.2').outputShape).toEqual([null, 28, 28, 24]);
  expect(net.getLayer('stage2.0.branch2.0').outputShape).toEqual([null, 56, 56, 58]);
  expect(net.getLayer('stage2.0.branch2.5').outputShape).toEqual([null, 28, 28, 92]);
  net.dispose();
});

it('has dropout where the reference has it, and where it is asked for', () => {
  const rateOf = (net: LayersModel) => {
    const rate = net.layers.find((layer) => layer.name === 'dropout')?.getConfig()['rate'];
    net.dispose();
    return rate;
  };
  expect(rateOf(shufflenetV2.build('shufflenet_v2_x2_0_megvii', { initialWeights: 'zeros' }))).toBe(0.2);
  expect(rateOf(shufflenetV2.build('shufflenet_v2_x2_0', { initialWeights: 'zeros' }))).toBeUndefined();
  expect(rateOf(shufflenetV1.build('shufflenet_v1_tiny', { dropout: 0.5, initialWeights: 'zeros' }))).toBe(0.5);
});

describe('refuses by name', () => {
  const x = () => input({ shape: [8, 8, 24] });
  const unit = (options: object) => () => shuffleUnit(x(), { filters: 240, groups: 3, stride: 2, name: 'u', ...options });
  it.each([
    ['groups that do not divide the channels inside', unit({ groups: 7 }), /shuffleUnit "u": groups must be a divisor of the 60 channels inside \(filters 240 \/ 4\), got 7/],
    ['groups that do not divide the channels beside the input', unit({ groups: 5 }), /groups must be a divisor of the 216 channels beside the input \(filters 240 - 24\), got 5/],
    ['a scaled stem that two groups do not fit', () => shufflenetV1.build({ ...SHUFFLENETS_V1.shufflenet_v1_x1_0_g2, stem: { filters: 12, stride: 2, pool: true }, stages: [{ filters: 100, units: 4 }] }),
      /"features.stage1.unit1": groups must be a divisor of the 25 channels inside \(filters 100 \/ 4\), got 2/],
    ['stride 1 between different channels', unit({ stride: 1 }), /filters must be the 24 input channels at stride 1/],
    ['fewer filters than it concatenates', unit({ filters: 24 }), /filters must be more than the 24 input channels/],
    ['no groups', unit({ groups: 0 }), /shuffleUnit "u": groups must be an integer >= 1, got 0/],
    ['a misspelt option', unit({ group: 3 }), /unknown option group, did you mean groups\?/],
    ['odd filters', () => shuffleUnitV2(x(), { filters: 49, stride: 2, name: 'u' }), /shuffleUnitV2 "u": filters must be even/],
    ['stride 1 between different channels (v2)', () => shuffleUnitV2(x(), { filters: 48, name: 'u' }), /filters must be the 24 input channels at stride 1/],
    ['a projection that leaves nothing', () => shuffleUnitV2(x(), { filters: 24, stride: 2, projection: 'input', name: 'u' }), /filters must be more than the 24 input channels/],
    ['a width that does not exist', () => shufflenetV2.build('shufflenet_v2_x3_0' as 'shufflenet_v2_x2_0'), /shufflenet-v2: variant must be one of .*Did you mean shufflenet_v2_x/],
    ['a spec that is empty', () => shufflenetV1.build({} as never), /shufflenet-v1: stem must be \{ filters: .*, stride: .*, pool: .* \}, got nothing/],
    ['a spec with a misspelt field', () => shufflenetV2.build({ ...SHUFFLENETS_V2.shufflenet_v2_x0_5, projecton: 'input' } as never), /unknown option projecton, did you mean projection\?/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
