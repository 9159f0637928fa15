// Time of a training step of plain tf.layers networks: stock on cpu, and on wasm after install() of @convkit/tfjs-extras
// (stock on wasm throws), on one thread and on one a core. The subjects take turns in one process; prints medians. Needs a build. Evidence of decisions/009.
// Options: --rounds N (default 5), --without-cpu (a step there takes seconds), --record (writes experiments/results/extras-training.json).
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model } from '@tensorflow/tfjs-layers';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { registerThreads, THREADS_BACKEND } from '../bench/src/engines/wasm-threads.mjs';
import { record } from './experiments/record.mjs';
import { install, NATIVE_PATCHES, PATCHES, uninstall } from '@convkit/tfjs-extras';

/** @typedef {import('@tensorflow/tfjs-layers').layers.Layer} Layer @typedef {import('@tensorflow/tfjs-layers').SymbolicTensor} SymbolicTensor */

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, 'without-cpu': { type: 'boolean', default: false }, record: { type: 'boolean', default: false } } });
const ROUNDS = Number(options.rounds);
const BATCH = 32;
const CLASSES = 10;

/** @param {number} filters @param {number} [strides] */
const convolution = (filters, strides = 1) => [
  layers.conv2d({ filters, kernelSize: 3, strides, padding: 'same', useBias: false, kernelInitializer: 'glorotUniform' }), layers.batchNormalization(), layers.reLU(),
];
/** @param {number} filters @param {number} [strides] */
const separable = (filters, strides = 1) => [
  layers.depthwiseConv2d({ kernelSize: 3, strides: [strides, strides], padding: 'same', useBias: false }), layers.batchNormalization(), layers.reLU({ maxValue: 6 }),
  layers.conv2d({ filters, kernelSize: 1, useBias: false, kernelInitializer: 'glorotUniform' }), layers.batchNormalization(), layers.reLU({ maxValue: 6 }),
];
const pool = () => layers.maxPooling2d({ poolSize: 2 });
const top = () => [layers.globalAveragePooling2d({}), layers.dense({ units: CLASSES, activation: 'softmax' })];

/** @type {Record<string, { size: [number, number, number], stack: () => Layer[] }>} */
const NETWORKS = {
  'conv 16, pool, conv 32, pool, separable 64': { size: [28, 28, 1], stack: () => [...convolution(16), pool(), ...convolution(32), pool(), ...separable(64), ...top()] },
  'conv 16, separable 32, 64, 64, 128': { size: [32, 32, 3], stack: () => [...convolution(16), ...separable(32), ...separable(64, 2), ...separable(64), ...separable(128, 2), ...top()] },
};

const compiled = new Set(NATIVE_PATCHES);
const SUBJECTS = [
  { name: 'stock, cpu', backend: 'cpu', patches: [] },
  { name: 'extras, cpu', backend: 'cpu', patches: PATCHES },
  { name: 'extras without compiled kernels, wasm', backend: 'wasm', patches: PATCHES.filter((patch) => !compiled.has(patch)) },
  { name: 'extras, wasm', backend: 'wasm', patches: PATCHES },
  { name: 'extras without compiled kernels, wasm-threads', backend: THREADS_BACKEND, patches: PATCHES.filter((patch) => !compiled.has(patch)) },
  { name: 'extras, wasm-threads', backend: THREADS_BACKEND, patches: PATCHES },
].filter(({ backend }) => backend !== 'cpu' || !options['without-cpu']);

registerThreads();
/** @type {{ network: string, subject: string, milliseconds: number[] }[]} */
const runs = [];
const load = () => (os.loadavg()[0] ?? 0).toFixed(2);

/** @param {keyof typeof NETWORKS} title */
async function measure(title) {
  const { size, stack } = /** @type {typeof NETWORKS[string]} */ (NETWORKS[title]);
  const subjects = [];
  for (const subject of SUBJECTS) {
    await tf.setBackend(subject.backend);
    const x = input({ shape: size });
    const network = model({ inputs: x, outputs: stack().reduce((y, layer) => /** @type {SymbolicTensor} */ (layer.apply(y)), /** @type {SymbolicTensor} */ (x)) });
    network.compile({ optimizer: tf.train.adam(0.01), loss: 'categoricalCrossentropy' });
    const images = tf.randomUniform([BATCH, ...size], 0, 1, 'float32', 1);
    const labels = tf.oneHot(tf.tensor1d(Array.from({ length: BATCH }, (_, i) => i % CLASSES), 'int32'), CLASSES);
    subjects.push({ ...subject, step: () => network.trainOnBatch(images, labels), times: /** @type {number[]} */ ([]) });
  }
  // The first round warms up; cpu, where a stock step takes many seconds, has one step and no more.
  for (let round = -1; round < ROUNDS; round++) {
    for (const { backend, patches, step, times } of subjects) {
      if (backend === 'cpu' && round !== 0) continue;
      uninstall();
      await tf.setBackend(backend);
      await install({ patches });
      const turns = backend === 'cpu' ? 1 : 3;
      for (let turn = 0; turn < turns; turn++) {
        const start = performance.now();
        await step();
        if (round >= 0) times.push(performance.now() - start);
      }
    }
  }
  const rows = subjects.map(({ name, times }) => ({ name, steps: times.length, median: times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN }));
  const first = rows[0]?.median ?? Number.NaN;
  console.log(`\n${title}, ${size.join('x')}, batch ${BATCH}, Adam\n\n| subject | ms a step | times as fast | steps |\n|---|---|---|---|`);
  for (const { name, times } of subjects) runs.push({ network: title, subject: name, milliseconds: times });
  for (const { name, median, steps } of rows) console.log(`| ${name} | ${median.toFixed(median < 100 ? 1 : 0)} | ${(first / median).toFixed(1)} | ${steps} |`);
}

console.log(`Node ${process.version}, ${os.cpus()[0]?.model}, ${os.cpus().length} cores, load before ${load()}`);
for (const name of Object.keys(NETWORKS)) await measure(name);
console.log(`\nload after ${load()}`);
if (options.record) {
  const medianOf = (/** @type {readonly number[]} */ times) => times[Math.floor(times.length / 2)] ?? Number.NaN;
  await record({
    experiment: 'extras-training', script: 'tools/measure-extras.mjs', question: 'How long does a training step of a plain tf.layers network take, stock and with tfjs-extras?',
    settings: { batch: BATCH, optimizer: 'adam', rounds: ROUNDS, threads: os.availableParallelism() }, runs,
    summary: Object.fromEntries(Object.keys(NETWORKS).map((network) => [network, Object.fromEntries(runs.filter((run) => run.network === network).map(({ subject, milliseconds }) => [subject, medianOf(milliseconds)]))])),
  });
}
