import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dilatedBlock, hybridDilation } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => tf.disposeVariables());

const ones = { kernelInitializer: 'ones', batchNorm: false } as const;

/** Share of the receptive field of the middle pixel that a block reads: its gradient with kernels of ones, without padding in reach. */
function readShare(dilations: readonly number[], kernelSize = 3): number {
  const reach = dilations.reduce((sum, dilation) => sum + (dilation * (kernelSize - 1)) / 2, 0);
  const x = input({ shape: [4 * reach + 1, 4 * reach + 1, 1] });
  const network = model({ inputs: x, outputs: dilatedBlock(x, { filters: 1, dilations, kernelSize, ...ones }) });
  return tf.tidy(() => {
    const middle = (image: tf.Tensor) => tf.sum(tf.slice(network.apply(image) as tf.Tensor, [0, 2 * reach, 2 * reach, 0], [1, 1, 1, 1]));
    const dx = tf.grad(middle)(tf.ones([1, 4 * reach + 1, 4 * reach + 1, 1])).dataSync();
    return dx.filter((value) => value !== 0).length / (2 * reach + 1) ** 2;
  });
}

// Wang et al., section 3.2, and by hand: the largest distance, the common factor, whether the rule holds.
it.each<[number[], number, number, boolean]>([
  [[1, 2, 5], 2, 1, true],
  [[1, 2, 3], 2, 1, true],
  [[1, 2, 9], 5, 1, false],
  [[2, 4, 8], 4, 2, false],
  [[2, 2, 2], 2, 2, false],
  [[1, 2, 5, 9], 2, 1, true],
  [[5, 9, 17], 9, 1, false],
  [[1], 1, 1, true],
])('dilations %j bridge %d, share the factor %d', (dilations, maxDistance, commonFactor, satisfied) => {
  expect(hybridDilation(dilations)).toMatchObject({ maxDistance, commonFactor, satisfied });
});

it.each([[[1, 2, 5]], [[1, 2, 3]], [[1, 2, 9]], [[2, 4, 8]], [[2, 2, 2]], [[1, 2, 5, 9]], [[4, 1]], [[3]]])('the coverage of %j is what a block of such convolutions reads', (dilations) => {
  expect(hybridDilation(dilations).coverage).toBeCloseTo(readShare(dilations), 10);
});

it('the rule holds where the whole field is read, for groups that begin with 1', () => {
  for (const a of [1, 2, 3, 4, 5, 6]) {
    for (const b of [1, 2, 3, 5, 7, 9, 12]) {
      const { satisfied, coverage } = hybridDilation([1, a, b]);
      if (satisfied) expect([a, b, coverage]).toEqual([a, b, 1]);
    }
  }
  expect(hybridDilation([2, 2, 2]).coverage).toBeCloseTo((7 / 13) ** 2, 12);
  // The rule alone is not enough where the group does not begin with 1.
  expect(hybridDilation([4, 1])).toMatchObject({ satisfied: true, coverage: (9 / 11) ** 2 });
});

it('larger kernels bridge more', () => {
  expect(hybridDilation([1, 2, 9], { kernelSize: 5 })).toMatchObject({ maxDistance: 5, satisfied: true, coverage: 1 });
});

it('a dilated block keeps the size, and costs what an undilated one costs', () => {
  const x = input({ shape: [9, 7, 4] });
  const [dilated, plain] = [[1, 2, 5], [1, 1, 1]].map((dilations) => model({ inputs: x, outputs: dilatedBlock(x, { filters: 6, dilations, name: `block${dilations[1]}` }) }));
  expect(dilated!.outputShape).toEqual([null, 9, 7, 6]);
  expect(trainableParams(dilated!)).toBe(9 * 4 * 6 + 2 * 9 * 6 * 6 + 3 * 12);
  expect(trainableParams(dilated!)).toBe(trainableParams(plain!));
  expect(dilated!.layers.slice(1).map(({ name }) => name)).toEqual([1, 2, 3].flatMap((i) => [`block2.conv${i}`, `block2.bn${i}`]));
});

describe('refuses by name', () => {
  const block = (options: object) => () => dilatedBlock(input({ shape: [9, 9, 2] }), { filters: 2, dilations: [1, 2], ...options } as never);
  it.each<[string, () => unknown, RegExp]>([
    ['no dilations', () => hybridDilation([]), /^hybridDilation: dilations must be a list of at least 1, each an integer >= 1, got \[\]/],
    ['dilation 0', () => hybridDilation([1, 0]), /dilations must be .* got \[1,0\]/],
    ['an even kernel', () => hybridDilation([1, 2], { kernelSize: 2 }), /kernelSize must be an odd integer >= 1, got 2/],
    ['a misspelt option', () => hybridDilation([1, 2], { kernel: 3 } as never), /unknown option kernel/],
    ['gaps, where it is asked to', block({ dilations: [2, 4, 8], gridding: 'refuse', name: 'group' }), /^dilatedBlock "group": dilations must be such that every position .* is read .*, got \[2,4,8\]/],
    ['a block without dilations', block({ dilations: [] }), /^dilatedBlock: dilations must be a list of at least 1/],
    ['half a filter', block({ filters: 0.5 }), /filters must be an integer >= 1, got 0\.5/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
