import '@tensorflow/tfjs-backend-wasm';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { maximum, OptionError, squeezeExcite, type SqueezeExciteOptions } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => tf.disposeVariables());

function netOf(shape: number[], options?: SqueezeExciteOptions) {
  const x = input({ shape });
  return model({ inputs: x, outputs: squeezeExcite(x, options) });
}

// hujie-frank/SENet, SE-ResNet-50: 2 C^2 / 16, and C / 16 + C biases; the paper's ablations have none.
it.each([
  [256, {}, 2 * 256 * 16 + 16 + 256],
  [2048, {}, 2 * 2048 * 128 + 128 + 2048],
  [2048, { ratio: 2, useBias: false }, 2 * 2048 * 1024],
  [96, { squeeze: 4 }, 2 * 96 * 4 + 4 + 96],
  // timm's seresnet18: 64 / 16 = 4 becomes 8; the authors floor it.
  [64, { rounding: 'multipleOf8' as const }, 2 * 64 * 8 + 8 + 64],
  [152, {}, 2 * 152 * 9 + 9 + 152],
])('of %i channels with %o has %i parameters', (channels, options, expected) => {
  expect(trainableParams(netOf([2, 2, channels], options))).toBe(expected);
});

it('scales every channel by the gate of the whole image', () => {
  // One channel, W1 = W2 = 1: x sigmoid(mean x), a negative mean is cut by the ReLU to sigmoid(0).
  const network = netOf([1, 2, 1], { squeeze: 1, kernelInitializer: 'ones', useBias: false });
  const y = network.predict(tf.tensor4d([1, 3, -1, -3], [2, 1, 2, 1])) as tf.Tensor;
  const gate = 1 / (1 + Math.exp(-2));
  const expected = [gate, 3 * gate, -0.5, -1.5];
  y.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
});

it.each([
  ['torchvision', ['se.fc1', 'se.fc2']],
  ['timm', ['se.conv_reduce', 'se.conv_expand']],
  ['pytorchcv', ['se.conv1', 'se.conv2']],
] as const)("has its weights in %s's modules", (naming, expected) => {
  const network = netOf([2, 2, 32], { naming, name: 'se' });
  expect(network.layers.filter(({ weights }) => weights.length > 0).map(({ name }) => name)).toEqual(expected);
});

describe('refuses by name', () => {
  const block = (options: unknown) => () => squeezeExcite(input({ shape: [8, 8, 16] }), options as never);
  it.each([
    ['a ratio above the channels', block({ ratio: 32, name: 'se' }), /^squeezeExcite "se": ratio must be at most the 16 channels, got 32/],
    ['two widths', block({ ratio: 4, squeeze: 4 }), /squeeze must be absent where ratio or rounding is given, got 4/],
    ['an unknown gate', block({ gate: 'hardsigmoid' }), /gate must be one of .*Did you mean hardSigmoid\?/],
    ['a flat input', () => squeezeExcite(input({ shape: [16] })), /input must be an image batch/],
    ['a maximum of two shapes', () => maximum([input({ shape: [2, 2, 1] }), input({ shape: [2, 2, 3] })] as SymbolicTensor[]), /^maximum: inputs must be tensors of one shape/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
