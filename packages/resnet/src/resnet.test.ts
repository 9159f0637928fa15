import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resnet, RESNETS, type ResNetSpec } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});

let tensors = 0;
beforeEach(() => {
  tensors = tf.memory().numTensors;
});
// What a refused build had made so far has no owner.
afterEach(() => tf.disposeVariables());
const expectNothingLeft = () => expect(tf.memory().numTensors).toBe(tensors);

const zeros = { initialWeights: 'zeros' } as const;
const elements = (shape: readonly (number | null)[]) => shape.reduce<number>((product, n) => product * (n ?? 1), 1);
const paramsOf = (net: LayersModel) => net.trainableWeights.reduce((sum, weight) => sum + elements(weight.shape), 0);
/** Kernel elements times output positions. Beside the zoo's test, which counts the same rows on the graph. */
const macsOf = (net: LayersModel) => net.layers.reduce((sum, layer) => {
  const kernel = layer.weights.find(({ originalName }) => originalName.endsWith('/kernel'));
  return kernel ? sum + elements(kernel.shape) * elements(layer.outputShape.slice(1, -1) as number[]) : sum;
}, 0);

/** Names and shapes of a model's weights as torch has them. */
function torchWeights(net: LayersModel): string[] {
  const suffix: Record<string, string> = { kernel: 'weight', bias: 'bias', gamma: 'weight', beta: 'bias', moving_mean: 'running_mean', moving_variance: 'running_var' };
  return net.weights.map(({ originalName, shape }) => {
    const [layer, own] = originalName.split('/') as [string, string];
    const [kh, kw, inputs, outputs] = shape;
    return `${layer}.${suffix[own]} ${(shape.length === 4 ? [outputs, inputs, kh, kw] : [...shape].reverse()).join('x')}`;
  }).sort();
}

interface Fixture { params: [string, number[]][]; trainable_params: number }
const fixture = (name: string) => JSON.parse(readFileSync(new URL(`../../../testing/fixtures/parity/${name}.json`, import.meta.url), 'utf8')) as Fixture;

it.each(Object.entries(resnet.variants).filter(([, row]) => 'params' in row))('%s has the parameters and multiply-accumulates of its row', (id, row) => {
  const net = resnet.build(id as keyof typeof RESNETS, zeros);
  expect({ params: paramsOf(net), macs: macsOf(net) }).toEqual({ params: row.params, macs: row.macs });
  expect(net.outputShape).toEqual([null, row.classes ?? 1000]);
  net.dispose();
  expectNothingLeft();
});

it.each([
  ['torchvision-resnet18', 'resnet18'],
  ['torchvision-resnet50', 'resnet50'],
  ['pytorchcv-resnet20_cifar10', 'resnet20_cifar10'],
] as const)('names and shapes its weights as %s does', (name, id) => {
  const { params, trainable_params } = fixture(name);
  const net = resnet.build(id, zeros);
  expect(torchWeights(net)).toEqual(params.map(([key, shape]) => `${key} ${shape.join('x')}`).sort());
  expect(paramsOf(net)).toBe(trainable_params);
  net.dispose();
});

// Counted from fb.resnet.torch's models (options A and C) and pytorchcv's.
describe('specs that have no name', () => {
  const cifar = { stem: 'cifar', block: 'basic' } as const;
  const small = { inputShape: [32, 32, 3], classes: 10 } as const;
  it.each<[string, ResNetSpec, object, number, number | undefined]>([
    ['ResNet-18 with option A', { ...RESNETS.resnet18, shortcut: 'padded' }, {}, 11_515_688, 1_794_805_760],
    ['ResNet-18 with option C', { ...RESNETS.resnet18, shortcut: 'projectionAlways' }, {}, 12_043_816, 1_878_298_624],
    ['ResNet-34 with option A', { ...RESNETS.resnet34, shortcut: 'padded' }, {}, 21_623_848, 3_644_493_824],
    ['ResNet-34 with option C', { ...RESNETS.resnet34, shortcut: 'projectionAlways' }, {}, 22_716_840, 3_830_747_136],
    ['ResNet-200', { stem: 'imagenet', block: 'bottleneck', depths: [3, 24, 36, 3] }, {}, 64_673_832, 15_007_481_856],
    ['ResNet-20 for CIFAR with option C', { ...cifar, depths: [3, 3, 3], shortcut: 'projectionAlways' }, small, 283_962, undefined],
    ['ResNet-20 for CIFAR-100', { ...cifar, depths: [3, 3, 3] }, { inputShape: [32, 32, 3], classes: 100 }, 278_324, undefined],
    ['ResNet-164 for CIFAR', { stem: 'cifar', block: 'bottleneck', depths: [18, 18, 18] }, small, 1_704_154, 247_646_720],
    ["kuangliu's ResNet18 for CIFAR", { ...RESNETS.resnet18, stem: 'cifar', width: 64 }, small, 11_173_962, 555_422_720],
  ])('%s', (_, spec, options, params, macs) => {
    const net = resnet.build(spec, { ...options, ...zeros });
    expect(paramsOf(net)).toBe(params);
    if (macs !== undefined) expect(macsOf(net)).toBe(macs);
    net.dispose();
  });
});

it('takes any classes and channels, and odd sizes like torch', () => {
  const net = resnet.build('resnet18', { classes: 7, inputShape: [75, 91, 1], ...zeros });
  expect(net.getLayer('maxpool').outputShape).toEqual([null, 19, 23, 64]);
  expect(net.getLayer('layer4.1.relu').outputShape).toEqual([null, 3, 3, 512]);
  expect(net.outputShape).toEqual([null, 7]);
  net.dispose();
  const point = resnet.build('resnet20_cifar10_a', { inputShape: [1, 1, 3], includeTop: false, ...zeros });
  expect(point.outputShape).toEqual([null, 1, 1, 64]);
  point.dispose();
});

it('is a backbone: no classifier, or the stages asked for', () => {
  const body = resnet.build('resnet50', { includeTop: false, ...zeros });
  expect(body.outputShape).toEqual([null, 7, 7, 2048]);
  const pyramid = resnet.build('resnet50', { features: ['layer1', 'layer2', 'layer3', 'layer4'], ...zeros });
  expect(pyramid.outputShape).toEqual([[null, 56, 56, 256], [null, 28, 28, 512], [null, 14, 14, 1024], [null, 7, 7, 2048]]);
  const cifar = resnet.build('resnet20_cifar10', { features: ['stage3', 'stage1'], ...zeros });
  expect(cifar.outputShape).toEqual([[null, 8, 8, 64], [null, 32, 32, 16]]);
  for (const net of [body, pyramid, cifar]) net.dispose();
});

it('strides in the 3x3, in rows _v1 in the first 1x1', () => {
  const shapes = (id: 'resnet50' | 'resnet50_v1') => {
    const net = resnet.build(id, { includeTop: false, ...zeros });
    const found = ['conv1', 'conv2'].map((conv) => (net.getLayer(`layer2.0.${conv}`).outputShape as number[])[1]);
    net.dispose();
    return found;
  };
  expect(shapes('resnet50')).toEqual([56, 28]);
  expect(shapes('resnet50_v1')).toEqual([28, 28]);
});

it('drops out in front of the classifier only where it is asked to', () => {
  const plain = resnet.build('resnet_tiny', zeros);
  const dropping = resnet.build('resnet_tiny', { dropout: 0.3, ...zeros });
  expect(plain.layers.filter((layer) => layer.getClassName() === 'Dropout')).toEqual([]);
  expect(dropping.getLayer('dropout').getConfig()['rate']).toBe(0.3);
});

it.each<[string, ResNetSpec]>([
  ['resnet_tiny', RESNETS.resnet_tiny],
  ['a net of padded shortcuts', { stem: 'cifar', block: 'basic', depths: [1, 1], width: 4, shortcut: 'padded' }],
  ['a net of bottlenecks', { stem: 'cifar', block: 'bottleneck', depths: [1, 1], width: 4, shortcut: 'projectionAlways', strideOn: 'first' }],
])('%s predicts finite logits, learns with a gradient for every weight, and gives every tensor back', (_, spec) => {
  const net = resnet.build(spec, { inputShape: [12, 12, 1], classes: 10 });
  const x = tf.randomUniform([4, 12, 12, 1], 0, 1, 'float32', 3);
  const y = tf.oneHot([0, 1, 2, 3], 10);
  const loss = () => tf.losses.softmaxCrossEntropy(y, net.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
  const logits = net.predict(x) as tf.Tensor;
  expect(logits.dataSync().every(Number.isFinite)).toBe(true);

  const { value, grads } = tf.variableGrads(loss);
  expect(Object.keys(grads)).toHaveLength(net.trainableWeights.length);
  for (const [name, gradient] of Object.entries(grads)) {
    const size = tf.tidy(() => tf.norm(gradient).dataSync()[0] as number);
    expect(Number.isFinite(size) && size > 0, name).toBe(true);
  }
  const optimizer = tf.train.adam(0.02);
  const losses = Array.from({ length: 30 }, () => tf.tidy(() => (optimizer.minimize(loss, true) as tf.Scalar).dataSync()[0] as number));
  expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 4);
  optimizer.dispose();
  tf.dispose([x, y, logits, value, grads]);
  net.dispose();
  expectNothingLeft();
});

describe('refuses by name', () => {
  const build = (id: unknown, options?: unknown) => () => resnet.build(id as 'resnet18', options as never);
  const cifar = { stem: 'cifar', block: 'basic', depths: [1, 1] };
  it.each([
    ['a depth that does not exist', build('resnet35'), /^resnet: variant must be one of resnet18, .*got "resnet35" \(string\)\. Did you mean resnet34\?/],
    ['a depth as a number', build(50), /^resnet: variant must be a variant name or a spec object, got 50 \(number\)/],
    ['a flat input', build('resnet18', { inputShape: [8, 8] }), /resnet18: inputShape must be 3 positive integers \(H, W, C\), got \[8,8\] \(array\)/],
    ['an empty input', build('resnet18', { inputShape: [0, 8, 3] }), /inputShape must be 3 positive integers/],
    ['a negative number of channels', build('resnet18', { inputShape: [8, 8, -3] }), /inputShape must be 3 positive integers/],
    ['an input shape as text', build('resnet18', { inputShape: '8x8x3' }), /got "8x8x3" \(string\)/],
    ['no classes', build('resnet18', { classes: 0 }), /classes must be an integer >= 1, got 0 \(number\)/],
    ['half a class', build('resnet18', { classes: 2.5 }), /classes must be an integer >= 1, got 2\.5/],
    ['a misspelt option', build('resnet18', { numclasses: 10 }), /unknown option numclasses/],
    ["a tap of the other reference's names", build('resnet20_cifar10', { features: ['layer1'], ...zeros }), /features must be one of stage1, stage2, stage3, got "layer1"/],
    ['an empty spec', build({}), /^resnet: stem must be one of imagenet, cifar, got nothing/],
    ['no stages', build({ ...cifar, depths: [] }), /depths must be a list of at least 1, each an integer >= 1, got \[\]/],
    ['a stage without blocks', build({ ...cifar, depths: [6, 0] }), /depths must be a list of at least 1, each an integer >= 1, got \[6,0\]/],
    ['an unknown block', build({ ...cifar, block: 'botleneck' }), /block must be one of basic, bottleneck, got "botleneck" \(string\)\. Did you mean bottleneck\?/],
    ['an unknown shortcut', build({ ...cifar, shortcut: 'A' }), /shortcut must be one of padded, projection, projectionAlways, got "A"/],
    ['a misspelt field', build({ ...cifar, widht: 16 }), /unknown option widht, did you mean width\?/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
