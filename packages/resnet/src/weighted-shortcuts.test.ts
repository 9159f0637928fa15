import '@tensorflow/tfjs-backend-cpu';
import { OptionError, type GateOptions } from '@convkit/core';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it, test } from 'vitest';
import { basicBlock, bottleneck, preactBasicBlock, resnet, RESNETS, type ResNetSpec } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => tf.disposeVariables());

type Block = (x: SymbolicTensor, gate?: GateOptions) => SymbolicTensor;
const blocks: Record<string, Block> = {
  basicBlock: (x, gate) => basicBlock(x, { filters: 4, gate, name: 'block' }),
  bottleneck: (x, gate) => bottleneck(x, { filters: 1, gate, name: 'block' }),
  preactBasicBlock: (x, gate) => preactBasicBlock(x, { filters: 4, gate, name: 'block' }),
};

function netOf(block: Block, gate?: GateOptions): LayersModel {
  const x = input({ shape: [3, 5, 4] });
  return model({ inputs: x, outputs: block(x, gate) });
}

describe.each(Object.entries(blocks))('%s with learned factors for its branches', (_, block) => {
  it.each<GateOptions>([{}, { form: 'softmax' }, { form: 'sigmoid', per: 'channel' }])('is at first the block without them: %o', (gate) => {
    const x = tf.randomNormal([2, 3, 5, 4], 0, 1, 'float32', 1);
    const of = (options?: GateOptions) => (netOf(block, options).predict(x) as tf.Tensor).arraySync();
    expect(of(gate)).toEqual(of());
  });

  it('has one weight for each branch, or one for each of its channels', () => {
    const more = (gate: GateOptions) => trainableParams(netOf(block, gate)) - trainableParams(netOf(block));
    expect([more({}), more({ per: 'channel' })]).toEqual([2, 2 * 4]);
  });
});

it('multiplies the residual branch with the first factor and the shortcut with the second', () => {
  const x = tf.randomNormal([1, 3, 5, 4], 0, 1, 'float32', 2);
  const net = netOf((y, gate) => basicBlock(y, { filters: 4, gate, zeroGamma: true, name: 'block' }), {});
  const withFactors = (...factors: number[]) => {
    net.getLayer('block.add').setWeights([tf.tensor2d(factors, [2, 1])]);
    return net.predict(x) as tf.Tensor;
  };
  // The residual branch starts at 0: only the shortcut is left.
  expect(withFactors(7, 0.5).arraySync()).toEqual(tf.relu(tf.mul(x, 0.5)).arraySync());
  expect(withFactors(7, 0).arraySync()).toEqual(tf.zerosLike(x).arraySync());
});

// resnet20_cifar10 has 272,474 parameters and 9 blocks, 3 of each of the widths 16, 32 and 64.
test.each([
  ['resnet20_cifar10_weighted', 272_474 + 2 * 9],
  ['resnet20_cifar10_weighted_softmax', 272_474 + 2 * 9],
  ['resnet20_cifar10_weighted_sigmoid', 272_474 + 2 * 9],
  ['resnet20_cifar10_weighted_channel', 272_474 + 2 * 3 * (16 + 32 + 64)],
] as const)('%s has the parameters of the hand sum', (id, params) => {
  expect(RESNETS[id].params).toBe(params);
  expect(trainableParams(resnet.build(id, { initialWeights: 'zeros' }))).toBe(params);
});

describe('refuses by name', () => {
  const spec = (edit: object) => () => resnet.build({ ...RESNETS.resnet20_cifar10, ...edit } as ResNetSpec, { initialWeights: 'zeros' });
  it.each<[string, () => unknown, RegExp]>([
    ['factors where there is no sum', spec({ shortcut: 'none', gate: {} }), /^basicBlock "features\.stage1\.unit1": gate must be absent where the shortcut is 'none'/],
    ['another form', spec({ gate: { form: 'relu' } }), /gate must be \{ per: one of tensor, channel, form: one of linear, softmax, sigmoid \}, got \{"form":"relu"\}/],
    ['a form alone', () => netOf(blocks.basicBlock as Block, 'softmax' as never), /^basicBlock "block": gate must be \{ per/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
