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
  const unit = (/** @type {any} */ y, /** @type {number} */ filters) =>
    layers.reLU().apply(layers.batchNormalization({}).apply(layers.conv2d({ filters, kernelSize: 3, padding: 'same', useBias: false }).apply(y)));
  const y = unit(layers.maxPooling2d({ poolSize: 2 }).apply(unit(x, 16)), 32);
  return model({ inputs: x, outputs: layers.dense({ units: 10 }).apply(layers.globalAveragePooling2d({}).apply(y)) });
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
  steps.set(name, () => tf.tidy(() => void optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, network.apply(images, { training: true }), undefined, undefined))));
}
console.log(`batch ${BATCH}, load before ${os.loadavg()[0].toFixed(2)}`);
for (let round = -1; round < ROUNDS; round++) {
  for (const { name, backend, times } of subjects) {
    await tf.setBackend(backend);
    const start = performance.now();
    steps.get(name)?.();
    // The first round warms up.
    if (round >= 0) times.push(performance.now() - start);
  }
}
for (const { name, times } of subjects) console.log(`${name.padEnd(14)} ${times.sort((a, b) => a - b)[Math.floor(times.length / 2)].toFixed(0).padStart(7)} ms a step`);
console.log(`load after ${os.loadavg()[0].toFixed(2)}`);
