/** What a profile of every variant must hold, and integers that other counters confirm. */
import '@tensorflow/tfjs-backend-cpu';
import { formatTable, profile, type Profile } from '@convkit/profile';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { zoo } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

function counted(id: string): { result: Profile; total: number } {
  const model = zoo.get(id).build({ initialWeights: 'zeros' });
  const [result, total] = [profile(model), model.countParams()];
  model.dispose();
  return { result, total };
}

const columns = ['params', 'runningStats', 'macs', 'flops', 'allOps', 'activations'] as const;

it.each(zoo.list({ tiny: true }).map(({ id }) => id))('%s: layers add up, tf.layers has as many weights, the table fits 80 columns', (id) => {
  const { result, total } = counted(id);
  for (const key of columns) expect(result.layers.reduce((sum, layer) => sum + layer[key], 0)).toBe(result[key]);
  expect(result.params + result.runningStats).toBe(total);
  expect(result.peakActivationBytes).toBeLessThanOrEqual(result.activationBytes);
  expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  expect(Math.max(...formatTable(result, { layers: true }).split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});

// Parameters and multiply-accumulates: calflops, half of torch's FlopCounterMode, or counted twice independently.
// Activations: fvcore's count, as in timm's benchmark tables.
it.each<[string, Partial<Profile>]>([
  ['vgg11', { params: 132_863_336, macs: 7_609_090_048 }],
  ['vgg16', { params: 138_357_544, macs: 15_470_264_320, activations: 13_556_712, activationBytes: 4 * 15_237_608 }],
  ['resnet18', { params: 11_689_512, macs: 1_814_073_344 }],
  ['resnet34', { params: 21_797_672, macs: 3_663_761_408 }],
  ['resnet50', { params: 25_557_032, macs: 4_089_184_256, activations: 11_114_984, runningStats: 53_120 }],
  ['resnet50_v1', { params: 25_557_032, macs: 3_857_973_248 }],
  ['resnet101', { params: 44_549_160, macs: 7_801_405_440 }],
  ['mobilenet_v1', { params: 4_231_976, macs: 568_740_352, runningStats: 21_888 }],
  ['mobilenet_v2', { params: 3_504_872, macs: 300_774_272 }],
  ['shufflenet_v2_x1_0', { macs: 144_907_992 }],
])('%s has the published counts', (id, expected) => {
  expect(counted(id).result).toMatchObject(expected);
});

it('receptive fields are those of the recurrence, by hand', () => {
  // VGG-16: 196 at conv5_3 (stride 16), and one pool more. MobileNet v1: 3, 7, 11, 19, 27, 43, 59, five times 32 more, 251, 315.
  expect(counted('vgg16').result).toMatchObject({ receptiveField: 212, effectiveStride: 32 });
  expect(counted('mobilenet_v1').result).toMatchObject({ receptiveField: 315, effectiveStride: 32 });
});

it('the dense layers of VGG-16 see 404 pixels, conv5_3 sees 196', () => {
  const { layers } = counted('vgg16').result;
  expect(layers.find(({ name }) => name === 'features.28')?.receptiveField).toBe(196);
  expect(layers.find(({ name }) => name === 'classifier.0')?.receptiveField).toBe(404);
});
