import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { invertedResidual, type InvertedResidualOptions } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

/** Parameters and the layers that have any, of one block on 8 channels. */
function blockOf(options: Omit<InvertedResidualOptions, 'name'>) {
  const x = input({ shape: [8, 8, 8] });
  const net = model({ inputs: x, outputs: invertedResidual(x, { ...options, name: 'b' }) });
  net.dispose();
  return { params: trainableParams(net), layers: net.layers.map((layer) => layer.name), weighted: net.layers.filter((layer) => layer.weights.length > 0).map((layer) => layer.name) };
}

it('squeezes to a part of the channels inside or of the input', () => {
  // 8*24 + 9*24 + 24*8 weights and 2 * (24 + 24 + 8) of batch norm; with s squeezed channels 24 s + s + s 24 + 24 more.
  const plain = blockOf({ filters: 8, expansion: 3 }).params;
  expect(plain).toBe(192 + 216 + 192 + 112);
  const gate = (squeezed: number) => 49 * squeezed + 24;
  expect(blockOf({ filters: 8, expansion: 3, squeezeExcite: { of: 'expanded' } }).params).toBe(plain + gate(6));
  expect(blockOf({ filters: 8, expansion: 3, squeezeExcite: { of: 'expanded', divisor: 8 } }).params).toBe(plain + gate(8));
  expect(blockOf({ filters: 8, expansion: 3, squeezeExcite: { of: 'input' } }).params).toBe(plain + gate(2));
  expect(blockOf({ filters: 8, expansion: 3, squeezeExcite: { of: 'input', ratio: 16 } }).params).toBe(plain + gate(1));
});

it('rounds the channels inside to the multiple asked for', () => {
  expect(blockOf({ filters: 8, expansion: 2.3 }).params).toBe(8 * 18 + 9 * 18 + 18 * 8 + 2 * (18 + 18 + 8));
  // 16 is nearer, but less than 90 % of 18.4.
  expect(blockOf({ filters: 8, expansion: 2.3, divisor: 8 }).params).toBe(8 * 24 + 9 * 24 + 24 * 8 + 2 * (24 + 24 + 8));
  expect(blockOf({ filters: 8, expansion: 2.2, divisor: 8 }).params).toBe(8 * 16 + 9 * 16 + 16 * 8 + 2 * (16 + 16 + 8));
});

it('numbers the modules that are there, as torchvision does', () => {
  expect(blockOf({ filters: 8, expansion: 2, stride: 2 }).weighted).toEqual(['b.conv.0.0', 'b.conv.0.1', 'b.conv.1.0', 'b.conv.1.1', 'b.conv.2', 'b.conv.3']);
  const v3 = { filters: 8, naming: 'mobilenetV3', squeezeExcite: { of: 'input' } } as const;
  expect(blockOf({ ...v3, expansion: 1 }).weighted).toEqual(['b.block.0.0', 'b.block.0.1', 'b.block.1.fc1', 'b.block.1.fc2', 'b.block.2.0', 'b.block.2.1']);
  expect(blockOf({ ...v3, expansion: 2 }).weighted.slice(2)).toEqual(['b.block.1.0', 'b.block.1.1', 'b.block.2.fc1', 'b.block.2.fc2', 'b.block.3.0', 'b.block.3.1']);
});

it('has stochastic depth only where there is a sum', () => {
  const has = (options: Partial<InvertedResidualOptions>) => blockOf({ filters: 8, expansion: 2, ...options }).layers.includes('b.stochastic_depth');
  expect(has({ stochasticDepth: 0.1 })).toBe(true);
  expect(has({})).toBe(false);
  expect(has({ stochasticDepth: 0.1, stride: 2 })).toBe(false);
  expect(has({ stochasticDepth: 0.1, filters: 16 })).toBe(false);
});

describe('refuses by name', () => {
  it.each<[string, object, RegExp]>([
    ['a squeeze of nothing', { squeezeExcite: {} }, /squeezeExcite must be \{ of: one of expanded, input/],
    ['a squeeze of something else', { squeezeExcite: { of: 'output' } }, /squeezeExcite must be \{ of: one of expanded, input/],
    ['a misspelt option of the squeeze', { squeezeExcite: { of: 'input', gates: 'sigmoid' } }, /squeezeExcite must be/],
    ['a rate of 1', { stochasticDepth: 1 }, /stochasticDepth must be a finite number >= 0 and < 1, got 1/],
    ['half a divisor', { divisor: 0.5 }, /divisor must be an integer >= 1, got 0\.5/],
    ['no epsilon', { epsilon: 0 }, /epsilon must be a finite number > 0, got 0/],
    ['names that do not exist', { naming: 'mobilenetV4' }, /invertedResidual "b": naming must be one of mobilenetV2, mobilenetV3, .*Did you mean mobilenetV/],
  ])('%s', (_, options, message) => {
    const wrong = () => invertedResidual(input({ shape: [8, 8, 8] }), { filters: 8, expansion: 2, name: 'b', ...options } as never);
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
