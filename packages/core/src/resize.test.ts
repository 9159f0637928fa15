import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input } from '@tensorflow/tfjs-layers';
import { describe, expect, it, beforeAll } from 'vitest';
import { conv2d, interpolationWeights, OptionError, resizeBilinear, resizeBilinear2d, ResizeBilinearLayer } from './index.js';

describe.each(['wasm', 'cpu'])('resizeBilinear on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('reads between pixel centres, and repeats the edge', () => {
    // By hand: outputs of a doubled row lie at -1/4, 1/4, 3/4, 5/4.
    const x = tf.tensor4d([0, 4], [1, 1, 2, 1]);
    expect([...resizeBilinear2d(x, [1, 4]).dataSync()]).toEqual([0, 1, 3, 4]);
    expect([...resizeBilinear2d(x, [2, 1]).dataSync()]).toEqual([2, 2]);
  });

  it('with zeros outside, the edge fades as in a transposed convolution', () => {
    const x = tf.tensor4d([0, 4], [1, 1, 2, 1]);
    // Rows: one row fades to 3/4 of itself; columns: 5/4 lies a quarter of the way to the zero behind the edge.
    const y = new ResizeBilinearLayer({ scale: 2, outside: 'zero' }).call(x);
    expect([...y.dataSync()]).toEqual([0, 0.75, 2.25, 2.25, 0, 0.75, 2.25, 2.25]);
  });

  it('with zeros outside it is torch\'s ConvTranspose2d(16, stride 8, padding 4) with bilinear weights', () => {
    // fyu/drn segment.py, fill_up_weights: (1 - |i / f - c|)(1 - |j / f - c|), f = 8, c = 15 / 16.
    const taps = Array.from({ length: 16 }, (_, i) => 1 - Math.abs(i / 8 - 15 / 16));
    const kernel = tf.tensor4d(taps.flatMap((a) => taps.map((b) => a * b)), [16, 16, 1, 1]);
    const x = tf.randomUniform<tf.Rank.R4>([1, 3, 4, 1], -1, 1, 'float32', 5);
    const expected = tf.conv2dTranspose(x, kernel, [1, 24, 32, 1], 8, [[0, 0], [4, 4], [4, 4], [0, 0]] as unknown as 'valid');
    const y = new ResizeBilinearLayer({ scale: 8, outside: 'zero' }).call(x);
    expect(tf.max(tf.abs(tf.sub(y, expected))).dataSync()[0]).toBeLessThan(1e-6);
  });

  it('its gradient is the transposed of itself', () => {
    const x = tf.randomUniform<tf.Rank.R4>([2, 3, 5, 2], -1, 1, 'float32', 1);
    for (const size of [[6, 10], [2, 3], [7, 4]] as const) {
      const w = tf.randomUniform<tf.Rank.R4>([2, ...size, 2], -1, 1, 'float32', 2);
      const dx = tf.grad((z: tf.Tensor) => tf.sum(tf.mul(resizeBilinear2d(z as tf.Tensor4D, size), w)))(x);
      const [direct, transposed] = [tf.sum(tf.mul(resizeBilinear2d(x, size), w)), tf.sum(tf.mul(dx, x))].map((y) => y.dataSync()[0] as number);
      expect(transposed).toBeCloseTo(direct as number, 4);
      expect(dx.shape).toEqual(x.shape);
    }
  });
});

describe.each(['bilinear', 'nearest'] as const)('the weights of an axis, %s', (method) => {
  it.each([[false, false], [false, true], [true, false]])('aligned corners %s, pixel centres %s: as tfjs resizes', (alignCorners, halfPixelCenters) => {
    const resize = method === 'bilinear' ? tf.image.resizeBilinear : tf.image.resizeNearestNeighbor;
    for (const [inputs, outputs] of [[3, 6], [5, 3], [4, 7], [1, 4]] as const) {
      const x = tf.randomUniform<tf.Rank.R4>([1, inputs, 1, 1], -1, 1, 'float32', 1);
      const expected = resize(x, [outputs, 1], alignCorners, halfPixelCenters).dataSync();
      const weights = tf.tensor2d(interpolationWeights(inputs, outputs, { method, alignCorners, halfPixelCenters }), [outputs, inputs]);
      tf.matMul(weights, tf.reshape(x, [inputs, 1])).dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 5));
    }
  });
});

describe('refuses by name', () => {
  const make = (options: unknown) => () => resizeBilinear(conv2d(input({ shape: [4, 4, 3] }), { filters: 1, kernelSize: 1 }), options as never);
  it.each([
    ['neither size nor scale', make({ name: 'up' }), /^resizeBilinear "up": size must be one integer or 2 integers >= 1, or scale given, got nothing/],
    ['both', make({ size: 8, scale: 2 }), /scale must be absent where size is given, got \[2,2\]/],
    ['zeros outside of a size', make({ size: 8, outside: 'zero' }), /scale must be given where outside is 'zero', got nothing/],
    ['scale 0', make({ scale: 0 }), /scale must be one integer or 2 integers >= 1, got 0/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
