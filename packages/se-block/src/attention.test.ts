import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cbam, channelConvolution, channelKernelSize, convolveChannels, efficientChannelAttention, scse, spatialSqueezeExcite } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => tf.disposeVariables());

type Block = (x: SymbolicTensor) => SymbolicTensor;
function netOf(shape: number[], block: Block) {
  const x = input({ shape });
  return model({ inputs: x, outputs: block(x) });
}
const evaluate = (block: Block, x: tf.Tensor4D) => [...(netOf(x.shape.slice(1), block).predict(x) as tf.Tensor).dataSync()];
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const close = (actual: readonly number[], expected: readonly number[]) => {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 5));
};

describe('efficientChannelAttention', () => {
  // timm's EcaModule.
  it.each([[16, 3], [32, 3], [64, 3], [128, 5], [256, 5], [512, 5], [1024, 5], [2048, 7]])('of %i channels looks at %i', (channels, size) => {
    expect(channelKernelSize(channels)).toBe(size);
    expect(trainableParams(netOf([2, 2, channels], efficientChannelAttention))).toBe(size);
  });

  it('slides along the channels, with zeros outside', () => {
    const x = tf.tensor4d([1, 10, 100, 1000, 2, 20, 200, 2000], [1, 1, 2, 4]);
    const kernel = tf.tensor3d([1, 2, 3], [3, 1, 1]);
    expect([...convolveChannels(x, kernel).dataSync()]).toEqual([32, 321, 3210, 2100, 64, 642, 6420, 4200]);
  });

  it('scales a channel by what its neighbours say', () => {
    const x = tf.tensor4d([1, 2, 3, 3, 4, 5], [1, 2, 1, 3]);
    const means = [2, 3, 4];
    const gates = [means[0]! + means[1]!, means[0]! + means[1]! + means[2]!, means[1]! + means[2]!].map(sigmoid);
    close(evaluate((y) => efficientChannelAttention(y, { kernelInitializer: 'ones' }), x), [1, 2, 3, 3, 4, 5].map((value, i) => value * gates[i % 3]!));
  });
});

describe('cbam', () => {
  it('has one perceptron, which reads the mean and the maximum', () => {
    const net = netOf([4, 4, 32], (x) => cbam(x, { name: 'cbam' }));
    // 2 C (C / 16) + C / 16 + C, and 7 x 7 x 2 with a batch norm.
    expect(trainableParams(net)).toBe(2 * 32 * 2 + 2 + 32 + 98 + 2);
    expect(kernelMacs(net)).toBe(2 * (2 * 32 * 2) + 98 * 16);
    expect(net.getLayer('cbam.ch_gate.mlp.fc1').inboundNodes).toHaveLength(2);
    // pytorchcv's order, which the weights of the 7x7 follow.
    expect((net.getLayer('cbam.sp_gate.concat').input as SymbolicTensor[]).map(({ sourceLayer }) => sourceLayer.name)).toEqual(['cbam.sp_gate.max', 'cbam.sp_gate.mean']);
    const without = netOf([4, 4, 32], (x) => cbam(x, { useBias: false, ratio: 8, kernelSize: 3 }));
    expect(trainableParams(without)).toBe(2 * 32 * 4 + 18 + 2);
  });

  it('scales channels by mean and maximum, then positions', () => {
    const x = tf.tensor4d([1, 5, 3, -1], [1, 1, 2, 2]);
    const block: Block = (y) => cbam(y, { ratio: 2, kernelSize: 1, kernelInitializer: 'ones' });
    // Means 2 and 2, maxima 3 and 5: every channel's gate is sigmoid(4 + 8).
    const scaled = [1, 5, 3, -1].map((value) => value * sigmoid(12));
    const places = [scaled[1]! + (scaled[0]! + scaled[1]!) / 2, scaled[2]! + (scaled[2]! + scaled[3]!) / 2].map((sum) => sigmoid(sum / Math.sqrt(1 + 1e-5)));
    close(evaluate(block, x), scaled.map((value, i) => value * places[Math.floor(i / 2)]!));
  });

  it('gives its weights back with the model', () => {
    const before = tf.memory().numTensors;
    netOf([4, 4, 32], cbam).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('scse', () => {
  const x = () => tf.tensor4d([1, -2, 3, 4], [1, 2, 1, 2]);
  const ones = { kernelInitializer: 'ones', useBias: false } as const;
  const byPlace = [1, -2, 3, 4].map((value, i) => value * sigmoid(i < 2 ? -1 : 7));
  // Means 2 and 1, one squeezed unit of 3.
  const byChannel = [1, -2, 3, 4].map((value) => value * sigmoid(3));

  it('over space has one gate a position, of all its channels', () => {
    close(evaluate((y) => spatialSqueezeExcite(y, ones), x()), byPlace);
    expect(trainableParams(netOf([4, 4, 32], spatialSqueezeExcite))).toBe(33);
  });

  it('is the larger of both, or their sum', () => {
    close(evaluate((y) => scse(y, ones), x()), byPlace.map((value, i) => Math.max(value, byChannel[i]!)));
    close(evaluate((y) => scse(y, { ...ones, merge: 'sum' }), x()), byPlace.map((value, i) => value + byChannel[i]!));
  });
});

describe('refuses by name', () => {
  const x = () => input({ shape: [4, 4, 8] });
  it.each<[string, () => unknown, RegExp]>([
    ['an even kernel', () => efficientChannelAttention(x(), { kernelSize: 4, name: 'se' }), /^efficientChannelAttention "se": kernelSize must be an odd integer >= 1, got 4/],
    ['a ratio that it does not have', () => efficientChannelAttention(x(), { ratio: 4 } as never), /unknown option ratio/],
    ['a kernel without size', () => channelConvolution(x(), {} as never), /^channelConvolution: kernelSize must be an odd integer >= 1, got nothing/],
    ['a perceptron without width', () => cbam(x(), { ratio: 9 }), /^cbam: ratio must be at most the 8 channels, got 9/],
    ['an unknown merge', () => scse(x(), { merge: 'mean' as never }), /^scse: merge must be one of max, sum, got "mean"/],
    ['a flat input', () => cbam(input({ shape: [8] })), /^cbam: input must be an image batch/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
