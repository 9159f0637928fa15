import { setFlagsFromString } from 'node:v8';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { install, uninstall } from '../install.js';
import { nativeConvolution } from './index.js';
import { hasRelaxedSimd } from './module.js';
import { NATIVE_PATCHES } from './patches.js';

// Node 20 has relaxed SIMD behind a flag, later versions have it.
beforeAll(async () => {
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  await tf.setBackend('wasm');
});
afterAll(uninstall);

test('with relaxed SIMD the kernels multiply and add in one rounding', async () => {
  expect(hasRelaxedSimd()).toBe(true);
  const reports = await install({ patches: NATIVE_PATCHES });
  expect(reports.every(({ installed, reason }) => installed && /fused multiply-add/.test(reason))).toBe(true);
  const attributes = { strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1], groups: 1 } as const;
  // (1 + e)^2 - (1 + 2e) is e^2 exactly, and 0 where the product is rounded to float32 first. The engine may do either.
  const e = 2 ** -12;
  const y = nativeConvolution(tf.tensor4d([1 + e], [1, 1, 1, 1]), tf.tensor4d([1 + e], [1, 1, 1, 1]), attributes, tf.tensor1d([-1 - 2 * e]));
  expect([0, e * e]).toContain(y!.dataSync()[0]);
  const [x, kernel] = [tf.randomUniform([2, 6, 7, 5], -1, 1, 'float32', 1) as tf.Tensor4D, tf.randomUniform([3, 3, 5, 6], -1, 1, 'float32', 2) as tf.Tensor4D];
  const [ours, theirs] = [nativeConvolution(x, kernel, attributes)!, tf.conv2d(x, kernel, 1, 'valid')];
  expect(tf.max(tf.abs(tf.sub(ours, theirs))).dataSync()[0]).toBeLessThan(2e-6);
});
