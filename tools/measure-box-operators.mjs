// Time of suppression of 20,000 boxes, beside tf.image.nonMaxSuppression on wasm and cpu, and of the overlaps of 5,000 boxes with
// 5,000. Interleaved in one process; prints medians. Needs a build.
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import os from 'node:os';
import { boxOverlaps, convertBoxes, nonMaxSuppression } from '@convkit/anchors';
import { randomStream } from '@convkit/core';

const ROUNDS = 5;
const THRESHOLD = 0.5;

/**
 * Boxes as a detector gives them: heaps about objects, and boxes everywhere.
 * @param {number} count @param {number} inHeaps The share of boxes in heaps. @param {number} seed
 */
function scene(count, inHeaps, seed) {
  const next = randomStream(seed);
  const objects = Array.from({ length: 100 }, () => ({ x: 900 * next(), y: 900 * next(), side: 20 + 100 * next() }));
  const boxes = new Float32Array(4 * count);
  for (let i = 0; i < count; i++) {
    const { x, y, side } = next() < inHeaps ? objects[Math.floor(100 * next())] ?? { x: 0, y: 0, side: 1 } : { x: 900 * next(), y: 900 * next(), side: 20 + 60 * next() };
    const [left, top] = [x + 0.3 * side * next(), y + 0.3 * side * next()];
    boxes.set([left, top, left + side * (0.8 + 0.4 * next()), top + side * (0.8 + 0.4 * next())], 4 * i);
  }
  return { boxes, scores: Float32Array.from({ length: count }, next) };
}

/** @type {{ name: string, backend: string, run: () => number, times: number[], found: number }[]} */
const subjects = [];
/** @param {string} name @param {string} backend @param {() => number} run */
const subject = (name, backend, run) => subjects.push({ name, backend, run, times: [], found: 0 });

for (const [label, inHeaps] of /** @type {const} */ ([['in heaps', 1], ['half in heaps', 0.5], ['everywhere', 0]])) {
  const { boxes, scores } = scene(20_000, inHeaps, 1);
  const rows = convertBoxes(boxes, 'xyxy', 'yxyx');
  subject(`20,000 boxes ${label}, nonMaxSuppression`, 'cpu', () => nonMaxSuppression(boxes, scores, { threshold: THRESHOLD }).length);
  for (const backend of ['wasm', 'cpu']) {
    subject(`20,000 boxes ${label}, tf.image on ${backend}`, backend, () =>
      tf.tidy(() => tf.image.nonMaxSuppression(tf.tensor2d(rows, [20_000, 4]), tf.tensor1d(scores), 20_000, THRESHOLD).dataSync().length));
  }
}
const [some, others] = [scene(5_000, 0.5, 2).boxes, scene(5_000, 0.5, 3).boxes];
for (const kind of /** @type {const} */ (['iou', 'giou', 'diou', 'ciou'])) subject(`5,000 x 5,000, ${kind}`, 'cpu', () => boxOverlaps(some, others, { kind }).length);

const load = () => (os.loadavg()[0] ?? 0).toFixed(2);
console.log(`load before ${load()}, ${os.cpus().length} processors, Node ${process.version}`);
for (let round = -1; round < ROUNDS; round++) {
  for (const one of subjects) {
    await tf.setBackend(one.backend);
    const start = performance.now();
    one.found = one.run();
    // The first round warms up.
    if (round >= 0) one.times.push(performance.now() - start);
  }
}
for (const { name, times, found } of subjects) {
  const sorted = times.sort((a, b) => a - b);
  console.log(`${name.padEnd(50)} ${(sorted[Math.floor(ROUNDS / 2)] ?? 0).toFixed(1).padStart(8)} ms, ${found} numbers`);
}
console.log(`load after ${load()}`);
