import '@tensorflow/tfjs-backend-wasm';
import { alignBoxes, convolve2d, deformableConvolve2d, depthwiseConvolve2d, gridSample2d, sumActivated, type ConvolveAttributes } from '@convkit/core';
import { install, NATIVE_PATCHES, uninstall } from '@convkit/tfjs-extras';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

beforeEach(async () => void (await tf.setBackend('wasm')));
afterEach(uninstall);

const noise = (shape: readonly number[], seed: number, scale = 1) => tf.mul(tf.randomUniform([...shape], -1, 1, 'float32', seed), scale);

type Run = (...inputs: tf.Tensor[]) => tf.Tensor;

/** The output, and the gradients of all inputs for one noise as the output's. */
function valueAndGradients(run: Run, inputs: tf.Tensor[]): Float32Array[] {
  return tf.tidy(() => {
    const y = run(...inputs);
    const weights = noise(y.shape, 99);
    const gradients = tf.grads((...args) => tf.sum(tf.mul(run(...args), weights)))(inputs);
    return [y, ...gradients].map((tensor) => tensor.dataSync() as Float32Array) as unknown as tf.TensorContainer;
  }) as unknown as Float32Array[];
}

/** The largest difference, relative to the largest value. */
function apart(a: Float32Array, b: Float32Array): number {
  const largest = b.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return a.length === b.length ? a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0) / Math.max(largest, 1e-30) : Number.POSITIVE_INFINITY;
}

async function expectSame(run: Run, inputs: tf.Tensor[]): Promise<void> {
  const inference = () => tf.tidy(() => run(...inputs).dataSync() as Float32Array as unknown as tf.TensorContainer) as unknown as Float32Array;
  const composed = [inference(), ...valueAndGradients(run, inputs)];
  await install({ patches: NATIVE_PATCHES });
  const tensors = tf.memory().numTensors;
  const native = [inference(), ...valueAndGradients(run, inputs)];
  expect(tf.memory().numTensors, 'no tensor is left').toBe(tensors);
  expect(native).toHaveLength(composed.length);
  // Sums of up to a few hundred float32 products in another order.
  native.forEach((values, i) => expect(apart(values, composed[i]!), `result ${i}`).toBeLessThan(1e-6));
  tf.dispose(inputs);
}

const square = (size: number): [number, number] => [size, size];
/** Cells around an image that keep its size at stride 1; for even windows, one less on the right. */
const around = (size: number, dilation: number): [number, number, number, number] => {
  const [before, after] = [Math.floor((dilation * (size - 1)) / 2), Math.ceil((dilation * (size - 1)) / 2)];
  return [before, after, before, size % 2 === 0 ? after - 1 : after];
};

describe('compiled kernels have the values and gradients of the composed forms', () => {
  test.each([
    { n: 1, h: 5, w: 6, c: 4, f: 4, groups: 2, k: 3, s: 1, d: 1 },
    { n: 2, h: 7, w: 5, c: 8, f: 16, groups: 2, k: 3, s: 1, d: 1 },
    { n: 2, h: 9, w: 8, c: 12, f: 12, groups: 3, k: 3, s: 2, d: 1 },
    { n: 1, h: 12, w: 11, c: 32, f: 32, groups: 8, k: 3, s: 1, d: 1 },
    { n: 2, h: 7, w: 7, c: 15, f: 25, groups: 5, k: 1, s: 1, d: 1 },
    { n: 1, h: 13, w: 17, c: 30, f: 21, groups: 3, k: 5, s: 3, d: 1 },
    { n: 2, h: 11, w: 12, c: 16, f: 24, groups: 2, k: 3, s: 2, d: 2 },
    { n: 1, h: 8, w: 8, c: 6, f: 6, groups: 6, k: 3, s: 2, d: 1 },
    { n: 1, h: 7, w: 9, c: 40, f: 44, groups: 2, k: 2, s: 2, d: 1 },
    { n: 1, h: 1, w: 1, c: 4, f: 2, groups: 2, k: 3, s: 2, d: 1 },
  ])('convolution $h x $w, $c to $f channels in $groups groups, kernel $k, stride $s, dilation $d', async ({ n, h, w, c, f, groups, k, s, d }) => {
    const attributes: ConvolveAttributes = { strides: square(s), padding: around(k, d), dilations: square(d), groups };
    const run: Run = (x, kernel, bias) => convolve2d(x as tf.Tensor4D, kernel as tf.Tensor4D, attributes, bias as tf.Tensor1D, 'relu6');
    await expectSame(run, [noise([n, h, w, c], 1), noise([k, k, c / groups, f], 2, 0.3), noise([f], 3)]);
  });

  test.each([
    { n: 1, h: 5, w: 6, c: 4, m: 1, k: 3, s: 1, d: 1 },
    { n: 2, h: 5, w: 6, c: 7, m: 1, k: 3, s: 1, d: 1 },
    { n: 2, h: 12, w: 13, c: 16, m: 1, k: 5, s: 2, d: 1 },
    { n: 1, h: 9, w: 9, c: 21, m: 1, k: 7, s: 1, d: 1 },
    { n: 2, h: 9, w: 9, c: 5, m: 2, k: 3, s: 2, d: 1 },
    { n: 2, h: 9, w: 12, c: 33, m: 1, k: 3, s: 1, d: 3 },
    { n: 2, h: 9, w: 10, c: 9, m: 1, k: 2, s: 3, d: 1 },
    { n: 2, h: 1, w: 1, c: 8, m: 1, k: 3, s: 1, d: 1 },
    { n: 1, h: 2, w: 3, c: 6, m: 1, k: 7, s: 1, d: 2 },
  ])('depthwise convolution $h x $w x $c, multiplier $m, kernel $k, stride $s, dilation $d', async ({ n, h, w, c, m, k, s, d }) => {
    const run: Run = (x, kernel) => depthwiseConvolve2d(x as tf.Tensor4D, kernel as tf.Tensor4D, { strides: square(s), padding: around(k, d), dilations: square(d) });
    await expectSame(run, [noise([n, h, w, c], 1), noise([k, k, c, m], 2)]);
  });

  test.each([
    { n: 1, h: 6, w: 7, c: 4, f: 8, groups: 1, offsetGroups: 1, k: 3, s: 1, d: 1 },
    { n: 2, h: 9, w: 7, c: 8, f: 6, groups: 2, offsetGroups: 4, k: 3, s: 2, d: 1 },
    { n: 2, h: 8, w: 8, c: 6, f: 5, groups: 1, offsetGroups: 2, k: 3, s: 1, d: 2 },
    { n: 2, h: 5, w: 9, c: 12, f: 12, groups: 3, offsetGroups: 1, k: 2, s: 1, d: 1 },
    { n: 1, h: 9, w: 9, c: 10, f: 3, groups: 1, offsetGroups: 1, k: 1, s: 1, d: 1 },
  ])('deformable convolution $h x $w, $c to $f channels in $groups groups, $offsetGroups with offsets of their own, kernel $k, stride $s, dilation $d', async ({ n, h, w, c, f, groups, offsetGroups, k, s, d }) => {
    const padding = around(k, d);
    const attributes = { strides: square(s), padding, dilations: square(d) };
    const size = [[h, padding[0] + padding[1]], [w, padding[2] + padding[3]]].map(([length, cells]) => Math.floor((length! + cells! - d * (k - 1) - 1) / s) + 1);
    // Three pixels: at the sides they look outside of the image.
    const inputs = [noise([n, h, w, c], 1), noise([k, k, c / groups, f], 2), noise([n, ...size, 2 * offsetGroups * k * k], 3, 3), noise([n, ...size, offsetGroups * k * k], 4)];
    const run: Run = (x, kernel, offset, mask) => deformableConvolve2d(x as tf.Tensor4D, kernel as tf.Tensor4D, offset as tf.Tensor4D, attributes, mask as tf.Tensor4D | undefined);
    const plain = inputs.slice(0, 3).map((tensor) => tf.clone(tensor));
    await expectSame(run, inputs);
    uninstall();
    await expectSame(run, plain);
  });

  test.each(['zeros', 'border', 'reflection'] as const)('grid samples with %s outside', async (padding) => {
    for (const channels of [1, 3, 4, 18]) {
      await expectSame((x, grid) => gridSample2d(x as tf.Tensor4D, grid as tf.Tensor4D, { padding, alignCorners: false }), [noise([2, 5, 7, channels], 1), noise([2, 4, 6, 2], 2, 1.5)]);
      uninstall();
    }
  });

  test.each([true, false])('RoIAlign of boxes in two images, aligned: %s', async (aligned) => {
    for (const channels of [1, 3, 4, 18]) {
      const corners = noise([2, 5, 4], 2, 9);
      const attributes = { outputSize: [3, 2] as const, spatialScale: 0.7, samplingRatio: 2, aligned };
      await expectSame((x) => tf.reshape(alignBoxes(x as tf.Tensor4D, corners as tf.Tensor3D, attributes), [-1]), [noise([2, 5, 7, channels], 1)]);
      uninstall();
    }
  });

  test('sums with activations', async () => {
    for (const kind of ['linear', 'relu', 'relu6', 'tanh'] as const) {
      await expectSame((a, b) => sumActivated(a!, b!, kind), [noise([3, 5, 7], 1, 8), noise([3, 5, 7], 2)]);
      uninstall();
    }
  });
});

test('a position that is no number shows in the output and in its gradient, and nowhere else in the output', async () => {
  await install({ patches: NATIVE_PATCHES });
  const grid = tf.tensor4d([0, 0, Number.NaN, 0, 0.5, 0.5], [1, 1, 3, 2]);
  const run: Run = (g) => gridSample2d(tf.ones([1, 3, 3, 2]), g as tf.Tensor4D, { padding: 'zeros', alignCorners: true });
  const [y, gradient] = valueAndGradients(run, [grid]);
  expect([...y!].map(Number.isNaN)).toEqual([false, false, true, true, false, false]);
  expect(gradient!.slice(2, 4).some(Number.isNaN)).toBe(true);
});

test('a box that is not finite shows in its bins, and nowhere else', async () => {
  await install({ patches: NATIVE_PATCHES });
  tf.tidy(() => {
    const boxes = tf.tensor3d([[[0, 0, 2, 2], [0, 0, Number.NaN, 2], [0, Number.NEGATIVE_INFINITY, 2, 2], [1, 1, 2, 2]]]);
    const y = alignBoxes(tf.ones([1, 3, 3, 2]), boxes, { outputSize: [1, 1], spatialScale: 1, samplingRatio: 2, aligned: true });
    expect([...y.dataSync()].map(Number.isNaN)).toEqual([false, false, true, true, true, true, false, false]);
  });
});
