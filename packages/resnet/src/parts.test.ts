import '@tensorflow/tfjs-backend-wasm';
import { activation, conv2d, defineFamily, dropout, OptionError } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  basicBlock, bottleneck, preactBasicBlock, preactBottleneck, residualNetwork, residualStages, type PreactParts, type ResidualPart, type ResidualParts,
} from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => tf.disposeVariables());

function netOf(block: (x: SymbolicTensor) => SymbolicTensor, shape = [8, 8, 4]) {
  const x = input({ shape });
  return model({ inputs: x, outputs: block(x), name: 'net' });
}
const marked = (place: string): ResidualPart => (x, { name }) => dropout(x, { rate: 0.5, name: `${name}.${place}` });
const places = ['before', 'after', 'shortcut', 'output'] as const;
const preactParts: PreactParts = Object.fromEntries(places.map((place) => [place, marked(place)]));
const parts: ResidualParts = { ...preactParts, inner: marked('inner') };

const blocks = {
  basicBlock: (x: SymbolicTensor) => basicBlock(x, { filters: 8, stride: 2, parts, name: 'block' }),
  bottleneck: (x: SymbolicTensor) => bottleneck(x, { filters: 2, stride: 2, parts, name: 'block' }),
  preactBasicBlock: (x: SymbolicTensor) => preactBasicBlock(x, { filters: 8, stride: 2, parts: preactParts, name: 'block' }),
  preactBottleneck: (x: SymbolicTensor) => preactBottleneck(x, { filters: 2, stride: 2, parts: preactParts, name: 'block' }),
};

it.each([
  ['basicBlock', { before: 'input1', inner: 'block.bn1', after: 'block.bn2', shortcut: 'block.downsample.1', output: 'block.relu' }],
  ['bottleneck', { before: 'input1', inner: 'block.bn2', after: 'block.bn3', shortcut: 'block.downsample.1', output: 'block.relu' }],
  ['preactBasicBlock', { before: 'input1', after: 'block.conv2', shortcut: 'block.downsample.conv', output: 'block.add' }],
  ['preactBottleneck', { before: 'input1', after: 'block.conv3', shortcut: 'block.downsample.conv', output: 'block.add' }],
] as const)('%s: every part reads what its slot says, and is read', (kind, expected) => {
  const net = netOf(blocks[kind]);
  const source = (place: string) => (net.getLayer(`block.${place}`).input as SymbolicTensor).sourceLayer;
  const found = Object.fromEntries(Object.keys(expected).map((place) => [place, source(place).name.replace(/^input\d+$/, 'input1')]));
  expect(found).toEqual(expected);
  expect(net.outputs[0]!.sourceLayer.name).toBe('block.output');
});

it('a shortcut without projection is the input itself', () => {
  const net = netOf((x) => basicBlock(x, { filters: 4, parts: { shortcut: marked('shortcut') }, name: 'block' }));
  expect((net.getLayer('block.shortcut').input as SymbolicTensor).sourceLayer.getClassName()).toBe('InputLayer');
});

it('spatial stands in place of the 3x3s of the branch, with their options', () => {
  const seen: object[] = [];
  const spatial: ResidualParts['spatial'] = (x, options, index) => {
    seen.push({ index, ...options });
    return conv2d(x, options);
  };
  netOf((x) => bottleneck(x, { filters: 64, stride: 2, dilation: 2, groups: 32, baseWidth: 4, projection: '3x3', parts: { spatial }, name: 'block' }), [8, 8, 64]);
  expect(seen).toMatchObject([{ index: 2, filters: 128, kernelSize: 3, strides: 2, groups: 32, dilationRate: 2, padding: 2, useBias: false, name: 'block.conv2' }]);
  seen.length = 0;
  netOf((x) => basicBlock(x, { filters: 8, dilation: [1, 2], parts: { spatial } }));
  netOf((x) => preactBottleneck(x, { filters: 8, parts: { spatial } }));
  expect(seen).toMatchObject([{ index: 1, padding: 1 }, { index: 2, dilationRate: 2, padding: 2 }, { index: 2, filters: 8 }]);
});

it('dilation keeps size and parameters', () => {
  const net = netOf((x) => basicBlock(x, { filters: 4, dilation: 4 }), [9, 7, 4]);
  expect(net.outputShape).toEqual([null, 9, 7, 4]);
  expect(trainableParams(net)).toBe(2 * (9 * 16 + 8));
});

it.each([
  // The first blocks of SENet-154's stages 2 and 3 and of ResNet-50-D's stages 1 and 2, without the branch.
  ['3x3', 2, ['downsample.0', 'downsample.1'], 9 * 4 * 8 + 16, 16 * 9 * 4 * 8],
  ['averagePool', 1, ['downsample.1', 'downsample.2'], 4 * 8 + 16, 64 * 4 * 8],
  ['averagePool', 2, ['downsample.0', 'downsample.1', 'downsample.2'], 4 * 8 + 16, 16 * 4 * 8],
] as const)('a projection may be %s, with stride %i', (projection, stride, expected, params, macs) => {
  const block = (shortcut: 'projection' | 'none') => netOf((x) => basicBlock(x, { filters: 8, stride, projection, shortcut, name: 'block' }));
  const [net, branch] = [block('projection'), block('none')];
  expect(net.layers.filter(({ name }) => name.includes('downsample')).map(({ name }) => name.replace('block.', '')).sort()).toEqual(expected);
  expect(trainableParams(net) - trainableParams(branch)).toBe(params);
  expect(kernelMacs(net) - kernelMacs(branch)).toBe(macs);
});

it('a projection averages over what there is of the last row and column', () => {
  const zeroed = { kernelInitializer: 'zeros' } as const;
  const net = netOf((x) => basicBlock(x, { filters: 2, stride: 2, projection: 'averagePool', name: 'block', ...zeroed }), [3, 3, 1]);
  const pool = model({ inputs: net.inputs, outputs: net.getLayer('block.downsample.0').output as SymbolicTensor });
  const y = pool.predict(tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1])) as tf.Tensor;
  expect([...y.dataSync()]).toEqual([3, 4.5, 7.5, 9]);
});

describe('residualNetwork', () => {
  const family = defineFamily({
    id: 'gated',
    paper: { title: '', authors: '', year: 2026, url: '' },
    input: [32, 32, 3],
    classes: 10,
    variants: { one: {} },
    spec: {},
    build: (x, _, context) => residualNetwork(x, {
      naming: 'pytorchcv',
      stem: 'deep',
      stemFilters: 8,
      stages: [...residualStages([1, 2], 4), { depth: 2, filters: 16, stride: 1, dilation: 2, firstDilation: 1 }],
      block: (y, options, { stage, unit }) => {
        const z = basicBlock(y, options);
        return stage === 2 && unit === 1 ? activation(z, { kind: 'tanh', name: 'last' }) : z;
      },
    }, context),
  });

  it('makes stem, stages and head around blocks of a family', () => {
    const net = family.build('one');
    expect(net.outputShape).toEqual([null, 10]);
    expect(net.getLayer('features.init_block.conv1.conv').getConfig()).toMatchObject({ filters: 4, strides: [2, 2] });
    expect(net.getLayer('features.init_block.conv3.bn').outputShape).toEqual([null, 16, 16, 8]);
    expect(net.getLayer('features.stage2.unit2.activ').outputShape).toEqual([null, 4, 4, 8]);
    const dilation = (layer: string) => net.getLayer(`features.stage3.${layer}`).getConfig()['dilationRate'];
    expect(['unit1.body.conv1.conv', 'unit2.body.conv1.conv', 'unit2.body.conv2.conv'].map(dilation)).toEqual([[1, 1], [2, 2], [2, 2]]);
    expect((net.getLayer('features.final_pool').input as SymbolicTensor).sourceLayer.name).toBe('last');
  });

  it('has a feature tap a stage', () => {
    expect(family.build('one', { features: ['stage2', 'stage3'] }).outputShape).toEqual([[null, 4, 4, 8], [null, 4, 4, 16]]);
  });
});

it.each([
  ['a part that is none', { after: 1 }, /parts must be \{ before: a function, .*inner: a function \}/],
  ['an unknown place', { behind: () => undefined }, /parts must be/],
])('refuses by name %s', (_, wrong, message) => {
  const block = () => basicBlock(input({ shape: [8, 8, 4] }), { filters: 4, parts: wrong as never });
  expect(block).toThrow(OptionError);
  expect(block).toThrow(message);
});
