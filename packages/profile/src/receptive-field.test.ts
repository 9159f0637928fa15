import '@tensorflow/tfjs-backend-cpu';
import { activation, adaptiveAvgPool, add, avgPool, concatenate, conv2d, globalAveragePool, maxPool, type Conv2dOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { profile } from './index.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const conv = (x: SymbolicTensor, options: Partial<Conv2dOptions> = {}) => conv2d(x, { filters: 1, kernelSize: 3, ...options });
const apply = (layer: InstanceType<typeof layers.Layer>, x: SymbolicTensor) => layer.apply(x) as SymbolicTensor;

/** [extent, stride, offset] of the last map of a network on a 32x32 image. */
function field(make: (x: SymbolicTensor) => SymbolicTensor, shape: number[] = [32, 32, 1]): number[] {
  const x = input({ shape });
  const network = model({ inputs: x, outputs: make(x) });
  const { receptiveField, effectiveStride, receptiveFieldOffset } = profile(network);
  network.dispose();
  return [receptiveField, effectiveStride, receptiveFieldOffset];
}

test.each<[string, number[], (x: SymbolicTensor) => SymbolicTensor]>([
  ['a 3x3 convolution without padding starts at pixel 1', [3, 1, 1], (x) => conv(x)],
  ['with padding 1 it starts at pixel 0', [3, 1, 0], (x) => conv(x, { padding: 1 })],
  ['two of them see 5', [5, 1, 2], (x) => conv(conv(x))],
  ['dilation 2 spreads 3 taps over 5 pixels', [5, 1, 2], (x) => conv(x, { dilationRate: 2 })],
  ['dilations 1, 2, 4 see 15', [15, 1, 7], (x) => conv(conv(conv(x), { dilationRate: 2 }), { dilationRate: 4 })],
  ['behind a stride of 2 every tap is 2 pixels apart', [7, 2, 3], (x) => conv(conv(x, { strides: 2 }))],
  ['stride and dilation: 3 + 2 x 2 x 2', [11, 2, 5], (x) => conv(conv(x, { strides: 2 }), { dilationRate: 2 })],
  ['pooling of 2 by 2 adds one pixel', [4, 2, 1.5], (x) => maxPool(conv(x), { poolSize: 2 })],
  ['average pooling likewise', [4, 2, 1.5], (x) => avgPool(conv(x), { poolSize: 2 })],
  ['the longer side counts', [5, 1, 0], (x) => conv(x, { kernelSize: [1, 5] })],
  ['of parallel paths the widest counts', [5, 1, 0], (x) => concatenate([conv(x, { kernelSize: 1 }), conv(x, { kernelSize: 5, padding: 2 })])],
  ['a skip connection does not narrow it', [5, 1, 0], (x) => add([x, conv(conv(x, { padding: 1 }), { padding: 1 })])],
  ['explicit zero padding moves the first position', [3, 1, 0], (x) => conv(apply(layers.zeroPadding2d({ padding: 1 }), x))],
  ['so does cropping', [3, 1, 5], (x) => conv(apply(layers.cropping2D({ cropping: [[4, 0], [0, 0]] }), x))],
  // Each output of a 2x2 transposed convolution with stride 2 sees one pooled position, that is 2 pixels.
  ['transposed, kernel 2 with stride 2', [2, 1, 0.5], (x) => apply(layers.conv2dTranspose({ filters: 1, kernelSize: 2, strides: 2 }), maxPool(x, { poolSize: 2 }))],
  // Kernel 4, cropped by 1: the first output sees the pooled positions -1 and 0, that is the pixels -2 to 1.
  ['transposed, kernel 4 with stride 2', [4, 1, -0.5], (x) => apply(layers.conv2dTranspose({ filters: 1, kernelSize: 4, strides: 2, padding: 'same' }), maxPool(x, { poolSize: 2 }))],
  ['nearest upsampling undoes the stride and widens nothing', [2, 1, 0.5], (x) => apply(layers.upSampling2d({ size: [2, 2] }), maxPool(x, { poolSize: 2 }))],
  // 32 rows in 5 cells: cell 2 reaches from 12 to 19, both included.
  ['adaptive pooling sees its widest cell', [8, 6, 3.5], (x) => adaptiveAvgPool(x, { outputSize: 5 })],
])('%s', (_, expected, make) => {
  expect(field(make)).toEqual(expected);
});

test('the whole map is seen by what is computed from its global mean, but the map itself is the network\'s', () => {
  const x = input({ shape: [32, 32, 1] });
  const network = model({ inputs: x, outputs: conv(globalAveragePool(conv(x, { padding: 1, name: 'map' }), { keepDims: true }), { kernelSize: 1, name: 'head' }) });
  const counted = profile(network);
  expect(counted).toMatchObject({ receptiveField: 3, effectiveStride: 1 });
  expect(counted.layers.find(({ name }) => name === 'head')?.receptiveField).toBe(3 + 31);
  network.dispose();
});

test('channels first: the same network has the same field', () => {
  const x = input({ shape: [1, 32, 30] });
  const maps = apply(layers.conv2d({ filters: 2, kernelSize: 3, dataFormat: 'channelsFirst' }), x);
  const network = model({ inputs: x, outputs: apply(layers.globalAveragePooling2d({ dataFormat: 'channelsFirst', name: 'pool' }), maps) });
  expect(profile(network).layers.find(({ name }) => name === 'pool')?.receptiveField).toBe(3 + 29);
  network.dispose();
});

test('a 1-D convolution sees its kernel, and a dense layer behind it the whole sequence', () => {
  const x = input({ shape: [20, 2] });
  const y = apply(layers.conv1d({ filters: 3, kernelSize: 3, strides: 2, name: 'c1' }), x);
  const z = apply(layers.conv1d({ filters: 3, kernelSize: 3, name: 'c2' }), y);
  const network = model({ inputs: x, outputs: apply(layers.dense({ units: 1, name: 'd' }), apply(layers.flatten(), z)) });
  expect(profile(network).layers.filter(({ name }) => /^(c1|c2|d)$/.test(name)).map((layer) => layer.receptiveField)).toEqual([3, 7, 7 + 6 * 2]);
  network.dispose();
});

test('an activation changes nothing', () => {
  expect(field((x) => activation(conv(x), { kind: 'relu' }))).toEqual([3, 1, 1]);
});
