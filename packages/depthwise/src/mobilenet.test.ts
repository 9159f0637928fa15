import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { depthwiseSeparable, invertedResidual, mobilenetV1, mobilenetV2, MOBILENETS_V2 } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
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

it('the blocks work in any model', () => {
  const x = input({ shape: [9, 9, 4] });
  const y = depthwiseSeparable(x, { filters: 8, stride: 2, kernelSize: 5, activation: 'relu', name: 'a' });
  expect(y.shape).toEqual([null, 5, 5, 8]);
  const z = invertedResidual(y, { filters: 8, expansion: 4, name: 'b' });
  expect(z.shape).toEqual([null, 5, 5, 8]);
  const net = model({ inputs: x, outputs: z });
  expect(net.getLayer('b.add').outputShape).toEqual([null, 5, 5, 8]);
  // 25*4 + 4*8 weights and 2*(4 + 8) of batch norm; then 8*32 + 9*32 + 32*8 and 2*(32 + 32 + 8).
  expect(trainableParams(net)).toBe(132 + 24 + 800 + 144);
  net.dispose();
});

it('adds the input only where stride and channels allow it', () => {
  const x = input({ shape: [8, 8, 8] });
  const layersOf = (options: { filters: number; stride: number }) => {
    const net = model({ inputs: x, outputs: invertedResidual(x, { expansion: 2, name: 'b', ...options }) });
    net.dispose();
    return net.layers.map((layer) => layer.name);
  };
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
