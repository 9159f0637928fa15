import '@tensorflow/tfjs-backend-cpu';
import { conv2d, dense, globalAveragePool } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { formatMarkdown, formatTable, profile, type LayerProfile, type Profile } from './index.js';
import { bytes, integer, si } from './numbers.js';

let small: Profile;
beforeAll(async () => {
  await tf.setBackend('cpu');
  const x = input({ shape: [8, 8, 3] });
  const map = conv2d(x, { filters: 4, kernelSize: 3, strides: 2, name: 'stem.conv' });
  const network = model({ inputs: x, outputs: dense(globalAveragePool(map, { name: 'pool' }), { units: 10, name: 'head' }), name: 'small' });
  small = profile(network);
  network.dispose();
});

test('a table for a terminal', () => {
  expect(formatTable(small, { layers: true })).toBe(`\
layer      output  params  MACs  RF
stem.conv   3x3x4     112   972   3
pool            4       0     0   7
head           10      50    40   7

small
input (H x W x C)                              8x8x3
classes                                           10
parameters                                       162
running statistics                                 0
weights                                        648 B
MACs (conv + dense)                            1,012
FLOPs (2 x MACs)                               2,024
all operations                                 2,106
activations (conv + dense)                        46
activation memory, sum                         968 B
activation memory, peak                        912 B
arithmetic intensity                   1.1 FLOP/byte
receptive field             3 px, stride 2, offset 1`);
});

test('Markdown', () => {
  const lines = formatMarkdown(small, { layers: true }).split('\n');
  expect(lines[0]).toBe('### small');
  expect(lines).toContain('| MACs (conv + dense)        |                    1,012 |');
  expect(lines).toContain('| stem.conv |  3x3x4 |    112 |  972 |  3 |');
});

test('a profile survives JSON', () => {
  expect(JSON.parse(JSON.stringify(small))).toEqual(small);
});

/** Rows as wide as those of the largest networks. */
function wide(names: string[]): Profile {
  const row: LayerProfile = { ...(small.layers[0] as LayerProfile), outputShape: [null, 224, 224, 2048], params: 102_764_544, macs: 1_849_688_064, receptiveField: 1451 };
  return { ...small, layers: names.map((name) => ({ ...row, name })) };
}

const widest = (table: string) => Math.max(...table.split('\n').map((line) => line.length));

test('long layer names are cut in the middle so that 80 columns are enough', () => {
  const table = formatTable(wide(['features.stage3.unit12.compress_conv1', 'layer3.35.downsample.0', 'backbone/features.denseblock4.denselayer32.conv2_of_a_very_long_name/branch.0']), { layers: true });
  expect(widest(table)).toBe(80);
  expect(table).toContain('features.s…nit12.compress_conv1 ');
  expect(table).toContain('layer3.35.downsample.0 ');
  expect(table).toContain('backbone/f…y_long_name/branch.0');
});

test('Markdown keeps long names whole', () => {
  const name = 'backbone/features.denseblock4.denselayer32.conv2_of_a_very_long_name/branch.0';
  expect(formatMarkdown(wide([name]), { layers: true })).toContain(name);
});

test('numbers', () => {
  expect([integer(25_557_032), si(4_089_184_256), si(999), si(0), si(999_999), bytes(1536), bytes(12)]).toEqual(['25,557,032', '4.09 G', '999', '0', '1.00 M', '1.54 kB', '12 B']);
});
