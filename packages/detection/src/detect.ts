/** From a detector's outputs to boxes. */
import { decodeBoxes, nonMaxSuppression } from '@convkit/anchors';
import { option, OptionError, readOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Detector, DetectorRules } from './detector.js';

export interface DetectOptions {
  /** Only boxes with a probability above it. Default 0.01 (softmax) or 0.05 (sigmoid). */
  scoreThreshold?: number;
  /** IoU above which the better box of a class takes the other away. Default 0.45 (softmax) or 0.5 (sigmoid). */
  threshold?: number;
  /** Most probable boxes of each class before suppression. Default 400 (softmax) or 1000 (sigmoid). */
  candidates?: number;
  /** Boxes of an image. Default 200 (softmax) or 300 (sigmoid). */
  limit?: number;
  /** [height, width] that boxes are multiplied by. Default: boxes are shares of the image. */
  imageSize?: readonly [number, number];
}

/** What was found in an image, the most probable first. */
export interface Detections {
  /** [D, 4]: x1, y1, x2, y2, inside the image. */
  boxes: Float32Array;
  /** [D], probabilities. */
  scores: Float32Array;
  /** [D], from 0. */
  classes: Int32Array;
}

/** torchvision's, for SSD and RetinaNet (there a thousand of each level). */
const DEFAULTS = { softmax: { scoreThreshold: 0.01, threshold: 0.45, candidates: 400, limit: 200 }, sigmoid: { scoreThreshold: 0.05, threshold: 0.5, candidates: 1000, limit: 300 } } as const;

const share = option.optional(option.number({ min: 0, max: 1 }));
const entries = {
  scoreThreshold: share, threshold: share, candidates: option.optional(option.integer(1)), limit: option.optional(option.integer(1)),
  imageSize: option.withDefault(option.size(), [1, 1]),
} as const;

/** Options with the defaults of a detector's kind. */
export function readDetectOptions(where: string, { scores }: DetectorRules, options: DetectOptions): Required<DetectOptions> {
  const { imageSize, ...given } = readOptions(where, entries, options);
  const fallback = DEFAULTS[scores];
  const { scoreThreshold = fallback.scoreThreshold, threshold = fallback.threshold, candidates = fallback.candidates, limit = fallback.limit } = given;
  return { scoreThreshold, threshold, candidates, limit, imageSize };
}

/** The probability of every class but the background, [A, classes], of one image's logits [A, K]. */
function probabilities(logits: Float32Array, kinds: number, scores: 'softmax' | 'sigmoid'): Float32Array {
  if (scores === 'sigmoid') return logits.map((z) => 1 / (1 + Math.exp(-z)));
  const columns = kinds + 1;
  const result = new Float32Array((logits.length / columns) * kinds);
  for (let a = 0; a < logits.length / columns; a++) {
    const row = logits.subarray(a * columns, (a + 1) * columns);
    const most = row.reduce((x, y) => Math.max(x, y));
    const total = row.reduce((sum, z) => sum + Math.exp(z - most), 0);
    for (let k = 0; k < kinds; k++) result[a * kinds + k] = Math.exp((row[k + 1] as number) - most) / total;
  }
  return result;
}

/** Anchor and class of what is probable enough, class by class. */
function candidatesOf(scores: Float32Array, kinds: number, scoreThreshold: number, most: number): { anchor: number; kind: number; score: number }[] {
  const byKind = Array.from({ length: kinds }, (): { anchor: number; kind: number; score: number }[] => []);
  scores.forEach((score, i) => {
    if (score > scoreThreshold) byKind[i % kinds]?.push({ anchor: Math.floor(i / kinds), kind: i % kinds, score });
  });
  return byKind.flatMap((found) => (found.length <= most ? found : found.sort((a, b) => b.score - a.score || a.anchor - b.anchor).slice(0, most)));
}

/**
 * Boxes from the raw outputs of N images: probabilities, the best candidates of each class, decoding, clipping, suppression class by class.
 * @param logits [N, A, K]; @param offsets [N, A, 4]. @throws OptionError for lengths that do not fit.
 */
export function decodeDetections({ anchors, classes: kinds, rules }: Detector, logits: Float32Array, offsets: Float32Array, options: DetectOptions = {}): Detections[] {
  const where = 'decodeDetections';
  const { imageSize: [height, width], scoreThreshold, threshold, candidates, limit } = readDetectOptions(where, rules, options);
  const columns = kinds + (rules.scores === 'softmax' ? 1 : 0);
  const size = offsets.length / anchors.length;
  if (!Number.isInteger(size) || logits.length !== (size * anchors.length * columns) / 4) throw new OptionError(where, 'logits', logits.length, `${columns} numbers for each of the anchors, and 4 offsets`);
  const perImage = (anchors.length / 4) * columns;
  return Array.from({ length: size }, (_, n) => {
    const found = candidatesOf(probabilities(logits.subarray(n * perImage, (n + 1) * perImage), kinds, rules.scores), kinds, scoreThreshold, candidates);
    const pick = (values: Float32Array) => {
      const picked = new Float32Array(4 * found.length);
      found.forEach(({ anchor }, i) => picked.set(values.subarray(4 * anchor, 4 * anchor + 4), 4 * i));
      return picked;
    };
    const boxes = decodeBoxes(pick(offsets.subarray(n * anchors.length, (n + 1) * anchors.length)), pick(anchors), { weights: rules.boxWeights })
      .map((value, i) => Math.min(Math.max(value, 0), 1) * (i % 2 === 0 ? width : height));
    const [scores, classes] = [Float32Array.from(found, ({ score }) => score), Int32Array.from(found, ({ kind }) => kind)];
    const kept = nonMaxSuppression(boxes, scores, { classes, threshold, limit });
    const result = new Float32Array(4 * kept.length);
    kept.forEach((place, i) => result.set(boxes.subarray(4 * place, 4 * place + 4), 4 * i));
    return { boxes: result, scores: Float32Array.from(kept, (place) => scores[place] as number), classes: Int32Array.from(kept, (place) => classes[place] as number) };
  });
}

/**
 * What is in a batch of images.
 * @param images [N, H, W, C] as the network was trained on. @throws OptionError for options that do not fit.
 */
export async function detect(detector: Detector, images: tf.Tensor4D, options: DetectOptions = {}): Promise<Detections[]> {
  const [logits, offsets] = tf.tidy(() => detector.model.apply(images, { training: false }) as tf.Tensor[]) as [tf.Tensor, tf.Tensor];
  const [scores, moves] = await Promise.all([logits.data<'float32'>(), offsets.data<'float32'>()]);
  tf.dispose([logits, offsets]);
  return decodeDetections(detector, scores, moves, options);
}
