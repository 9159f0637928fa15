import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { depthwiseSeparable, invertedResidual, mobilenetV1, MOBILENETS_V1, mobilenetV2, MOBILENETS_V2 } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});

interface Fixture {
  input_shape: [number, number, number, number];
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
  { family: mobilenetV1, rows: Object.entries(MOBILENETS_V1) },
  { family: mobilenetV2, rows: Object.entries(MOBILENETS_V2) },
] as const)('$family.id', ({ family, rows }) => {
  it.each(rows.filter(([, row]) => 'params' in row))('%s has the parameters its row states', (id, row) => {
    const net = family.build(id as never, { initialWeights: 'zeros' });
    expect(trainable(net)).toBe((row as { params: number }).params);
    net.dispose();
  });
});

it.each([
  ['timm-mobilenetv1_100', () => mobilenetV1.build('mobilenet_v1', { initialWeights: 'zeros', inputShape: [64, 64, 3] })],
  ['torchvision-mobilenet_v2', () => mobilenetV2.build('mobilenet_v2', { initialWeights: 'zeros', inputShape: [64, 64, 3] })],
] as const)('names and shapes its weights as %s does', (name, build) => {
  const net = build();
  expect(torchWeights(net)).toEqual(fixture(name).params.map(([key, shape]) => `${key} ${shape.join('x')}`).sort());
  net.dispose();
});

it('takes any classes and input, and odd sizes like torch', () => {
  const net = mobilenetV2.build('mobilenet_v2_x0_35', { classes: 7, inputShape: [75, 91, 1], initialWeights: 'zeros', name: 'mine' });
  expect(net.name).toBe('mine');
  expect(net.outputShape).toEqual([null, 7]);
  expect(net.getLayer('features.0.1').outputShape).toEqual([null, 38, 46, 16]);
  expect(net.getLayer('features.18.1').outputShape).toEqual([null, 3, 3, 1280]);
  net.dispose();
});

it('is a backbone: no classifier, or named feature maps in the order asked for', () => {
  const body = mobilenetV1.build('mobilenet_v1_x0_25', { includeTop: false, initialWeights: 'zeros' });
  expect(body.outputShape).toEqual([null, 7, 7, 256]);
  const taps = mobilenetV2.build('mobilenet_v2', { features: ['features.13', 'features.6', 'features.18'], initialWeights: 'zeros' });
  expect(taps.outputShape).toEqual([[null, 14, 14, 96], [null, 28, 28, 32], [null, 7, 7, 1280]]);
  expect(taps.layers.some((layer) => layer.name === 'classifier.1')).toBe(false);
  body.dispose();
  taps.dispose();
});

it('builds a spec of its own: another rounding, no classifier bias', () => {
  const net = mobilenetV2.build({ ...MOBILENETS_V2.mobilenet_v2_x0_5, divisor: 1, classifierBias: false }, { initialWeights: 'zeros' });
  expect(trainable(net)).toBe(1_964_448); // pytorchcv mobilenetv2b_wd2
  net.dispose();
});

it.each([
  ['mobilenet_v1_tiny', () => mobilenetV1.build('mobilenet_v1_tiny')],
  ['mobilenet_v2_tiny', () => mobilenetV2.build('mobilenet_v2_tiny')],
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

it('the blocks work in any model', () => {
  const x = input({ shape: [9, 9, 4] });
  const y = depthwiseSeparable(x, { filters: 8, stride: 2, kernelSize: 5, activation: 'relu', name: 'a' });
  expect(y.shape).toEqual([null, 5, 5, 8]);
  const z = invertedResidual(y, { filters: 8, expansion: 4, name: 'b' });
  expect(z.shape).toEqual([null, 5, 5, 8]);
  const net = model({ inputs: x, outputs: z });
  expect(net.getLayer('b.add').outputShape).toEqual([null, 5, 5, 8]);
  // 25*4 + 4*8 weights and 2*(4 + 8) of batch norm; then 8*32 + 9*32 + 32*8 and 2*(32 + 32 + 8).
  expect(trainable(net)).toBe(132 + 24 + 800 + 144);
  net.dispose();
});

it('adds the input only where stride and channels allow it', () => {
  const x = input({ shape: [8, 8, 8] });
  const layersOf = (options: { filters: number; stride: number }) =>
    model({ inputs: x, outputs: invertedResidual(x, { expansion: 2, name: 'b', ...options }) }).layers.map((layer) => layer.name);
  expect(layersOf({ filters: 8, stride: 1 })).toContain('b.add');
  expect(layersOf({ filters: 16, stride: 1 })).not.toContain('b.add');
  expect(layersOf({ filters: 8, stride: 2 })).not.toContain('b.add');
});

describe('refuses by name', () => {
  const x = () => input({ shape: [8, 8, 4] });
  it.each([
    ['a width that does not exist', () => mobilenetV1.build('mobilenet_v1_x05' as 'mobilenet_v1'), /mobilenet-v1: variant must be one of .*Did you mean mobilenet_v1_x0_5\?/],
    ['a spec that is empty', () => mobilenetV1.build({} as never), /mobilenet-v1: width must be a finite number > 0, got nothing/],
    ['a spec with a misspelt field', () => mobilenetV2.build({ ...MOBILENETS_V2.mobilenet_v2, divisr: 8 } as never), /unknown option divisr, did you mean divisor\?/],
    ['a stage without filters', () => mobilenetV2.build({ ...MOBILENETS_V2.mobilenet_v2, stages: [{ expansion: 6, blocks: 1, stride: 1 }] } as never), /stages must be a list of at least 1, each \{ filters: an integer >= 1/],
    ['a flat input shape', () => mobilenetV1.build('mobilenet_v1', { inputShape: [8, 8] as never }), /inputShape must be 3 positive integers/],
    ['an empty input', () => mobilenetV2.build('mobilenet_v2', { inputShape: [0, 8, 3] }), /inputShape must be 3 positive integers/],
    ['an input as text', () => mobilenetV2.build('mobilenet_v2', { inputShape: '8x8x3' as never }), /inputShape must be 3 positive integers.*"8x8x3" \(string\)/],
    ['no classes', () => mobilenetV2.build('mobilenet_v2', { classes: 0 }), /classes must be an integer >= 1, got 0 \(number\)/],
    ['half a class', () => mobilenetV1.build('mobilenet_v1', { classes: 2.5 }), /classes must be an integer >= 1, got 2.5/],
    ['a dropout rate of 1', () => mobilenetV2.build('mobilenet_v2', { dropout: 1 }), /dropout must be .*< 1, got 1/],
    ['a feature that does not exist', () => mobilenetV1.build('mobilenet_v1_tiny', { features: ['block.1'] }), /features must be one of .*Did you mean blocks\.1\?/],
    ['a misspelt option of a block', () => depthwiseSeparable(x(), { filters: 8, name: 'a', strides: 2 } as never), /unknown option strides, did you mean stride\?/],
    ['no filters', () => depthwiseSeparable(x(), { filters: 0, name: 'a' }), /filters must be an integer >= 1, got 0/],
    ['an even kernel', () => depthwiseSeparable(x(), { filters: 8, kernelSize: 4, name: 'a' }), /kernelSize must be an odd integer >= 1, got 4/],
    ['no expansion', () => invertedResidual(x(), { filters: 8, expansion: 0, name: 'a' }), /expansion must be a finite number > 0, got 0/],
    ['an activation that does not exist', () => invertedResidual(x(), { filters: 8, expansion: 2, activation: 'relu7' as never, name: 'a' }), /activation must be one of .*Did you mean relu/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
