// How long RoIAlign of boxes in a map takes: core's alignBoxes, which is two products of matrices or, where @convkit/tfjs-extras has put in its compiled
// kernels, samples; and the same made of core's bilinearSample. With the gradient of the map and without, on wasm; beside them onnxruntime's RoiAlign.
// Interleaved in one process, one thread each, the first round warms up. Needs a build. Writes results/roi-align.json.
import '@tensorflow/tfjs-backend-wasm';
import { roiAlign } from '@convkit/anchors';
import { alignBoxes, bilinearSample, randomStream } from '@convkit/core';
import { createSession } from '@convkit/onnx';
import { install, uninstall } from '@convkit/tfjs-extras';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import os from 'node:os';
import { integerOptions, record } from './record.mjs';

const { rounds, side, channels, boxes: count } = integerOptions({ rounds: 5, side: 38, channels: 256, boxes: 64 });
const BINS = 7;
const SAMPLES = 2;
const attributes = { outputSize: /** @type {const} */ ([BINS, BINS]), spatialScale: 1, samplingRatio: SAMPLES, aligned: true };

await tf.setBackend('wasm');
const next = randomStream(1);
// Inside the map, so that no sample needs to be moved to its border.
const corners = Array.from({ length: count }, () => {
  const [width, height] = [2 + 0.7 * side * next(), 2 + 0.7 * side * next()];
  const [x, y] = [1 + (side - 2 - width) * next(), 1 + (side - 2 - height) * next()];
  return /** @type {[number, number, number, number]} */ ([x, y, x + width, y + height]);
});
const map = /** @type {tf.Tensor4D} */ (tf.randomNormal([1, side, side, channels], 0, 1, 'float32', 1));
const boxes = tf.tensor3d([corners]);
const cotangent = tf.randomNormal([count * BINS * BINS, channels], 0, 1, 'float32', 2);

/** Along an axis, the a-th sample of every bin of every box. @param {0 | 1} axis @param {number} a @returns {tf.Tensor2D} */
const positions = (axis, a) => tf.tensor2d(corners.flatMap((corner) => Array.from({ length: BINS * BINS }, (_, bin) => {
  const first = corner[axis];
  const at = (axis === 1 ? Math.floor(bin / BINS) : bin % BINS) + (a + 0.5) / SAMPLES;
  return first - 0.5 + (at * (corner[axis === 1 ? 3 : 2] - first)) / BINS;
})), [count * BINS * BINS, 1]);
const [rows, columns] = /** @type {const} */ ([1, 0]).map((axis) => Array.from({ length: SAMPLES }, (_, a) => positions(axis, a)));
const images = tf.zeros([count * BINS * BINS], 'int32');

/** @typedef {(x: tf.Tensor4D) => tf.Tensor} Run */
/** @type {Run} */
const boxwise = (x) => tf.reshape(alignBoxes(x, boxes, attributes), cotangent.shape);
/** @type {Run} */
const samplewise = (x) => {
  const all = (rows ?? []).flatMap((row) => (columns ?? []).map((column) => bilinearSample(x, { rows: row, columns: column, images: /** @type {tf.Tensor1D} */ (images) })));
  return tf.div(tf.addN(all), all.length);
};
/** @param {Run} run @returns {Run} */
const gradient = (run) => (x) => tf.grad((image) => tf.sum(tf.mul(run(/** @type {tf.Tensor4D} */ (image)), cotangent)))(x);

const [x, proposals] = [input({ shape: [side, side, channels] }), input({ shape: [count, 4] })];
const network = model({ inputs: [x, proposals], outputs: roiAlign(x, proposals, { ...attributes, outputSize: BINS }) });
const session = await createSession(network, { threads: 1 });
const feeds = [{ data: new Float32Array(map.dataSync()), shape: map.shape }, { data: new Float32Array(boxes.dataSync()), shape: boxes.shape }];

/** Outside of tf.tidy, which looks for tensors among the numbers that it is given back. @param {Run} run */
const valuesOf = async (run) => {
  const y = tf.tidy(() => run(map));
  const values = y.dataSync();
  y.dispose();
  return values;
};

/** @type {{ how: string, part: string, kernels: string, run: () => Promise<ArrayLike<number>>, milliseconds: number[] }[]} */
const subjects = [];
for (const kernels of ['stock', 'compiled']) {
  for (const [how, run] of /** @type {const} */ ([['alignBoxes', boxwise], ['bilinearSample', samplewise]])) {
    subjects.push({ how, part: 'output', kernels, run: () => valuesOf(run), milliseconds: [] });
    subjects.push({ how, part: 'output and gradient', kernels, run: () => valuesOf(gradient(run)), milliseconds: [] });
  }
}
subjects.push({ how: 'onnxruntime', part: 'output', kernels: 'its own', run: async () => (await session.run(feeds))[0]?.data ?? [], milliseconds: [] });

console.log(`load before ${(os.loadavg()[0] ?? 0).toFixed(2)}`);
/** @type {Map<string, ArrayLike<number>>} */
const firsts = new Map();
let worst = 0;
for (let round = -1; round < rounds; round++) {
  for (const { kernels, part, run, milliseconds } of subjects) {
    if (kernels === 'compiled') await install();
    const start = performance.now();
    const values = await run();
    if (round >= 0) milliseconds.push(performance.now() - start);
    if (kernels === 'compiled') await uninstall();
    const first = firsts.get(part) ?? values;
    firsts.set(part, first);
    for (let i = 0; i < values.length; i++) worst = Math.max(worst, Math.abs((values[i] ?? 0) - (first[i] ?? 0)));
  }
}
await session.dispose();
const median = (/** @type {readonly number[]} */ values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const runs = subjects.map(({ run, ...rest }) => rest);
for (const { how, part, kernels, milliseconds } of runs) console.log(`${how.padEnd(14)} ${part.padEnd(20)} ${kernels.padEnd(9)} ${median(milliseconds).toFixed(1).padStart(8)} ms`);
console.log(`largest difference ${worst.toExponential(2)}; load after ${(os.loadavg()[0] ?? 0).toFixed(2)}`);
await record({
  experiment: 'roi-align',
  question: 'How long does RoIAlign of boxes in a map take, as core has it and made of bilinear samples?',
  settings: { rounds, side, channels, boxes: count, bins: BINS, samples: SAMPLES, difference: worst },
  runs,
  summary: { median: Object.fromEntries(runs.map(({ how, part, kernels, milliseconds }) => [`${how}, ${part}, ${kernels}`, median(milliseconds)])) },
});
