/** VGG-16 (configuration D of Simonyan and Zisserman) out of plain tf.layers, row by row against independently counted integers. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential, type LayersModel } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatTable, profile, type Profile } from './index.js';

/** Name, output, elements of it, kernel and bias, multiply-accumulates. */
type Row = readonly [name: string, output: number[], elements: number, params: number, macs: number];

const ROWS: readonly Row[] = [
  ['conv1_1', [224, 224, 64], 3_211_264, 1_792, 86_704_128],
  ['conv1_2', [224, 224, 64], 3_211_264, 36_928, 1_849_688_064],
  ['pool1', [112, 112, 64], 802_816, 0, 0],
  ['conv2_1', [112, 112, 128], 1_605_632, 73_856, 924_844_032],
  ['conv2_2', [112, 112, 128], 1_605_632, 147_584, 1_849_688_064],
  ['pool2', [56, 56, 128], 401_408, 0, 0],
  ['conv3_1', [56, 56, 256], 802_816, 295_168, 924_844_032],
  ['conv3_2', [56, 56, 256], 802_816, 590_080, 1_849_688_064],
  ['conv3_3', [56, 56, 256], 802_816, 590_080, 1_849_688_064],
  ['pool3', [28, 28, 256], 200_704, 0, 0],
  ['conv4_1', [28, 28, 512], 401_408, 1_180_160, 924_844_032],
  ['conv4_2', [28, 28, 512], 401_408, 2_359_808, 1_849_688_064],
  ['conv4_3', [28, 28, 512], 401_408, 2_359_808, 1_849_688_064],
  ['pool4', [14, 14, 512], 100_352, 0, 0],
  ['conv5_1', [14, 14, 512], 100_352, 2_359_808, 462_422_016],
  ['conv5_2', [14, 14, 512], 100_352, 2_359_808, 462_422_016],
  ['conv5_3', [14, 14, 512], 100_352, 2_359_808, 462_422_016],
  ['pool5', [7, 7, 512], 25_088, 0, 0],
  ['fc6', [4096], 4_096, 102_764_544, 102_760_448],
  ['fc7', [4096], 4_096, 16_781_312, 16_777_216],
  ['fc8', [1000], 1_000, 4_097_000, 4_096_000],
];

function build(): LayersModel {
  const model = sequential({ name: 'vgg16' });
  const kernelInitializer = 'zeros';
  for (const [name, output] of ROWS) {
    const units = output.at(-1) ?? 0;
    if (name.startsWith('conv')) model.add(layers.conv2d({ name, filters: units, kernelSize: 3, padding: 'same', activation: 'relu', kernelInitializer, ...(name === 'conv1_1' ? { inputShape: [224, 224, 3] } : {}) }));
    else if (name.startsWith('pool')) model.add(layers.maxPooling2d({ name, poolSize: 2 }));
    else {
      if (name === 'fc6') model.add(layers.flatten());
      model.add(layers.dense({ name, units, kernelInitializer, ...(name === 'fc8' ? {} : { activation: 'relu' as const }) }));
    }
  }
  return model;
}

let model: LayersModel;
let vgg16: Profile;
beforeAll(async () => {
  await tf.setBackend('cpu');
  model = build();
  vgg16 = profile(model);
});
afterAll(() => {
  model.dispose();
});

const layer = (name: string) => vgg16.layers.find((candidate) => candidate.name === name);

test.each(ROWS)('%s', (name, output, elements, params, macs) => {
  expect(layer(name)).toMatchObject({ outputShape: [null, ...output], outputBytes: 4 * elements, params, macs, flops: 2 * macs, runningStats: 0, activations: macs === 0 ? 0 : elements });
});

test('totals', () => {
  expect(vgg16).toMatchObject({
    model: 'vgg16', input: [224, 224, 3], classes: 1000, params: 138_357_544, runningStats: 0, weightsBytes: 4 * 138_357_544,
    macs: 15_470_264_320, flops: 30_940_528_640, activations: 13_556_712,
  });
  // Input, convolutions, pools and dense layers; the activations are fused and the flattened map is a view.
  expect(vgg16.activationBytes).toBe(4 * 15_237_608);
  // conv1_2 reads one map of 224x224x64 and writes another.
  expect(vgg16.peakActivationBytes).toBe(4 * 2 * 3_211_264);
});

test('receptive fields', () => {
  expect(layer('conv5_3')?.receptiveField).toBe(196);
  expect(layer('fc6')?.receptiveField).toBe(404);
  // The whole network's is that of its last map, pool5.
  expect(vgg16).toMatchObject({ receptiveField: 212, effectiveStride: 32, receptiveFieldOffset: 15.5 });
});

test('the table of its layers fits 80 columns', () => {
  expect(Math.max(...formatTable(vgg16, { layers: true }).split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});
