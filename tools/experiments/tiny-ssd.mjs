// How well tinySsd finds the shapes of the built-in set: ten outlines, one to three of them on 64 x 64 pixels, learned from the
// boxes that the set has of them. Mean average precision at IoU 0.5 by the rule of VOC 2010, on images of the test split. The matching
// is the book's, the losses are SSD's, a training step is one ONNX graph. Needs a build and onnxruntime-node.
// Writes results/tiny-ssd.json.
import '@tensorflow/tfjs-backend-wasm';
import { convertBoxes, evaluateVoc } from '@convkit/anchors';
import { batches, normalizeImages, shapes } from '@convkit/data';
import { assignAnchors, decodeDetections, tinySsd, trainerLosses, trainerTargets } from '@convkit/detection';
import { cosineSchedule, createTrainer } from '@convkit/train';
import * as tf from '@tensorflow/tfjs-core';
import { integerOptions, mean, record } from './record.mjs';

const { seeds, steps, batch, images, test } = integerOptions({ seeds: 3, steps: 500, batch: 32, images: 8000, test: 500 });
const [SIDE, RATE, WEIGHT_DECAY] = [64, 3e-3, 1e-4];
const NETWORK = {
  inputShape: /** @type {[number, number, number]} */ ([SIDE, SIDE, 3]),
  base: [16, 32], stages: [64, 64, 64],
  sizes: [[0.18, 0.23], [0.28, 0.34], [0.4, 0.48], [0.58, 0.7], [0.85, 0.95]],
};

const dataset = shapes({ seed: 0, train: images, test, imageSize: SIDE, objects: [1, 3] });
const most = dataset.train.objectsPerImage;
const pixels = SIDE * SIDE * 3;

/** The objects of an image, boxes in pixels, class -1 for none. @param {typeof dataset.train} split @param {number} i */
function objectsOf({ boxes, objectLabels }, i) {
  return { boxes: convertBoxes(boxes.subarray(4 * most * i, 4 * most * (i + 1)), 'yxyx', 'xyxy'), classes: Int32Array.from(objectLabels.subarray(most * i, most * (i + 1))) };
}

/** @param {readonly { image: number, boxes: ArrayLike<number>, classes: Int32Array, scores: ArrayLike<number> }[]} found */
function asSet(found) {
  return {
    images: Int32Array.from(found.flatMap(({ image, classes }) => [...classes].map(() => image))),
    boxes: Float32Array.from(found.flatMap(({ boxes }) => Array.from(boxes))),
    classes: Int32Array.from(found.flatMap(({ classes }) => [...classes])),
    scores: Float32Array.from(found.flatMap(({ scores }) => Array.from(scores))),
  };
}

const truths = (() => {
  const every = Array.from({ length: dataset.test.size }, (_, image) => {
    const { boxes, classes } = objectsOf(dataset.test, image);
    const there = [...classes.keys()].filter((k) => classes[k] !== -1);
    return { image, boxes: there.flatMap((k) => [...boxes.subarray(4 * k, 4 * k + 4)]), classes: Int32Array.from(there, (k) => classes[k] ?? -1), scores: [] };
  });
  const { scores, ...set } = asSet(every);
  return set;
})();

/** @param {import('@convkit/train').Trainer} trainer @param {import('@convkit/detection').Detector} detector */
async function evaluate(trainer, detector) {
  const found = [];
  for (let start = 0; start < dataset.test.size; start += 100) {
    const size = Math.min(100, dataset.test.size - start);
    const [logits, offsets] = await trainer.predictAll(normalizeImages(dataset.test.images.subarray(start * pixels, (start + size) * pixels)), size);
    if (logits === undefined || offsets === undefined) throw new Error('a detector has two outputs');
    decodeDetections(detector, logits, offsets, { imageSize: [SIDE, SIDE] }).forEach((detections, n) => found.push({ image: start + n, ...detections }));
  }
  return evaluateVoc(asSet(found), truths, { rule: 'voc10', threshold: 0.5, inclusive: false });
}

await tf.setBackend('wasm');
const runs = [];
for (let seed = 1; seed <= seeds; seed++) {
  const detector = tinySsd({ classes: dataset.classNames.length, ...NETWORK, seed });
  const trainer = await createTrainer(detector.model, { loss: trainerLosses(detector), optimizer: { kind: 'adamW', weightDecay: WEIGHT_DECAY }, seed });
  const share = cosineSchedule({ steps });
  const started = performance.now();
  let [step, /** @type {number[]} */ losses] = [0, /** @type {number[]} */ ([])];
  for (let epoch = 0; step < steps; epoch++) {
    for (const { images: bytes, indices, size } of batches(dataset.train, { batchSize: batch, seed, epoch, dropRemainder: true })) {
      if (step === steps) break;
      const objects = Array.from(indices, (i) => {
        const { boxes, classes } = objectsOf(dataset.train, i);
        return { boxes: boxes.map((value) => value / SIDE), classes };
      });
      const { loss } = await trainer.step({ images: normalizeImages(bytes), size, ...trainerTargets(detector, assignAnchors(detector, objects)) }, RATE * share(step++));
      losses.push(loss);
      if (step % 100 === 0) console.log(`seed ${seed} step ${step}, loss ${mean(losses.slice(-100)).toFixed(3)}`);
    }
  }
  const seconds = (performance.now() - started) / 1000;
  const { classes } = await evaluate(trainer, detector);
  const byClass = Object.fromEntries(classes.map(({ class: kind, averagePrecision, truths: count }) => [dataset.classNames[kind] ?? kind, { averagePrecision, truths: count }]));
  const meanAveragePrecision = mean(classes.map(({ averagePrecision }) => averagePrecision));
  runs.push({ seed, parameters: detector.model.countParams(), anchors: detector.anchors.length / 4, seconds, lossAtTheStart: mean(losses.slice(0, 10)), lossAtTheEnd: mean(losses.slice(-50)), byClass, meanAveragePrecision });
  console.log(`seed ${seed}: mAP@0.5 ${meanAveragePrecision.toFixed(4)} after ${seconds.toFixed(0)} s`);
  await trainer.dispose();
  detector.model.dispose();
}

await record({
  experiment: 'tiny-ssd',
  question: 'What mean average precision at IoU 0.5 does tinySsd reach on the built-in shapes set?',
  settings: {
    dataset: { name: dataset.name, source: dataset.source, sha256: dataset.sha256, train: dataset.train.size, test: dataset.test.size, image: [SIDE, SIDE, 3], objects: [1, 3] },
    network: { name: 'tinySsd', ...NETWORK }, engine: 'onnxruntime', optimizer: 'adamW', weightDecay: WEIGHT_DECAY, learningRate: RATE, schedule: 'cosine', steps, batch,
    rule: 'voc10, IoU above 0.5',
  },
  runs,
  summary: { meanAveragePrecision: mean(runs.map((run) => run.meanAveragePrecision)), lowest: Math.min(...runs.map((run) => run.meanAveragePrecision)) },
});
