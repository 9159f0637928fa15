import '@tensorflow/tfjs-backend-cpu';
import { OptionError, type GateOptions } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it, test } from 'vitest';
import { combined, COMBINED, combinedBlock, type CombinedBlockOptions, type CombinedSpec } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => tf.disposeVariables());

const zeros = { initialWeights: 'zeros' } as const;

/** Parameters and multiply-adds of a network on 32x32x3 images with 10 classes, added up by hand: nothing here asks a model. */
function handSum({ depths, width = 64, stemFilters = 16, bottleneck = 4, groups = 4, depthwise = true, shortcut = 'padded' }: CombinedSpec) {
  let params = 27 * stemFilters + 2 * stemFilters;
  let macs = 27 * stemFilters * 32 * 32;
  let [channels, size] = [stemFilters, 32];
  depths.forEach((depth, stage) => {
    const filters = width * 2 ** stage;
    const inner = filters / bottleneck;
    for (let unit = 0; unit < depth; unit++) {
      const after = stage > 0 && unit === 0 ? size / 2 : size;
      const first = (channels * inner) / groups;
      const middle = depthwise ? 9 * inner : (9 * inner * inner) / groups;
      const last = (inner * filters) / groups;
      params += first + middle + last + 2 * (inner + inner + filters);
      macs += first * size ** 2 + (middle + last) * after ** 2;
      if (shortcut === 'projection' && (after !== size || channels !== filters)) {
        params += channels * filters + 2 * filters;
        macs += channels * filters * after ** 2;
      }
      [channels, size] = [filters, after];
    }
  });
  return { params: params + channels * 10 + 10, macs: macs + channels * 10 };
}

/** A deeper network of bottlenecks with projections is pytorchcv's resnet164bn_cifar10. */
const RESNET164: CombinedSpec = { depths: [18, 18, 18], groups: 1, depthwise: false, shortcut: 'projection' };

test('the hand sum is right where a reference is known', () => {
  expect(handSum(RESNET164)).toEqual({ params: 1_704_154, macs: 247_646_720 });
});

const ROWS = Object.entries(COMBINED).filter(([id]) => id !== 'combined_tiny') as [keyof typeof COMBINED, CombinedSpec & { params: number; macs: number }][];

test.each(ROWS)('%s has the parameters and multiply-adds of the hand sum', (id, row) => {
  const { params, macs, ...spec } = row;
  expect({ params, macs }).toEqual(handSum(spec));
  const net = combined.build(id, zeros);
  expect({ params: trainableParams(net), macs: kernelMacs(net) }).toEqual({ params, macs });
});

test('with every ingredient left out but the bottleneck it is the ResNet of that depth', () => {
  const net = combined.build(RESNET164, zeros);
  expect({ params: trainableParams(net), macs: kernelMacs(net) }).toEqual({ params: 1_704_154, macs: 247_646_720 });
});

test('there is a row for every combination, and its name says which', () => {
  const ingredients = ({ bottleneck = 4, groups = 4, shuffle = groups > 1, depthwise = true }: CombinedSpec) =>
    [bottleneck > 1 && 'b', groups > 1 && 'g', shuffle && 's', depthwise && 'd'].filter(Boolean).join('');
  expect(ROWS.map(([, spec]) => ingredients(spec))).toEqual(ROWS.map(([id]) => /^combined29_(?:([bgsd]+)_)?cifar10$/.exec(id)?.[1] ?? ''));
  expect(new Set(ROWS.map(([, spec]) => ingredients(spec))).size).toBe(12);
});

function netOf(channels: number, options: CombinedBlockOptions): LayersModel {
  const x = input({ shape: [7, 9, channels] });
  return model({ inputs: x, outputs: combinedBlock(x, options) });
}
const classes = (net: LayersModel) => net.layers.slice(1).map((layer) => layer.getClassName().slice('Convkit'.length));

describe('the block', () => {
  it('has just the layers of its ingredients', () => {
    const conv = ['Conv', 'BatchNorm'];
    const end = ['Add', 'Activation'];
    const layersOf = (options: object) => classes(netOf(8, { filters: 8, groups: 2, ...options })).map((name) => name || 'Add');
    expect(layersOf({})).toEqual([...conv, 'ChannelShuffle', 'DepthwiseConv', 'BatchNorm', ...conv, ...end]);
    expect(layersOf({ bottleneck: 1, groups: 1, depthwise: false })).toEqual([...conv, ...conv, ...conv, ...end]);
    expect(layersOf({ shuffle: false })).not.toContain('ChannelShuffle');
  });

  it('keeps the shape, or strides and widens it, also at odd sizes', () => {
    expect(netOf(8, { filters: 8, groups: 2 }).outputShape).toEqual([null, 7, 9, 8]);
    expect(netOf(8, { filters: 16, stride: 2 }).outputShape).toEqual([null, 4, 5, 16]);
    expect(netOf(8, { filters: 16, stride: 2, shortcut: 'padded' }).outputShape).toEqual([null, 4, 5, 16]);
  });

  it('mixes the groups only where it shuffles', () => {
    // Two groups of four channels: a change in channel 0 reaches the other group's outputs through a shuffle alone.
    const reached = (shuffle: boolean) => tf.tidy(() => {
      const net = netOf(8, { filters: 8, bottleneck: 1, groups: 2, shuffle, depthwise: true, name: 'block' });
      net.setWeights(net.getWeights().map((weight) => tf.ones(weight.shape)));
      const branch = model({ inputs: net.inputs, outputs: net.getLayer('block.bn3').output as SymbolicTensor });
      const x = tf.reshape(tf.oneHot(tf.zeros([63], 'int32'), 8), [1, 7, 9, 8]);
      const difference = tf.sub(branch.predict(x) as tf.Tensor, branch.predict(tf.zerosLike(x)) as tf.Tensor);
      return [...tf.sum(difference, [0, 1, 2]).dataSync()].map((value) => value > 0);
    });
    expect(reached(false)).toEqual([true, true, true, true, false, false, false, false]);
    expect(reached(true)).toEqual(Array(8).fill(true));
  });

  it('takes learned factors for its branches', () => {
    const params = (gate?: GateOptions) => trainableParams(netOf(8, { filters: 8, groups: 2, gate }));
    expect(params({ per: 'channel' }) - params()).toBe(2 * 8);
  });
});

describe('refuses by name', () => {
  const block = (options: object, channels = 16) => () => netOf(channels, { filters: 16, name: 'block', ...options });
  const build = (edit: object) => () => combined.build({ ...COMBINED.combined29_bgsd_cifar10, ...edit } as CombinedSpec, zeros);
  it.each<[string, () => unknown, RegExp]>([
    ['no filters', block({ filters: undefined }), /^combinedBlock "block": filters must be an integer >= 1, got nothing/],
    ['a bottleneck that does not divide', block({ bottleneck: 3 }), /^combinedBlock "block": bottleneck must be a divisor of filters \(16\), got 3/],
    ['groups that do not divide the input', block({}, 6), /groups must be a divisor of the 6 input channels, got 4/],
    ['groups that do not divide the middle', block({ groups: 8 }), /groups must be a divisor of the 4 channels in between \(filters \/ bottleneck\), got 8/],
    ['groups that do not divide the output', block({ groups: 5, filters: 16, bottleneck: 1 }, 5), /groups must be a divisor of the 16 channels in between/],
    ['half a group', block({ groups: 0.5 }), /groups must be an integer >= 1, got 0\.5/],
    ['a shuffle of one group', block({ groups: 1, shuffle: true }), /shuffle must be false where there is one group: nothing to mix, got true/],
    ['a padded shortcut to fewer channels', block({ filters: 8, groups: 2, shortcut: 'padded' }), /shortcut must be 'projection' where 16 channels become 8, got "padded"/],
    ['a misspelt ingredient', block({ depthWise: true }), /unknown option depthWise, did you mean depthwise\?/],
    ['a spec whose stem does not divide', build({ stemFilters: 6 }), /^combinedBlock "layer1\.0": groups must be a divisor of the 6 input channels, got 4/],
    ['no stages', build({ depths: [] }), /^combined: depths must be a list of at least 1/],
    ['a variant that does not exist', () => combined.build('combined29_bgds_cifar10' as 'combined29_bgsd_cifar10'), /variant must be one of combined29_cifar10, /],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
