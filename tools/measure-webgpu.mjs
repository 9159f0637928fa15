// Grouped convolution and deformable sampling, composed of tfjs' operations, against a plain convolution of the same size on WebGPU in
// Node: is a kernel of our own worth writing? The subjects take turns; prints medians. Needs a build and the package `webgpu`. On a GPU
// that the processor imitates it says nothing of a GPU, and prints that.
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { conv2d, globalAveragePool } from '@convkit/core';
import { deformableConv2d } from '@convkit/deformable-conv';
import { findWebgpu, loadWebgpu } from '../bench/src/engines/webgpu-device.mjs';

const SIZE = 28;
const CHANNELS = 64;
const ROUNDS = 9;

/** @typedef {import('@tensorflow/tfjs-layers').SymbolicTensor} SymbolicTensor */
/** @type {Record<string, (x: SymbolicTensor) => SymbolicTensor>} */
const SUBJECTS = {
  plain: (x) => conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 'same' }),
  'plain, again': (x) => conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 'same' }),
  '4 groups': (x) => conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 'same', groups: 4 }),
  '32 groups': (x) => conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 'same', groups: 32 }),
  deformable: (x) => deformableConv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 'same' }),
};

const found = findWebgpu();
if ('reason' in found) {
  console.log(`nothing was measured: ${found.reason}`);
  process.exit();
}
const { adapter, fault } = await loadWebgpu(found).catch((error) => {
  console.log(`nothing was measured: ${error.message}`);
  process.exit();
});
console.log(`${adapter.name}, webgpu ${adapter.version}: 3x3, ${CHANNELS} to ${CHANNELS} channels, ${SIZE}x${SIZE}, batch 1, ${ROUNDS} rounds`);
const x = tf.randomUniform([1, SIZE, SIZE, CHANNELS], -1, 1, 'float32', 1);
const subjects = Object.entries(SUBJECTS).map(([name, make]) => {
  const start = input({ shape: [SIZE, SIZE, CHANNELS] });
  return { name, network: model({ inputs: start, outputs: globalAveragePool(make(start), {}) }), times: /** @type {number[]} */ ([]) };
});
for (let round = -2; round < ROUNDS; round++) {
  for (const { network, times } of round % 2 === 0 ? subjects : [...subjects].reverse()) {
    const begun = performance.now();
    const y = /** @type {tf.Tensor} */ (network.predict(x));
    await y.data();
    y.dispose();
    // The first rounds compile programs.
    if (round >= 0) times.push(performance.now() - begun);
  }
}
const wrong = fault();
if (wrong !== undefined) throw new Error(wrong);
/** @param {number[]} times */
const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
const plain = median(subjects[0]?.times ?? []);
for (const { name, times } of subjects) console.log(`${name.padEnd(14)} ${median(times).toFixed(1).padStart(8)} ms  ${(median(times) / plain).toFixed(2).padStart(6)} of the plain one`);
if (adapter.software) console.log('the processor imitates this GPU: the figures say nothing of a GPU');
process.exit();
