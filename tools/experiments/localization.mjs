// Whether a small VGG finds the one object of an image as the paper's appendix A has it: a classifier is trained, its last layer
// replaced by a box (one whatever the class, or one a class), and all layers, or only the dense ones, are fine-tuned with the Euclidean
// loss. Test 1 shows the middle of the image and takes the box of the true class. Test 2 applies both networks densely at two scales;
// every position says a box for each of the five best classes, scored by the classifier; boxes merge greedily, and the best one counts
// if its class is right too. A box is right above IoU 0.5. Needs a build and onnxruntime-node. Writes results/localization.json.
import '@tensorflow/tfjs-backend-wasm';
import { boxesOfClass, boxesOfFractions, boxFractions, classBoxTargets, convertBoxes, evaluateLocalization, localizer, mergeBoxes } from '@convkit/anchors';
import { resizeBilinear2d } from '@convkit/core';
import { normalizeImages, shapes } from '@convkit/data';
import { cropCorners, denseForm, evaluate, softmaxRows } from '@convkit/evaluation';
import { compile } from '@convkit/graph';
import { cosineSchedule, createTrainer } from '@convkit/train';
import { vgg } from '@convkit/vgg';
import * as tf from '@tensorflow/tfjs-core';
import { integerOptions, mean, record } from './record.mjs';

const { seeds, steps, batch, images } = integerOptions({ seeds: 1, steps: 1000, batch: 64, images: 10_000 });
// The image is one stride of the network larger than its window, as the paper's 256 is 32 above 224.
const [SIDE, WINDOW, RATE] = [40, 32, 1e-3];
const SCALES = [36, 40];
const BEST_CLASSES = 5;
const NETWORK = {
  stages: [{ filters: 16, kernels: [3, 3] }, { filters: 32, kernels: [3, 3] }, { filters: 64, kernels: [3, 3] }],
  head: { pool: 4, widths: [256, 256], dropout: 0.2 },
};

await tf.setBackend('wasm');
const dataset = shapes({ seed: 1, train: images, test: 1000, imageSize: SIDE });
const classes = dataset.classNames.length;
const pixels = (/** @type {Uint8Array} */ bytes) => normalizeImages(bytes, { mean: 0.5, std: 0.25 });
/** Corners x1, y1, x2, y2 in pixels of the image. */
const boxesOf = (/** @type {import('@convkit/data').ShapesSplit} */ split) => convertBoxes(split.boxes, 'yxyx', 'xyxy');
const [trainPixels, trainBoxes] = [pixels(dataset.train.images), boxesOf(dataset.train)];
const [testPixels, testBoxes] = [pixels(dataset.test.images), boxesOf(dataset.test)];
const { labels: testLabels, size: testSize } = dataset.test;

/** Windows of some images. @param {Float32Array} from @param {readonly { image: number, row: number, column: number }[]} places */
function cut(from, places) {
  const windows = new Float32Array(places.length * WINDOW * WINDOW * 3);
  places.forEach(({ image, row, column }, n) => {
    for (let y = 0; y < WINDOW; y++) {
      const start = ((image * SIDE + row + y) * SIDE + column) * 3;
      windows.set(from.subarray(start, start + WINDOW * 3), (n * WINDOW + y) * WINDOW * 3);
    }
  });
  return windows;
}

/** Corners of windows at these places. @param {readonly { row: number, column: number }[]} places */
const windowsAt = (places) => Float32Array.from(places.flatMap(({ row, column }) => [column, row, column + WINDOW, row + WINDOW]));

/** A batch of windows at random places of random images. @param {() => number} random */
function drawBatch(random) {
  const places = Array.from({ length: batch }, () => ({ image: Math.floor(random() * images), row: Math.floor(random() * (SIDE - WINDOW + 1)), column: Math.floor(random() * (SIDE - WINDOW + 1)) }));
  const boxes = Float32Array.from(places.flatMap(({ image }) => [...trainBoxes.subarray(4 * image, 4 * image + 4)]));
  const labels = places.map(({ image }) => Number(dataset.train.labels[image]));
  return { images: cut(trainPixels, places), labels, fractions: boxFractions(boxes, windowsAt(places)), size: batch };
}

/** The same numbers on every machine (Mulberry32). @param {number} seed */
function uniform(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {import('@tensorflow/tfjs-layers').LayersModel} network @param {number} seed @param {(batch: ReturnType<typeof drawBatch>) => object} aim @param {object} options */
async function train(network, seed, aim, options) {
  const trainer = await createTrainer(network, { optimizer: { kind: 'adam' }, seed, ...options });
  const share = cosineSchedule({ steps });
  const random = uniform(seed);
  const late = [];
  for (let step = 0; step < steps; step++) {
    const drawn = drawBatch(random);
    const { loss } = await trainer.step({ images: drawn.images, size: batch, ...aim(drawn) }, RATE * share(step));
    if (step >= 0.9 * steps) late.push(loss);
  }
  await trainer.sync();
  await trainer.dispose();
  return mean(late);
}

const build = (/** @type {number} */ seed) => vgg.build(NETWORK, { classes, inputShape: [WINDOW, WINDOW, 3], seed });
const [CENTRE = [0, 0]] = cropCorners([SIDE, SIDE], [WINDOW, WINDOW], 1);
const centres = Array.from({ length: testSize }, (_, image) => ({ image, row: CENTRE[0], column: CENTRE[1] }));

/** Test 1: the window in the middle, the box of the true class. @param {import('@tensorflow/tfjs-layers').LayersModel} network @param {boolean} perClass */
function testCentre(network, perClass) {
  const said = tf.tidy(() => /** @type {Float32Array} */ (/** @type {tf.Tensor} */ (network.predict(tf.tensor4d(cut(testPixels, centres), [testSize, WINDOW, WINDOW, 3]))).dataSync()));
  const { correct, meanOverlap } = evaluateLocalization({ boxes: boxesOfFractions(perClass ? boxesOfClass(said, testLabels) : said, windowsAt(centres)) }, { boxes: testBoxes });
  return { correct, meanOverlap };
}

/**
 * Test 2: both networks at every position of the whole image at every scale.
 * @param {import('@tensorflow/tfjs-layers').LayersModel} classifier @param {import('@tensorflow/tfjs-layers').LayersModel} network @param {boolean} perClass
 */
function testDense(classifier, network, perClass) {
  const part = 100;
  const found = { boxes: new Float32Array(4 * testSize), classes: new Int32Array(testSize) };
  /** @type {{ boxes: number[], scores: number[], classes: number[] }[]} */
  const heaps = Array.from({ length: testSize }, () => ({ boxes: [], scores: [], classes: [] }));
  for (const scale of SCALES) {
    const inputShape = /** @type {[number, number, number]} */ ([scale, scale, 3]);
    const [scored, placed] = [denseForm(classifier, { inputShape }), denseForm(network, { inputShape })];
    const [scorer, placer] = [compile(scored.graph), compile(placed.graph)];
    const [rows, columns] = placed.positions;
    // In pixels of the image as it was.
    const windows = Float32Array.from(Array.from({ length: rows * columns }, (_, i) => {
      const [top, left] = [Math.floor(i / columns) * placed.strides[0], (i % columns) * placed.strides[1]];
      return [left, top, left + placed.window[1], top + placed.window[0]].map((at) => (at * SIDE) / scale);
    }).flat());
    for (let start = 0; start < testSize; start += part) {
      const [scores, outputs] = tf.tidy(() => {
        const x = resizeBilinear2d(tf.tensor4d(testPixels.slice(start * SIDE * SIDE * 3, (start + part) * SIDE * SIDE * 3), [part, SIDE, SIDE, 3]), [scale, scale]);
        return [scorer, placer].map((program) => /** @type {Float32Array} */ (/** @type {tf.Tensor} */ (program.predict(x)).dataSync()));
      });
      const posteriors = softmaxRows(/** @type {Float32Array} */ (scores), classes);
      const width = perClass ? classes : 1;
      for (let n = 0; n < part; n++) {
        const heap = /** @type {(typeof heaps)[number]} */ (heaps[start + n]);
        const own = posteriors.subarray(n * rows * columns * classes, (n + 1) * rows * columns * classes);
        const most = Array.from({ length: classes }, (_, c) => Math.max(...Array.from({ length: rows * columns }, (__, p) => Number(own[p * classes + c]))));
        const best = [...most.keys()].sort((a, b) => Number(most[b]) - Number(most[a])).slice(0, BEST_CLASSES);
        for (let p = 0; p < rows * columns; p++) {
          const window = windows.subarray(4 * p, 4 * p + 4);
          for (const c of best) {
            const at = 4 * (((n * rows * columns + p) * width) + (perClass ? c : 0));
            heap.boxes.push(...boxesOfFractions(/** @type {Float32Array} */ (outputs).slice(at, at + 4), window));
            heap.scores.push(Number(own[p * classes + c]));
            heap.classes.push(c);
          }
        }
      }
    }
    scorer.dispose();
    placer.dispose();
  }
  heaps.forEach(({ boxes, scores, classes: names }, n) => {
    const merged = mergeBoxes(Float32Array.from(boxes), Float64Array.from(scores), { classes: Int32Array.from(names) });
    found.boxes.set(merged.boxes.subarray(0, 4), 4 * n);
    found.classes[n] = Number(merged.classes[0]);
  });
  const { correct: box, meanOverlap } = evaluateLocalization({ boxes: found.boxes }, { boxes: testBoxes });
  const { correct } = evaluateLocalization(found, { boxes: testBoxes, classes: testLabels });
  return { correct, box, meanOverlap };
}

const runs = [];
for (let seed = 1; seed <= seeds; seed++) {
  const classifier = build(seed);
  const loss = await train(classifier, seed, ({ labels }) => ({ labels }), {});
  const { top1 } = await evaluate(classifier, { images: cut(testPixels, centres), labels: testLabels, size: testSize });
  console.log(`seed ${seed} classifier: loss ${loss.toFixed(3)}, ${top1.toFixed(2)} %`);
  for (const boxes of /** @type {const} */ (['shared', 'perClass'])) {
    for (const layers of /** @type {const} */ (['all', 'dense'])) {
      const started = performance.now();
      const copy = build(seed);
      copy.setWeights(classifier.getWeights());
      const network = localizer(copy, { boxes, seed });
      const perClass = boxes === 'perClass';
      const lossAtTheEnd = await train(network, seed + 1000, ({ fractions, labels }) => ({ targets: [perClass ? classBoxTargets(fractions, labels, classes) : fractions] }), {
        loss: 'euclidean', ...(layers === 'all' ? {} : { rateOf: (/** @type {string} */ name) => (name.startsWith('classifier.') ? 1 : 0) }),
      });
      const [centre, dense] = [testCentre(network, perClass), testDense(classifier, network, perClass)];
      runs.push({ boxes, layers, seed, classifierTop1: top1, lossAtTheEnd, centre, dense });
      const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;
      console.log(`seed ${seed} ${boxes.padEnd(8)} ${layers.padEnd(5)} loss ${lossAtTheEnd.toFixed(4)}; middle ${percent(centre.correct)}, IoU ${centre.meanOverlap.toFixed(3)}; dense box ${percent(dense.box)}, and class ${percent(dense.correct)} after ${((performance.now() - started) / 1000).toFixed(0)} s`);
      network.dispose();
    }
  }
  classifier.dispose();
}

const summary = Object.fromEntries(['shared', 'perClass'].flatMap((boxes) => ['all', 'dense'].map((layers) => {
  const own = runs.filter((run) => run.boxes === boxes && run.layers === layers);
  return [`${boxes}, ${layers} layers`, { centre: mean(own.map(({ centre }) => centre.correct)), denseBox: mean(own.map(({ dense }) => dense.box)), dense: mean(own.map(({ dense }) => dense.correct)) }];
})));
await record({
  experiment: 'localization',
  question: 'In how many images of one shape is its box right (IoU above 0.5), by VGG-style regression?',
  settings: {
    dataset: { name: dataset.name, sha256: dataset.sha256, source: dataset.source, train: images, test: testSize, side: SIDE }, network: NETWORK, window: WINDOW, scales: SCALES, bestClasses: BEST_CLASSES,
    engine: 'onnxruntime', optimizer: 'adam', learningRate: RATE, schedule: 'cosine', steps, batch,
  },
  runs,
  summary,
});
