/** From class probabilities and boxes to detections, as multibox_detection of Dive into Deep Learning (d2l/torch.py, chapter 14.7). */
import { option, OptionError, readOptions } from '@convkit/core';
import { at, countBoxes, type Boxes } from './boxes.js';
import { nonMaxSuppression } from './non-max-suppression.js';

export interface MultiboxDetectionOptions {
  /** Of the suppression, which is blind to classes. Default 0.5. */
  threshold?: number;
  /** Below it a detection is taken for background. The book has 0.009999999. Default 0.01. */
  scoreThreshold?: number;
}

export interface MultiboxDetections {
  /** Which box each row is about: those that stay, best first, then the others in their order. */
  indices: Int32Array;
  /** From 0; -1 is suppressed or background. */
  classes: Int32Array;
  /** The class's probability; for background what is left of it, 1 - p. */
  scores: Float64Array;
}

const entries = {
  threshold: option.withDefault(option.number({ min: 0, max: 1 }), 0.5),
  scoreThreshold: option.withDefault(option.number({ min: 0, max: 1 }), 0.01),
} as const;

/**
 * The most probable class of every box except the background, and one suppression over all classes.
 * @param probabilities [N, C + 1], background first; @param boxes [N, 4], decoded.
 */
export function multiboxDetection(probabilities: Boxes, boxes: Boxes, options: MultiboxDetectionOptions = {}): MultiboxDetections {
  const where = 'multiboxDetection';
  const { threshold, scoreThreshold } = readOptions(where, entries, options);
  const count = countBoxes(where, 'boxes', boxes);
  const columns = probabilities.length / count;
  if (count > 0 && !(Number.isInteger(columns) && columns >= 2)) throw new OptionError(where, 'probabilities', probabilities.length, `at least two numbers for each of the ${count} boxes`);
  const best = new Int32Array(count);
  const scores = Float64Array.from({ length: count }, (_, i) => {
    const row = probabilities.subarray(i * columns + 1, (i + 1) * columns);
    row.forEach((p, c) => {
      if (p > at(row, best[i] as number)) best[i] = c;
    });
    return at(row, best[i] as number);
  });
  const stay = nonMaxSuppression(boxes, scores, { threshold });
  const isKept = new Uint8Array(count);
  for (const i of stay) isKept[i] = 1;
  const indices = Int32Array.from([...stay, ...Array.from(best.keys()).filter((i) => at(isKept, i) === 0)]);
  return {
    indices,
    classes: indices.map((i) => (at(isKept, i) === 1 && at(scores, i) >= scoreThreshold ? at(best, i) : -1)),
    scores: Float64Array.from(indices, (i) => (at(scores, i) < scoreThreshold ? 1 - at(scores, i) : at(scores, i))),
  };
}
