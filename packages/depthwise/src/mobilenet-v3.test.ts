import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { mobilenetV3, MOBILENETS_V3 } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

const zeros = { initialWeights: 'zeros' } as const;

/** Output channels of the layers whose names match. */
const channels = (net: LayersModel, names: RegExp) => net.layers.filter(({ name }) => names.test(name)).map((layer) => (layer.outputShape as number[]).at(-1));

function built<T>(variant: keyof typeof MOBILENETS_V3, read: (net: LayersModel) => T): T {
  const net = mobilenetV3.build(variant, zeros);
  try {
    return read(net);
  } finally {
    net.dispose();
  }
}

// Tables 1 and 2 of the paper: exp size and, of the blocks that have it, the squeezed width.
it('has the expanded and squeezed widths of the paper', () => {
  const expanded = /^features\.\d+\.block\.0\.0$/;
  const squeezed = /\.fc1$/;
  expect(built('mobilenet_v3_large', (net) => channels(net, expanded))).toEqual([16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960]);
  expect(built('mobilenet_v3_large', (net) => channels(net, squeezed))).toEqual([24, 32, 32, 120, 168, 168, 240, 240]);
  expect(built('mobilenet_v3_small', (net) => channels(net, expanded))).toEqual([16, 72, 88, 96, 240, 240, 120, 144, 288, 576, 576]);
  expect(built('mobilenet_v3_small', (net) => channels(net, squeezed))).toEqual([8, 24, 64, 64, 32, 40, 72, 144, 144]);
});

it('a width multiplier leaves the stem and the hidden layer as they are', () => {
  expect(built('mobilenet_v3_small_x0_5', (net) => channels(net, /^(features\.0\.0|features\.1\.block\.2\.0|features\.12\.0|classifier\.0)$/))).toEqual([16, 8, 288, 1024]);
});

it('the minimalistic networks have 3x3 windows, ReLU and no squeeze-and-excitation', () => {
  const layers = built('mobilenet_v3_large_minimalistic', (net) => net.layers.map((layer) => [layer.name, layer.getConfig()] as const));
  expect(layers.filter(([name]) => name.endsWith('.fc1'))).toEqual([]);
  expect(new Set(layers.map(([, { activation }]) => activation ?? 'linear'))).toEqual(new Set(['linear', 'relu']));
  expect(new Set(layers.flatMap(([, { kernelSize }]) => (kernelSize === undefined ? [] : [String(kernelSize)])))).toEqual(new Set(['3,3', '1,1']));
});

it("has the reference's batch norm: epsilon 1e-3, momentum 0.99", () => {
  const norms = built('mobilenet_v3_small', (net) => net.layers.map((layer) => layer.getConfig()).filter(({ epsilon }) => epsilon !== undefined));
  expect(norms).toHaveLength(34);
  expect(norms.every(({ epsilon, momentum }) => epsilon === 1e-3 && momentum === 0.99)).toBe(true);
});

it('is a backbone, takes odd sizes like torch and any classes', () => {
  const net = mobilenetV3.build('mobilenet_v3_large', { inputShape: [75, 91, 1], features: ['features.3', 'features.16'], ...zeros });
  expect(net.outputShape).toEqual([[null, 19, 23, 24], [null, 3, 3, 960]]);
  net.dispose();
  expect(built('mobilenet_v3_tiny', (tiny) => tiny.outputShape)).toEqual([null, 10]);
});

it.each<[string, () => unknown, RegExp]>([
  ['a variant of no released width', () => mobilenetV3.build('mobilenet_v3_small_x05' as never), /mobilenet-v3: variant must be one of .*Did you mean mobilenet_v3_small_x0_5\?/],
  ['a block without activation', () => mobilenetV3.build({ ...MOBILENETS_V3.mobilenet_v3_tiny, blocks: [{ kernelSize: 3, expansion: 1, filters: 8, stride: 1 }] } as never), /blocks must be a list .*activation: one of relu, hardSwish/],
  ['an even window', () => mobilenetV3.build({ ...MOBILENETS_V3.mobilenet_v3_tiny, blocks: [{ kernelSize: 4, expansion: 1, filters: 8, stride: 1, activation: 'relu' }] }), /blocks must be a list .*kernelSize: an odd integer >= 1/],
  ['an activation that it does not have', () => mobilenetV3.build({ ...MOBILENETS_V3.mobilenet_v3_tiny, activation: 'swish' as 'relu' }), /activation must be one of relu, hardSwish, got "swish"/],
])('refuses %s', (_, wrong, message) => {
  expect(wrong).toThrow(OptionError);
  expect(wrong).toThrow(message);
});
