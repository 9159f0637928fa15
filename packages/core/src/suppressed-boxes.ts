import * as tf from '@tensorflow/tfjs-core';
import { readsAtOnce } from './backend.js';
import { suppressGreedily } from './greedy-suppression.js';
import type { OpAttributes } from './lowering.js';
import { suppressInRounds } from './suppression-rounds.js';

/** How boxes are suppressed, and how many. */
export type SuppressionAttributes = OpAttributes['nonMaxSuppression'];

/** x1, y1, x2, y2, score, class. */
const COLUMNS = 6;

interface Found {
  readonly box: number;
  readonly kind: number;
  readonly score: number;
}

/** Better scores first, then lower classes, then lower boxes. */
const byScore = (a: Found, b: Found) => b.score - a.score || a.kind - b.kind || a.box - b.box;

/** What stays of one image's boxes [R, 4] with scores [R, K]. A score that is NaN never counts. */
function suppressImage(boxes: Float32Array, scores: Float32Array, kinds: number, { threshold, scoreThreshold, candidates, limit }: SuppressionAttributes): Found[] {
  const byKind = Array.from({ length: kinds }, (): Found[] => []);
  scores.forEach((score, i) => {
    if (score > scoreThreshold) byKind[i % kinds]?.push({ box: Math.floor(i / kinds), kind: i % kinds, score });
  });
  const stay = byKind.flatMap((found) => {
    const best = found.sort(byScore).slice(0, candidates);
    const scoreOf = new Map(best.map((one) => [one.box, one]));
    return suppressGreedily(boxes, Int32Array.from(best, ({ box }) => box), { threshold, limit }).map((box) => scoreOf.get(box) as Found);
  });
  return stay.sort(byScore).slice(0, limit);
}

/** Greedy suppression on the processor: tens of thousands of boxes in milliseconds. */
function suppressOnProcessor(boxes: tf.Tensor3D, scores: tf.Tensor3D, attributes: SuppressionAttributes): tf.Tensor3D {
  const [n, rows, kinds] = scores.shape;
  const { limit } = attributes;
  const [boxValues, scoreValues] = [boxes.dataSync<'float32'>(), scores.dataSync<'float32'>()];
  const result = new Float32Array(n * limit * COLUMNS);
  for (let image = 0; image < n; image++) {
    const own = boxValues.subarray(image * rows * 4, (image + 1) * rows * 4);
    const found = suppressImage(own, scoreValues.subarray(image * rows * kinds, (image + 1) * rows * kinds), kinds, attributes);
    for (let place = 0; place < limit; place++) {
      const one = found[place];
      const at = (image * limit + place) * COLUMNS;
      if (one === undefined) result[at + 5] = -1;
      else result.set([...own.subarray(4 * one.box, 4 * one.box + 4), one.score, one.kind], at);
    }
  }
  return tf.tensor3d(result, [n, limit, COLUMNS]);
}

/**
 * Greedy non-maximum suppression, class by class: of each class the `candidates` boxes with the best scores above `scoreThreshold`, less those
 * whose IoU with a better one that stays is above `threshold`; of all classes together the `limit` best. Equal scores are in the order of
 * class, then box; on webgpu, where it is done in tensors, in any order. It has no gradient.
 * @param boxes [N, R, 4], x1, y1, x2, y2; @param scores [N, R, K]
 * @returns [N, limit, 6]: x1, y1, x2, y2, score, class, best first; places that stay empty are 0, 0, 0, 0, 0, -1.
 */
export function suppressedBoxes(boxes: tf.Tensor3D, scores: tf.Tensor3D, attributes: SuppressionAttributes): tf.Tensor3D {
  const suppress = tf.customGrad((inBoxes, inScores) => ({
    value: (readsAtOnce() ? suppressOnProcessor : suppressInRounds)(inBoxes as tf.Tensor3D, inScores as tf.Tensor3D, attributes),
    gradFunc: (): tf.Tensor[] => {
      throw new Error('nonMaxSuppression has no gradient: train on what is in front of it');
    },
  }));
  return suppress(boxes, scores) as tf.Tensor3D;
}
