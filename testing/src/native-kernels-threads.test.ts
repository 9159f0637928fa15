import '@tensorflow/tfjs-backend-wasm';
import { convolve2d, deformableConvolve2d } from '@convkit/core';
import { install, NATIVE_PATCHES, uninstall } from '@convkit/tfjs-extras';
import { hasNative, suitsNativeConvolution } from '@convkit/tfjs-extras/native';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, expect, test } from 'vitest';
import { registerThreads, THREADS_BACKEND } from '../../bench/src/engines/wasm-threads.mjs';

afterAll(() => {
  uninstall();
  tf.removeBackend(THREADS_BACKEND);
});

test('compiled kernels work on memory that threads share, and agree with what is composed there', async () => {
  registerThreads();
  await tf.setBackend(THREADS_BACKEND);
  const noise = (shape: number[], seed: number) => tf.randomUniform<tf.Rank.R4>(shape as [number, number, number, number], -1, 1, 'float32', seed);
  const [x, kernel, offset] = [noise([2, 9, 8, 6], 1), noise([3, 3, 1, 12], 2), noise([2, 9, 8, 18], 3)];
  const attributes = { strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1] } as const;
  const run = () => [
    convolve2d(x, kernel, { ...attributes, groups: 6 }),
    ...tf.grads((...tensors) => deformableConvolve2d(...(tensors as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]), attributes))([x, kernel, offset]),
  ].map((tensor) => tensor.dataSync() as Float32Array);
  const composed = run();
  const reports = await install({ backends: [THREADS_BACKEND], patches: NATIVE_PATCHES });
  expect(reports.map(({ installed }) => installed)).toEqual(NATIVE_PATCHES.map(() => true));
  expect(hasNative('deformableConvolution')).toBe(true);
  // XNNPACK has the threads, and takes few groups one after the other.
  expect([2, 6].map((groups) => suitsNativeConvolution(x, kernel, groups))).toEqual([false, true]);
  run().forEach((values, i) => {
    const largest = Math.max(...composed[i]!.map(Math.abs));
    expect(Math.max(...values.map((value, k) => Math.abs(value - composed[i]![k]!))) / largest).toBeLessThan(1e-6);
  });
});
