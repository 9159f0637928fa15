import '@tensorflow/tfjs-backend-cpu';
import { OptionError, type GateOptions } from '@convkit/core';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { denseBlock, denseLayer, densenet, DENSENETS, transition } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => tf.disposeVariables());

const zeros = { initialWeights: 'zeros' } as const;

function netOf(shape: number[], block: (x: SymbolicTensor) => SymbolicTensor): LayersModel {
  const x = input({ shape });
  return model({ inputs: x, outputs: block(x) });
}

// Counted from torchvision's densenet121, weights and batch norm.
it.each<[string, number[], (x: SymbolicTensor) => SymbolicTensor, number, (number | null)[]]>([
  ['block 1', [8, 8, 64], (x) => denseBlock(x, { layers: 6, growthRate: 32 }), 335_040, [null, 8, 8, 256]],
  ['transition 1', [8, 8, 256], (x) => transition(x), 33_280, [null, 4, 4, 128]],
  ['block 2', [4, 4, 128], (x) => denseBlock(x, { layers: 12, growthRate: 32 }), 919_680, [null, 4, 4, 512]],
  ['transition 2', [4, 4, 512], (x) => transition(x), 132_096, [null, 2, 2, 256]],
  ['block 3', [2, 2, 256], (x) => denseBlock(x, { layers: 24, growthRate: 32 }), 2_837_760, [null, 2, 2, 1024]],
  ['transition 3', [2, 2, 1024], (x) => transition(x), 526_336, [null, 1, 1, 512]],
  ['block 4', [1, 1, 512], (x) => denseBlock(x, { layers: 16, growthRate: 32 }), 2_158_080, [null, 1, 1, 1024]],
])('%s of densenet121 has its parameters and its shape', (_, shape, block, params, output) => {
  const net = netOf(shape, block);
  expect(trainableParams(net)).toBe(params);
  expect(net.outputShape).toEqual(output);
});

it.each([
  ['densenet40_k12_cifar10', 1_060_132],
  ['densenet40_k12_bc_cifar10', 188_092],
  ['densenet40_k36_bc_cifar10', 1_578_412],
  ['densenet100_k12_bc_cifar10', 800_032],
  ['densenet250_k24_bc_cifar10', 15_480_556],
  ['densenet40_k12_cifar10_pytorchcv', 622_360],
  ['densenet100_k12_cifar10_pytorchcv', 4_129_600],
] as const)('%s has the published parameters for CIFAR-100', (id, params) => {
  expect(trainableParams(densenet.build(id, { classes: 100, ...zeros }))).toBe(params);
});

it('passes its input on unchanged, in front of what it adds', () => {
  const x = tf.randomNormal([1, 3, 5, 4], 0, 1, 'float32', 1) as tf.Tensor4D;
  const y = netOf([3, 5, 4], (z) => denseBlock(z, { layers: 2, growthRate: 3 })).predict(x) as tf.Tensor4D;
  expect(tf.slice(y, [0, 0, 0, 0], [1, 3, 5, 4]).arraySync()).toEqual(x.arraySync());
  expect(y.shape).toEqual([1, 3, 5, 10]);
});

describe('with learned factors for its connections', () => {
  const gates = (net: LayersModel) => net.layers.filter((layer) => layer.getClassName() === 'ConvkitChannelGate');

  it('has a weight for each connection, or for each channel that a layer reads', () => {
    const shapes = (id: 'densenet40_k12_bc_cifar10_weighted' | 'densenet40_k12_bc_cifar10_weighted_channel') =>
      gates(densenet.build(id, zeros)).map((layer) => layer.weights[0]?.shape[0]);
    expect(shapes('densenet40_k12_bc_cifar10_weighted')).toEqual([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
    // Stems and transitions hand 24, 48 and 60 channels to the three blocks; every layer adds 12.
    expect(shapes('densenet40_k12_bc_cifar10_weighted_channel')).toEqual([24, 48, 60].flatMap((channels) => [0, 12, 24, 36, 48, 60].map((more) => channels + more)));
  });

  it('is at first what it is without them', () => {
    const x = tf.randomNormal([1, 3, 3, 4], 0, 1, 'float32', 1) as tf.Tensor4D;
    const of = (gate?: GateOptions) => (netOf([3, 3, 4], (z) => denseBlock(z, { layers: 2, growthRate: 3, gate, name: 'block' })).predict(x) as tf.Tensor).arraySync();
    const plain = of();
    for (const form of ['linear', 'softmax', 'sigmoid'] as const) expect(of({ form })).toEqual(plain);
  });

  it('reads nothing through a connection whose factor is 0; factors stand behind the batch norm, which would undo them', () => {
    const net = netOf([2, 2, 2], (z) => denseBlock(z, { layers: 2, growthRate: 1, gate: {}, name: 'block' }));
    const gate = net.getLayer('block.denselayer2.gate');
    gate.setWeights([tf.tensor2d([[0], [2]])]);
    const at = (tensor: SymbolicTensor) => (model({ inputs: net.inputs, outputs: tensor }).predict(tf.ones([1, 2, 2, 2])) as tf.Tensor4D).arraySync().flat(2) as number[][];
    const read = at(gate.output as SymbolicTensor);
    expect(read).toEqual(at(gate.input as SymbolicTensor).map(([, , added]) => [0, 0, 2 * (added as number)]));
    expect((gate.input as SymbolicTensor).sourceLayer.getClassName()).toBe('ConvkitBatchNorm');
  });

  it('refuses connections that are not the channels', () => {
    expect(() => netOf([2, 2, 5], (z) => denseLayer(z, { growthRate: 1, gate: {}, connections: [2, 2], name: 'l' }))).toThrow(/^channelGate "l\.gate": parts must be a list that sums to the 5 channels, got \[2,2\]/);
    expect(() => netOf([2, 2, 5], (z) => denseLayer(z, { growthRate: 1, gate: { form: 'tanh' } as never }))).toThrow(/gate must be \{ per: one of tensor, channel, form: one of/);
  });
});

it('rounds the channels of a transition down', () => {
  const channels = (net: LayersModel) => ['stage2.trans2', 'stage3.trans3'].map((name) => net.getLayer(`features.${name}.conv.conv`).outputShape.at(-1) as number);
  expect(channels(densenet.build('densenet100_k12_bc_cifar10', zeros))).toEqual([108, 150]);
  expect(channels(densenet.build({ ...DENSENETS.densenet40_k12_bc_cifar10, compression: 0.3 }, { inputShape: [32, 32, 3], ...zeros }))).toEqual([28, 30]);
});

it('is a backbone: normalised at the end, or the blocks asked for', () => {
  expect(densenet.build('densenet121', { includeTop: false, ...zeros }).outputShape).toEqual([null, 7, 7, 1024]);
  const pyramid = densenet.build('densenet169', { features: ['denseblock1', 'denseblock2', 'denseblock3', 'denseblock4', 'norm5'], ...zeros });
  expect(pyramid.outputShape).toEqual([[null, 56, 56, 256], [null, 28, 28, 512], [null, 14, 14, 1280], [null, 7, 7, 1664], [null, 7, 7, 1664]]);
  const cifar = densenet.build('densenet40_k12_cifar10', { features: ['post_activ', 'stage1'], ...zeros });
  expect(cifar.outputShape).toEqual([[null, 8, 8, 448], [null, 32, 32, 160]]);
});

it('takes odd sizes like torch', () => {
  const net = densenet.build('densenet121', { inputShape: [75, 91, 1], ...zeros });
  const shape = (name: string) => net.getLayer(name).outputShape.slice(1);
  expect(shape('features.pool0')).toEqual([19, 23, 64]);
  expect(shape('features.transition1.pool')).toEqual([9, 11, 128]);
  expect(shape('features.norm5')).toEqual([2, 2, 1024]);
});

it('drops out after every convolution but the first, only where it is asked to', () => {
  const dropping = (net: LayersModel) => net.layers.filter((layer) => layer.getClassName() === 'Dropout').map(({ name }) => name);
  expect(dropping(densenet.build('densenet_tiny', zeros))).toEqual([]);
  expect(dropping(densenet.build('densenet_tiny', { dropout: 0.3, ...zeros }))).toEqual(['dropout']);
  const spec = { ...DENSENETS.densenet_tiny, blocks: [1, 1], dropout: 0.2 };
  expect(dropping(densenet.build(spec, zeros))).toEqual(
    ['stage1.unit1.conv1', 'stage1.unit1.conv2', 'stage2.trans2.conv', 'stage2.unit1.conv1', 'stage2.unit1.conv2'].map((name) => `features.${name}.conv.dropout`),
  );
});

describe('refuses by name', () => {
  const build = (edit: object, options?: object) => () => densenet.build({ stem: 'cifar', growthRate: 4, blocks: [1, 1], ...edit }, { inputShape: [8, 8, 3], ...zeros, ...options });
  const block = (make: (x: SymbolicTensor) => SymbolicTensor) => () => netOf([4, 4, 3], make);
  it.each<[string, () => unknown, RegExp]>([
    ['growth 0', build({ growthRate: 0 }), /^densenet: growthRate must be an integer >= 1, got 0 \(number\)/],
    ['half a channel of growth', build({ growthRate: 1.5 }), /growthRate must be an integer >= 1, got 1\.5/],
    ['compression 0', build({ compression: 0 }), /^densenet: compression must be a finite number > 0 and <= 1, got 0 \(number\)/],
    ['compression 1.5', build({ compression: 1.5 }), /compression must be a finite number > 0 and <= 1, got 1\.5/],
    ['compression NaN', build({ compression: NaN }), /compression must be a finite number > 0 and <= 1, got NaN/],
    ['no blocks', build({ blocks: [] }), /^densenet: blocks must be a list of at least 1, each an integer >= 1, got \[\]/],
    ['a block without layers', build({ blocks: [6, 0] }), /blocks must be a list of at least 1, each an integer >= 1, got \[6,0\]/],
    ['full dropout', build({ dropout: 1 }), /dropout must be a finite number >= 0 and < 1, got 1/],
    ['a misspelt field', build({ growth_rate: 12 }), /unknown option growth_rate, did you mean growthRate\?/],
    ["a tap of the other reference's names", build({}, { features: ['denseblock1'] }), /features must be one of stage1, stage2, post_activ, got "denseblock1"/],
    ['a depth that does not exist', () => densenet.build('densenet122' as 'densenet121'), /^densenet: variant must be one of densenet121, .*Did you mean densenet121\?/],
    ['an image too small for three transitions', build({ blocks: [1, 1, 1, 1], stemFilters: 4 }, { inputShape: [4, 4, 3] }), /features\.stage4\.trans4\.pool/],
    ['a layer without growth', block((x) => denseLayer(x, { name: 'a' } as never)), /^denseLayer "a": growthRate must be an integer >= 1, got nothing/],
    ['a block without layers, alone', block((x) => denseBlock(x, { layers: 0, growthRate: 4 })), /^denseBlock: layers must be an integer >= 1, got 0/],
    ['a transition to no channel', block((x) => transition(x, { compression: 0.3, name: 't' })), /^transition "t": compression must be at least 1\/3, so that one of 3 channels is left, got 0\.3/],
    ['a compression above 1, alone', block((x) => transition(x, { compression: 2 })), /^transition: compression must be a finite number > 0 and <= 1, got 2/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
