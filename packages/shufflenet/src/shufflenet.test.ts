import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { shuffleUnit, shuffleUnitV2, shufflenetV1, SHUFFLENETS_V1, shufflenetV2, SHUFFLENETS_V2 } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});

interface Fixture {
  params: [string, number[]][];
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../testing/fixtures/parity/${name}.json`, import.meta.url), 'utf8')) as Fixture;

const trainable = (net: LayersModel) => net.trainableWeights.reduce((sum, weight) => sum + tf.util.sizeFromShape(weight.shape as number[]), 0);

/** Names and shapes of a model's weights as torch writes them, sorted. */
function torchWeights(net: LayersModel): string[] {
  const suffix: Record<string, string> = { kernel: 'weight', depthwise_kernel: 'weight', gamma: 'weight', beta: 'bias', bias: 'bias', moving_mean: 'running_mean', moving_variance: 'running_var' };
  return net.weights.map((weight) => {
    const [layer, name] = weight.originalName.split('/') as [string, string];
    const [a, b, c, d] = weight.shape as [number, number, number, number];
    const shape = weight.shape.length === 1 ? [a] : weight.shape.length === 2 ? [b, a] : name === 'depthwise_kernel' ? [c * d, 1, a, b] : [d, c, a, b];
    return `${layer}.${suffix[name]} ${shape.join('x')}`;
  }).sort();
}

describe.each([
  { family: shufflenetV1, rows: Object.entries(SHUFFLENETS_V1) },
  { family: shufflenetV2, rows: Object.entries(SHUFFLENETS_V2) },
] as const)('$family.id', ({ family, rows }) => {
  it.each(rows.filter(([, row]) => 'params' in row))('%s has the parameters its row states', (id, row) => {
    const net = family.build(id as never, { initialWeights: 'zeros' });
    expect(trainable(net)).toBe((row as { params: number }).params);
    net.dispose();
  });
});

it.each([
  ['pytorchcv-shufflenet_g3_w1', () => shufflenetV1.build('shufflenet_v1_x1_0_g3', { initialWeights: 'zeros' })],
  ['torchvision-shufflenet_v2_x1_0', () => shufflenetV2.build('shufflenet_v2_x1_0', { initialWeights: 'zeros' })],
  ['train-torchvision-shufflenet_v2_x0_5', () => shufflenetV2.build('shufflenet_v2_x0_5', { initialWeights: 'zeros', classes: 10, inputShape: [64, 64, 3] })],
] as const)('names and shapes its weights as %s does', (name, build) => {
  const net = build();
  expect(torchWeights(net)).toEqual(fixture(name).params.map(([key, shape]) => `${key} ${shape.join('x')}`).sort());
  net.dispose();
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
  const rateOf = (net: LayersModel) => net.layers.find((layer) => layer.name === 'dropout')?.getConfig()['rate'];
  expect(rateOf(shufflenetV2.build('shufflenet_v2_x2_0_megvii', { initialWeights: 'zeros' }))).toBe(0.2);
  expect(rateOf(shufflenetV2.build('shufflenet_v2_x2_0', { initialWeights: 'zeros' }))).toBeUndefined();
  expect(rateOf(shufflenetV1.build('shufflenet_v1_tiny', { dropout: 0.5, initialWeights: 'zeros' }))).toBe(0.5);
});

it.each([
  ['shufflenet_v1_tiny', () => shufflenetV1.build('shufflenet_v1_tiny')],
  ['shufflenet_v2_tiny', () => shufflenetV2.build('shufflenet_v2_tiny')],
] as const)('%s predicts finite logits, learns, and gives every tensor back', async (_, build) => {
  const before = tf.memory().numTensors;
  const net = build();
  const x = tf.randomUniform([4, 28, 28, 1], 0, 1, 'float32', 3);
  const y = tf.tensor2d([0, 1, 2, 3].map((label) => Array.from({ length: 10 }, (_, i) => (i === label ? 1 : 0))));
  const first = net.predict(x) as tf.Tensor;
  expect(first.shape).toEqual([4, 10]);
  expect([...first.dataSync()].every(Number.isFinite)).toBe(true);
  const optimizer = tf.train.sgd(0.1);
  const step = () => tf.tidy(() => {
    const loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(y, net.apply(x, { training: true }) as tf.Tensor) as tf.Scalar, true);
    return (loss as tf.Scalar).dataSync()[0] as number;
  });
  const losses = Array.from({ length: 12 }, step);
  expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
  optimizer.dispose();
  tf.dispose([x, y, first]);
  net.dispose();
  expect(tf.memory().numTensors).toBe(before);
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
    ['a flat input shape', () => shufflenetV1.build('shufflenet_v1_tiny', { inputShape: [8, 8] as never }), /inputShape must be 3 positive integers/],
    ['no classes', () => shufflenetV2.build('shufflenet_v2_tiny', { classes: 0 }), /classes must be an integer >= 1, got 0/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
