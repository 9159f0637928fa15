import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { input, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { conv2d, dense, depthwiseConv2d, OptionError, type Conv2dOptions } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => tf.disposeVariables());

/** The kernel of a layer on so many channels. */
function kernelOf(channels: number, make: (x: SymbolicTensor) => SymbolicTensor): Float32Array {
  return make(input({ shape: [9, 9, channels], name: undefined })).sourceLayer.weights[0]!.read().dataSync() as Float32Array;
}
const conv = (channels: number, options: Partial<Conv2dOptions>) => kernelOf(channels, (x) => conv2d(x, { filters: channels, kernelSize: 3, name: 'c', ...options }));

describe('an identity kernel', () => {
  it('is 1 between a channel and itself at the centre, and 0 elsewhere', () => {
    const kernel = conv(3, { kernelInitializer: { kind: 'identity' } });
    const expected = new Float32Array(81);
    for (let c = 0; c < 3; c++) expected[(4 * 3 + c) * 3 + c] = 1;
    expect(kernel).toEqual(expected);
  });

  // By hand: floor(a G / I) = floor(b G / O), the value G / O.
  it.each<[string, number, number, number, number[]]>([
    ['two channels become four: each goes to two, halved', 2, 4, 2, [0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5]],
    ['four channels become two: each gets two', 4, 2, 2, [1, 0, 1, 0, 0, 1, 0, 1]],
    ['four channels in two groups', 4, 4, 2, [0.5, 0.5, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0.5, 0.5]],
  ])('%s', (_, channels, filters, groups, expected) => {
    expect([...conv(channels, { filters, kernelSize: 1, kernelInitializer: { kind: 'identity', groups } })]).toEqual(expected);
  });

  it('is the identity in a convolution with groups and in a depthwise one', () => {
    const centre = (kernel: Float32Array) => [...kernel].map((value, i) => [i, value]).filter(([, value]) => value !== 0);
    expect(centre(conv(4, { groups: 2, kernelInitializer: { kind: 'identity' } }))).toEqual([[32, 1], [34, 1], [37, 1], [39, 1]]);
    const depthwise = kernelOf(2, (x) => depthwiseConv2d(x, { kernelSize: [1, 3], kernelInitializer: { kind: 'identity' }, name: 'd' }));
    expect([...depthwise]).toEqual([0, 0, 1, 1, 0, 0]);
    const square = dense(input({ shape: [3] }), { units: 3, kernelInitializer: { kind: 'identity' } }).sourceLayer.weights[0]!.read().dataSync();
    expect([...square]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });

  it('has noise wherever it is 0, of the deviation asked for', () => {
    const kernel = conv(16, { kernelInitializer: { kind: 'identity', noise: 0.01 } });
    const noise = [...kernel].filter((value) => value !== 1);
    expect(noise).toHaveLength(9 * 256 - 16);
    expect(Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0) / noise.length)).toBeCloseTo(0.01, 3);
  });
});

it('normal numbers have the deviation asked for', () => {
  const kernel = conv(16, { kernelInitializer: { kind: 'normal', deviation: 0.001 } });
  expect(Math.sqrt(kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length)).toBeCloseTo(0.001, 4);
});

describe('refuses by name', () => {
  const make = (kernelInitializer: unknown) => () => conv(3, { kernelInitializer } as never);
  it.each([
    ['a misspelt name', make('heNorml'), /kernelInitializer must be one of heNormal, .*got "heNorml" \(string\)\. Did you mean heNormal\?/],
    ['an unknown kind', make({ kind: 'orthogonal' }), /kernelInitializer must be one of heNormal, .*or \{ kind: 'identity', groups, noise \}, got \{"kind":"orthogonal"\}/],
    ['no deviation', make({ kind: 'normal' }), /kernelInitializer must be /],
    ['negative noise', make({ kind: 'identity', noise: -1 }), /kernelInitializer must be /],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
