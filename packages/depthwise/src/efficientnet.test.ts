import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { efficientnet, EFFICIENTNETS } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

function built<T>(variant: Parameters<typeof efficientnet.build>[0], read: (net: LayersModel) => T): T {
  const net = efficientnet.build(variant, { initialWeights: 'zeros', inputShape: [64, 64, 3] });
  try {
    return read(net);
  } finally {
    net.dispose();
  }
}

const channels = (net: LayersModel, names: RegExp) => net.layers.filter(({ name }) => names.test(name)).map((layer) => (layer.outputShape as number[]).at(-1));

it('squeezes to a quarter of the block input', () => {
  expect(built('efficientnet_b0', (net) => channels(net, /\.fc1$/))).toEqual([8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48]);
});

it.each<[keyof typeof EFFICIENTNETS, number[], number[]]>([
  // ceil(n * depth) blocks a stage; widths to the nearest multiple of 8: stem, stages, last convolution.
  ['efficientnet_b0', [1, 2, 2, 3, 3, 4, 1], [32, 16, 24, 40, 80, 112, 192, 320, 1280]],
  ['efficientnet_b3', [2, 3, 3, 5, 5, 6, 2], [40, 24, 32, 48, 96, 136, 232, 384, 1536]],
  ['efficientnet_b7', [4, 7, 7, 10, 10, 13, 4], [64, 32, 48, 80, 160, 224, 384, 640, 2560]],
])('%s has its depth and width', (id, blocks, widths) => {
  const { counts, outputs } = built(id, (net) => ({
    counts: blocks.map((_, i) => new Set(net.layers.flatMap(({ name }) => new RegExp(`^features\\.${i + 1}\\.(\\d+)\\.block`).exec(name)?.[1] ?? [])).size),
    outputs: channels(net, /^features\.(0|8)\.0$|^features\.\d\.0\.block\.(2|3)\.1$/),
  }));
  expect(counts).toEqual(blocks);
  expect(outputs).toEqual(widths);
});

it('skips later blocks more often, none at rate 0', () => {
  const rates = (variant: Parameters<typeof efficientnet.build>[0]) => built(variant, (net) =>
    net.layers.filter(({ name }) => name.endsWith('stochastic_depth')).map((layer) => [layer.name, layer.getConfig()['rate'] as number] as const));
  const b0 = rates('efficientnet_b0');
  // Of B0's 16 blocks these nine have a sum; block i of them is skipped with 0.2 i / 16.
  expect(b0.map(([name]) => name.replace('.stochastic_depth', ''))).toEqual(['2.1', '3.1', '4.1', '4.2', '5.1', '5.2', '6.1', '6.2', '6.3'].map((path) => `features.${path}`));
  [2, 4, 6, 7, 9, 10, 12, 13, 14].forEach((index, i) => expect(b0[i]?.[1]).toBeCloseTo((0.2 * index) / 16, 12));
  expect(rates({ ...EFFICIENTNETS.efficientnet_b0, stochasticDepth: 0 })).toEqual([]);
});

it('has the batch norm and the dropout of its reference', () => {
  const norm = (id: keyof typeof EFFICIENTNETS) => built(id, (net) => {
    const { epsilon, momentum } = net.getLayer('features.8.1').getConfig();
    return [epsilon, momentum, net.getLayer('classifier.0').getConfig()['rate']];
  });
  expect(norm('efficientnet_b0')).toEqual([1e-5, 0.9, 0.2]);
  expect(norm('efficientnet_b4')).toEqual([1e-5, 0.9, 0.4]);
  expect(norm('efficientnet_b5')).toEqual([1e-3, 0.99, 0.4]);
});

it('starts its classifier within 1 / sqrt(classes)', () => {
  const net = efficientnet.build('efficientnet_tiny');
  const kernel = net.getLayer('classifier.1').getWeights()[0] as tf.Tensor;
  const largest = Math.max(...kernel.dataSync().map(Math.abs));
  expect(largest).toBeLessThanOrEqual(1 / Math.sqrt(10));
  expect(largest).toBeGreaterThan(0.95 / Math.sqrt(10));
  net.dispose();
});

it.each<[string, () => unknown, RegExp]>([
  ['a network that does not exist', () => efficientnet.build('efficientnet_b8' as never), /efficientnet: variant must be one of .*Did you mean efficientnet_b\d\?/],
  ['no depth', () => efficientnet.build({ ...EFFICIENTNETS.efficientnet_b0, depth: 0 }), /depth must be a finite number > 0, got 0/],
  ['full stochastic depth', () => efficientnet.build({ ...EFFICIENTNETS.efficientnet_b0, stochasticDepth: 1 }), /stochasticDepth must be a finite number >= 0 and < 1, got 1/],
  ['a tap that does not exist', () => efficientnet.build('efficientnet_tiny', { features: ['features.9'] }), /features must be one of .*Did you mean features\.\d\?/],
])('refuses %s', (_, wrong, message) => {
  expect(wrong).toThrow(OptionError);
  expect(wrong).toThrow(message);
});
