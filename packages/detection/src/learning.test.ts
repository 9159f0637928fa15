/** Targets, losses and decoding: by hand, against the arrays of anchors, and a net that learns. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { encodeBoxes, mineHardNegatives } from '@convkit/anchors';
import { conv2d, randomStream } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { assignAnchors, decodeDetections, detect, detectionLoss, detectionLosses, RETINANET_RULES, SSD_RULES, ssd, tinySsd, trainerLosses, trainerTargets, type Detector } from './index.js';

/** Four anchors in a row, each a quarter of the image; two kinds of objects. */
const row = (rules: Partial<Detector['rules']> = {}): Detector => ({
  model: undefined as never, classes: 2, rules: { ...SSD_RULES, ...rules },
  anchors: Float32Array.of(0, 0, 0.25, 1, 0.25, 0, 0.5, 1, 0.5, 0, 0.75, 1, 0.75, 0, 1, 1),
});
const truths = [
  { boxes: Float32Array.of(0.25, 0, 0.5, 0.75, 0, 0, 0, 0), classes: Int32Array.of(1, -1) },
  { boxes: new Float32Array(0), classes: new Int32Array(0) },
  { boxes: Float32Array.of(0, 0, 0.25, 1, 0.5, 0, 0.75, 1), classes: Int32Array.of(0, 1) },
];

describe('targets', () => {
  it('classes count from 1, offsets are those of the matched anchor, sums are over all matched anchors of the batch', () => {
    const { size, classes, offsets, classWeights, boxWeights } = assignAnchors(row(), truths);
    expect(size).toBe(3);
    expect([...classes]).toEqual([0, 2, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0]);
    expect([...offsets.subarray(4, 8)]).toEqual([...encodeBoxes(truths[0]!.boxes.subarray(0, 4), row().anchors.subarray(4, 8))]);
    // Three images, three matches.
    expect([...classWeights]).toEqual(Array(12).fill(1));
    expect([...boxWeights]).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0]);
  });

  it("RetinaNet's are divided image by image; ignored anchors weigh nothing", () => {
    const detector = row(RETINANET_RULES);
    // IoU 0.53 with the first anchor, 0.44 with the second.
    const wide = { boxes: Float32Array.of(0, 0, 0.47, 1), classes: Int32Array.of(0) };
    const { classes, classWeights, boxWeights } = assignAnchors(detector, [wide, truths[2]!]);
    expect([...classes]).toEqual([1, -1, 0, 0, 1, 0, 2, 0]);
    expect([...classWeights]).toEqual([1, 0, 1, 1, 0.5, 0.5, 0.5, 0.5]);
    expect([...boxWeights]).toEqual([1, 0, 0, 0, 0.5, 0, 0.5, 0]);
  });

  it('a class that is not there is named', () => {
    expect(() => assignAnchors(row(), [{ boxes: Float32Array.of(0, 0, 1, 1), classes: Int32Array.of(2) }])).toThrow('truths[0].classes must be from 0 to 1, or -1 for padding, got 2');
  });

  it('for a trainer they are rows of ones and zeros, with the losses that go with them', () => {
    const one = assignAnchors(row(), truths.slice(0, 1));
    const { targets, weights } = trainerTargets(row(), one);
    expect([...targets[0]!]).toEqual([1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0]);
    expect(targets[1]).toBe(one.offsets);
    expect(weights).toEqual([one.classWeights, one.boxWeights]);
    expect(trainerLosses(row())).toEqual([{ kind: 'softmaxCrossEntropy', hardNegatives: 3 }, { kind: 'smoothL1', beta: 1 }]);
    const sigmoid = row(RETINANET_RULES);
    expect([...trainerTargets(sigmoid, one).targets[0]!]).toEqual([0, 0, 0, 1, 0, 0, 0, 0]);
    expect(trainerLosses(sigmoid)).toEqual([{ kind: 'focal', alpha: 0.25, gamma: 2 }, { kind: 'smoothL1', beta: 1 / 9 }]);
  });
});

describe.each(['wasm', 'cpu'])('losses on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  const values = (count: number, seed: number) => {
    const next = randomStream(seed);
    return Float32Array.from({ length: count }, () => 4 * next() - 2);
  };

  it("SSD's is cross-entropy of matches and hard negatives and smooth L1 of matches, over the matches of the batch", () => {
    const detector = row({ hardNegatives: 1 });
    const assigned = assignAnchors(detector, truths);
    const [z, moves] = [values(36, 1), values(48, 2)];
    const cross = Float32Array.from(assigned.classes, (kind, i) => {
      const scores = [...z.subarray(3 * i, 3 * i + 3)];
      return Math.log(scores.reduce((sum, x) => sum + Math.exp(x), 0)) - scores[kind]!;
    });
    const chosen = [0, 1, 2].flatMap((n) => {
      const matches = assigned.classes.slice(4 * n, 4 * n + 4).map((kind) => kind - 1);
      const { positives, negatives } = mineHardNegatives(cross.subarray(4 * n, 4 * n + 4), matches, { ratio: 1 });
      return [...positives, ...negatives].map((i) => 4 * n + i);
    });
    const smooth = (x: number) => (Math.abs(x) < 1 ? x * x / 2 : Math.abs(x) - 0.5);
    const boxes = [1, 8, 10].reduce((sum, i) => sum + [0, 1, 2, 3].reduce((inner, k) => inner + smooth(moves[4 * i + k]! - assigned.offsets[4 * i + k]!), 0), 0) / 3;
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const outputs = [tf.tensor3d(z, [3, 4, 3]), tf.tensor3d(moves, [3, 4, 4])];
      const losses = detectionLosses(detector, outputs, assigned);
      expect(losses.classes.dataSync()[0]).toBeCloseTo(chosen.reduce((sum, i) => sum + cross[i]!, 0) / 3, 5);
      expect(losses.boxes.dataSync()[0]).toBeCloseTo(boxes, 5);
      const gradient = tf.grad((x) => detectionLoss(detector, [x, outputs[1]!], assigned))(outputs[0]!).dataSync();
      Array.from({ length: 12 }, (_, i) => expect(gradient.subarray(3 * i, 3 * i + 3).some((slope) => slope !== 0), `anchor ${i}`).toBe(chosen.includes(i)));
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("RetinaNet's is focal loss of all that is not ignored, image by image", () => {
    const detector = row({ ...RETINANET_RULES, focal: { alpha: 0.5, gamma: 0 } });
    const assigned = assignAnchors(detector, [{ boxes: Float32Array.of(0, 0, 0.47, 1), classes: Int32Array.of(0) }]);
    const z = values(8, 3);
    tf.tidy(() => {
      const { classes } = detectionLosses(detector, [tf.tensor3d(z, [1, 4, 2]), tf.zeros([1, 4, 4])], assigned);
      // Half the cross-entropy; anchor 0 is class 0, anchor 1 ignored.
      const wanted = [...z].reduce((sum, x, i) => (i === 2 || i === 3 ? sum : sum + Math.log1p(Math.exp(i === 0 ? -x : x)) / 2), 0);
      expect(classes.dataSync()[0]).toBeCloseTo(wanted, 5);
      expect(() => detectionLosses(detector, [tf.zeros([1, 4, 3]), tf.zeros([1, 4, 4])], assigned)).toThrow('outputs must be [1, 4, 2] and [1, 4, 4]');
    });
  });
});

describe('detections', () => {
  const { anchors } = row();
  /** Logits that are nearly sure of a class for each anchor, 0 the background. */
  const sure = (kinds: readonly number[], by = 9) => Float32Array.from(kinds.flatMap((kind, i) => [0, 1, 2].map((k) => (k === kind ? by + i / 10 : 0))));

  it('are decoded, the most probable first, in pixels where asked for', () => {
    const object = Float32Array.of(0.3, 0.1, 0.45, 0.9);
    const offsets = new Float32Array(16);
    offsets.set(encodeBoxes(object, anchors.subarray(4, 8)), 4);
    const [found] = decodeDetections(row(), sure([0, 1, 0, 2]), offsets);
    expect([...found!.classes]).toEqual([1, 0]);
    object.forEach((value, i) => expect(found!.boxes[4 + i]).toBeCloseTo(value, 5));
    expect([...found!.boxes.subarray(0, 4)]).toEqual([0.75, 0, 1, 1]);
    expect(found!.scores[0]).toBeGreaterThan(found!.scores[1]!);
    const [pixels] = decodeDetections(row(), sure([0, 1, 0, 2]), offsets, { imageSize: [100, 200] });
    object.forEach((value, i) => expect(pixels!.boxes[4 + i]).toBeCloseTo(value * (i % 2 === 0 ? 200 : 100), 3));
  });

  it('what is encoded comes back from its targets; two images stay apart', () => {
    const detector = row();
    const assigned = assignAnchors(detector, truths);
    const found = decodeDetections(detector, sure([...assigned.classes]), assigned.offsets, { scoreThreshold: 0.5 });
    expect(found.map(({ classes }) => [...classes])).toEqual([[1], [], [1, 0]]);
    found[0]!.boxes.forEach((value, i) => expect(value).toBeCloseTo(truths[0]!.boxes[i]!, 5));
  });

  it('boxes are cut at the image, suppressed class by class, and limited', () => {
    const offsets = new Float32Array(16);
    // Anchors 0 and 1 both say the whole image.
    for (const i of [0, 1]) offsets.set(encodeBoxes(Float32Array.of(-0.5, 0, 1.5, 1), anchors.subarray(4 * i, 4 * i + 4)), 4 * i);
    const boxes = (kinds: number[], options = {}) => [...decodeDetections(row(), sure(kinds), offsets, { scoreThreshold: 0.1, ...options })[0]!.boxes];
    expect(boxes([1, 1, 0, 0])).toEqual([0, 0, 1, 1]);
    expect(boxes([1, 2, 0, 0])).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
    expect(boxes([1, 2, 1, 1], { limit: 1 })).toHaveLength(4);
    expect(boxes([1, 1, 1, 1], { candidates: 1 })).toEqual([0.75, 0, 1, 1]);
    expect(boxes([0, 0, 0, 0])).toEqual([]);
  });

  it('sigmoids need no background', () => {
    const [found] = decodeDetections(row(RETINANET_RULES), Float32Array.of(3, -9, -9, -9, -9, -9, -9, 2), new Float32Array(16));
    expect([...found!.classes]).toEqual([0, 1]);
    [3, 2].forEach((z, i) => expect(found!.scores[i]).toBeCloseTo(1 / (1 + Math.exp(-z)), 6));
    expect(() => decodeDetections(row(), new Float32Array(11), new Float32Array(16))).toThrow('decodeDetections: logits must be 3 numbers for each of the anchors');
  });
});

describe('a detector', () => {
  it('learns on wasm: its loss falls, and it finds what it was shown', async () => {
    await tf.setBackend('wasm');
    const detector = tinySsd({ classes: 2, inputShape: [16, 16, 1], base: [8], stages: [8], sizes: [[0.3, 0.4], [0.5, 0.6], [0.9, 0.95]], ratios: [1], seed: 1 });
    // A bright or a dark square on grey.
    const next = randomStream(3);
    const scenes = Array.from({ length: 16 }, (_, n) => ({ x: Math.floor(9 * next()), y: Math.floor(9 * next()), kind: n % 2 }));
    const side = 7;
    const images = tf.tensor4d(scenes.flatMap(({ x, y, kind }) => Array.from({ length: 256 }, (_, i) => (i % 16 >= x && i % 16 < x + side && i >> 4 >= y && i >> 4 < y + side ? kind : 0.5))), [16, 16, 16, 1]);
    const assigned = assignAnchors(detector, scenes.map(({ x, y, kind }) => ({ boxes: Float32Array.of(x / 16, y / 16, (x + side) / 16, (y + side) / 16), classes: Int32Array.of(kind) })));
    const optimizer = tf.train.adam(0.02);
    const step = () => tf.tidy(() => (optimizer.minimize(() => detectionLoss(detector, detector.model.apply(images, { training: true }) as tf.Tensor[], assigned), true) as tf.Scalar).dataSync()[0]!);
    const first = step();
    step();
    const tensors = tf.memory().numTensors;
    for (let i = 0; i < 58; i++) step();
    expect(tf.memory().numTensors).toBe(tensors);
    const last = step();
    expect(last).toBeLessThan(first / 4);
    const found = await detect(detector, images, { scoreThreshold: 0.3, imageSize: [16, 16] });
    expect(tf.memory().numTensors).toBe(tensors);
    const right = found.filter(({ boxes, classes }, n) => classes[0] === scenes[n]!.kind && Math.abs(boxes[0]! - scenes[n]!.x) < 2 && Math.abs(boxes[1]! - scenes[n]!.y) < 2);
    expect(right.length).toBeGreaterThanOrEqual(12);
    images.dispose();
    detector.model.dispose();
  });

  it('shares its weights with the backbone that it was given', () => {
    const x = input({ shape: [8, 8, 1] });
    const backbone = model({ inputs: x, outputs: conv2d(x, { filters: 2, kernelSize: 3, padding: 1, name: 'own' }) });
    const detector = ssd({ backbone, classes: 1 });
    expect(detector.model.getLayer('own')).toBe(backbone.getLayer('own'));
    detector.model.dispose();
  });
});
