// Time of one training step of a small network: core's layers on wasm and cpu, stock tf.layers on cpu (stock layers
// throw on wasm). Interleaved in one process; prints medians. Needs a build. Evidence of decisions/002.
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model } from '@tensorflow/tfjs-layers';
import os from 'node:os';
import { batchNorm, conv2d, dense, globalAveragePool, maxPool } from '@convkit/core';

const ROUNDS = 3;
const BATCH = 16;

/** conv 16, BN, ReLU, pool, conv 32, BN, ReLU, mean, dense, on 28x28x1. */
function ours() {
  const x = input({ shape: [28, 28, 1] });
  let y = batchNorm(conv2d(x, { filters: 16, kernelSize: 3, padding: 1, useBias: false }), { activation: 'relu' });
  y = batchNorm(conv2d(maxPool(y, { poolSize: 2 }), { filters: 32, kernelSize: 3, padding: 1, useBias: false }), { activation: 'relu' });
  return model({ inputs: x, outputs: dense(globalAveragePool(y, {}), { units: 10 }) });
}

/** The same in tf.layers. */
function stock() {
  const x = input({ shape: [28, 28, 1] });
  const convolution = (/** @type {number} */ filters) => layers.conv2d({ filters, kernelSize: 3, padding: 'same', useBias: false });
  const stack = [
    convolution(16), layers.batchNormalization({}), layers.reLU(), layers.maxPooling2d({ poolSize: 2 }),
    convolution(32), layers.batchNormalization({}), layers.reLU(), layers.globalAveragePooling2d({}), layers.dense({ units: 10 }),
  ];
  const y = stack.reduce((y, layer) => /** @type {import('@tensorflow/tfjs-layers').SymbolicTensor} */ (layer.apply(y)), x);
  return model({ inputs: x, outputs: y });
}

const subjects = [
  { name: 'core on wasm', backend: 'wasm', make: ours },
  { name: 'core on cpu', backend: 'cpu', make: ours },
  { name: 'stock on cpu', backend: 'cpu', make: stock },
].map((subject) => ({ ...subject, times: /** @type {number[]} */ ([]) }));

/** @type {Map<string, () => void>} */
const steps = new Map();
for (const { name, backend, make } of subjects) {
  await tf.setBackend(backend);
  const network = make();
  const optimizer = tf.train.sgd(0.01);
  const images = tf.randomUniform([BATCH, 28, 28, 1], 0, 1, 'float32', 1);
  const labels = tf.oneHot(tf.tensor1d(Array.from({ length: BATCH }, (_, i) => i % 10), 'int32'), 10);
  const loss = () => /** @type {tf.Scalar} */ (tf.losses.softmaxCrossEntropy(labels, /** @type {tf.Tensor} */ (network.apply(images, { training: true }))));
  steps.set(name, () => tf.tidy(() => void optimizer.minimize(loss)));
}
const load = () => (os.loadavg()[0] ?? 0).toFixed(2);
console.log(`batch ${BATCH}, load before ${load()}`);
for (let round = -1; round < ROUNDS; round++) {
  for (const { name, backend, times } of subjects) {
    await tf.setBackend(backend);
    const start = performance.now();
    steps.get(name)?.();
    // The first round warms up.
    if (round >= 0) times.push(performance.now() - start);
  }
}
for (const { name, times } of subjects) {
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
  console.log(`${name.padEnd(14)} ${median.toFixed(0).padStart(7)} ms a step`);
}
console.log(`load after ${load()}`);
