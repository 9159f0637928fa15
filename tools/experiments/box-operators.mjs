// How long suppression of 20,000 boxes and the overlaps of 5,000 boxes with 5,000 take on one core, beside tf.image.nonMaxSuppression.
// Interleaved in one process, the first round warms up. Suppression takes no memory for pairs: a test of @convkit/anchors holds it to that.
// Needs a build. Writes results/box-operators.json.
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { boxOverlaps, convertBoxes, nonMaxSuppression } from '@convkit/anchors';
import { randomStream } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import os from 'node:os';
import { integerOptions, record } from './record.mjs';

const { rounds, boxes: count, side } = integerOptions({ rounds: 5, boxes: 20_000, side: 5_000 });
const THRESHOLD = 0.5;

/**
 * Boxes as a detector gives them, in heaps about a hundred objects, and boxes everywhere, on 1000 by 1000 pixels.
 * @param {number} size @param {number} inHeaps The share of boxes in heaps. @param {number} seed @param {number} [heaps]
 */
function scene(size, inHeaps, seed, heaps = 100) {
  const next = randomStream(seed);
  const objects = Array.from({ length: heaps }, () => ({ x: 900 * next(), y: 900 * next(), length: 20 + 100 * next() }));
  const boxes = new Float32Array(4 * size);
  for (let i = 0; i < size; i++) {
    const heap = next() < inHeaps ? objects[Math.floor(heaps * next())] : undefined;
    const { x, y, length } = heap ?? { x: 900 * next(), y: 900 * next(), length: 20 + 60 * next() };
    const [left, top] = [x + 0.3 * length * next(), y + 0.3 * length * next()];
    boxes.set([left, top, left + length * (0.8 + 0.4 * next()), top + length * (0.8 + 0.4 * next())], 4 * i);
  }
  return { boxes, scores: Float32Array.from({ length: size }, next) };
}

/** @type {{ operator: string, scene: string, backend: string, run: () => number, milliseconds: number[], found: number }[]} */
const subjects = [];
/** @param {string} operator @param {string} label @param {string} backend @param {() => number} run */
const subject = (operator, label, backend, run) => subjects.push({ operator, scene: label, backend, run, milliseconds: [], found: 0 });

for (const [label, inHeaps] of /** @type {const} */ ([['in heaps', 1], ['half in heaps', 0.5], ['everywhere', 0]])) {
  const { boxes, scores } = scene(count, inHeaps, 1);
  const rows = convertBoxes(boxes, 'xyxy', 'yxyx');
  subject('nonMaxSuppression', label, 'none', () => nonMaxSuppression(boxes, scores, { threshold: THRESHOLD }).length);
  // tfjs' JavaScript takes seconds for the other two.
  for (const backend of label === 'in heaps' ? ['wasm', 'cpu'] : ['wasm']) {
    subject('tf.image.nonMaxSuppression', label, backend, () => tf.tidy(() => tf.image.nonMaxSuppression(tf.tensor2d(rows, [count, 4]), tf.tensor1d(scores), count, THRESHOLD).dataSync().length));
  }
}
const halves = [scene(side, 0.5, 2).boxes, scene(side, 0.5, 3).boxes];
const one = [scene(side, 1, 4, 1).boxes, scene(side, 1, 4, 1).boxes];
const [a = new Float32Array(0), b = a] = halves;
const [c = a, d = a] = one;
for (const kind of /** @type {const} */ (['iou', 'giou', 'diou', 'ciou'])) subject(`boxOverlaps, ${kind}`, 'half in heaps', 'none', () => boxOverlaps(a, b, { kind }).length);
subject('boxOverlaps, iou', 'all in one heap', 'none', () => boxOverlaps(c, d).length);

console.log(`load before ${(os.loadavg()[0] ?? 0).toFixed(2)}`);
for (let round = -1; round < rounds; round++) {
  for (const each of subjects) {
    await tf.setBackend(each.backend === 'none' ? 'cpu' : each.backend);
    const start = performance.now();
    each.found = each.run();
    if (round >= 0) each.milliseconds.push(performance.now() - start);
  }
}
const median = (/** @type {readonly number[]} */ values) => [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)] ?? Number.NaN;
const runs = subjects.map(({ run, ...rest }) => rest);
for (const { operator, scene: label, backend, milliseconds, found } of runs) {
  console.log(`${operator.padEnd(27)} ${label.padEnd(16)} ${(backend === 'none' ? '' : backend).padEnd(5)} ${median(milliseconds).toFixed(1).padStart(8)} ms  ${found}`);
}
console.log(`load after ${(os.loadavg()[0] ?? 0).toFixed(2)}`);
await record({
  experiment: 'box-operators',
  question: 'How long do suppression of 20,000 boxes and the overlaps of 5,000 boxes with 5,000 take on one core?',
  settings: { rounds, boxes: count, overlaps: [side, side], threshold: THRESHOLD },
  runs,
  summary: { median: Object.fromEntries(runs.map(({ operator, scene: label, backend, milliseconds }) => [`${operator}${backend === 'none' ? '' : ` on ${backend}`}, ${label}`, median(milliseconds)])) },
});
