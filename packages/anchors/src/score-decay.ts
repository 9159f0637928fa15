/** Suppression that lowers scores: Soft-NMS and Matrix NMS. */
import { iou, option, readOptions } from '@convkit/core';
import { foldOverBetter } from './better-boxes.js';
import { at, boxAt, type Boxes } from './boxes.js';
import { byScore, orderByClass, suppressionEntries, type SuppressionOptions } from './score-order.js';

export interface ScoreDecayOptions extends SuppressionOptions {
  /** Default 'gaussian'. */
  decay?: 'linear' | 'gaussian';
  /** Of the Gaussian, exp(-IoU^2 / sigma). tf.image.nonMaxSuppressionWithScore has 2 sigma there: give it half of this. Default 0.5. */
  sigma?: number;
  /** Only boxes whose lowered score is above it stay. Default 0.001. */
  scoreThreshold?: number;
}

export interface SoftSuppressionOptions extends ScoreDecayOptions {
  /** Of the linear decay: boxes that overlap less keep their scores. Default 0.3. */
  threshold?: number;
}

export interface ScoredBoxes {
  /** Best first; among equal scores the lower index first. */
  indices: Int32Array;
  /** The lowered score of each of them. */
  scores: Float64Array;
}

const entries = {
  ...suppressionEntries,
  decay: option.withDefault(option.oneOf(['linear', 'gaussian']), 'gaussian'),
  sigma: option.withDefault(option.number({ above: 0 }), 0.5),
  scoreThreshold: option.withDefault(option.number(), 0.001),
} as const;
const softEntries = { ...entries, threshold: option.withDefault(option.number({ min: 0, max: 1 }), 0.3) } as const;

/** The best of what is left, from all classes. */
function gather(found: readonly number[], lowered: Float64Array, limit: number): ScoredBoxes {
  const indices = byScore(Int32Array.from(found), lowered).slice(0, Math.min(limit, found.length));
  return { indices, scores: Float64Array.from(indices, (i) => lowered[i] as number) };
}

/**
 * Soft-NMS (Bodla et al. 2017, arXiv 1704.04503): the best box is taken, the scores of the others are lowered by how much they
 * overlap it, and again from the best of the rest. Linear: s (1 - IoU) where IoU >= threshold. Gaussian: s exp(-IoU^2 / sigma) for all.
 * Time grows with the square of the boxes of a class, memory does not.
 * @param boxes [N, 4], corners; @param scores [N]
 */
export function softNonMaxSuppression(boxes: Boxes, scores: Boxes, options: SoftSuppressionOptions = {}): ScoredBoxes {
  const where = 'softNonMaxSuppression';
  const { decay, sigma, threshold, limit, ...selection } = readOptions(where, softEntries, options);
  const factor = (overlap: number) => (decay === 'gaussian' ? Math.exp(-(overlap * overlap) / sigma) : overlap >= threshold ? 1 - overlap : 1);
  const lowered = Float64Array.from(scores);
  const found: number[] = [];
  for (const group of orderByClass(where, boxes, scores, selection)) {
    let left = Array.from(group);
    for (let taken = 0; left.length > 0 && taken < limit; taken++) {
      const best = left.reduce((a, b) => ((lowered[b] as number) > (lowered[a] as number) || (lowered[b] === lowered[a] && b < a) ? b : a));
      found.push(best);
      const [x1, y1, x2, y2] = boxAt(boxes, best);
      left = left.filter((i) => {
        if (i === best) return false;
        lowered[i] = (lowered[i] as number) * factor(iou(x1, y1, x2, y2, at(boxes, 4 * i), at(boxes, 4 * i + 1), at(boxes, 4 * i + 2), at(boxes, 4 * i + 3)));
        return (lowered[i] as number) > selection.scoreThreshold;
      });
    }
  }
  return gather(found, lowered, limit);
}

/**
 * Matrix NMS (Wang et al. 2020, arXiv 2003.10152, section 3.3): all scores are lowered at once. With f = 1 - IoU or
 * exp(-IoU^2 / sigma), box j is lowered by the smallest f(IoU_ij) / f(m_i) over the better boxes i of its class, m_i being the
 * most that i itself overlaps with a better one. (The authors' code writes exp(-sigma IoU^2): its sigma 2 is 0.5 here.)
 */
export function matrixNonMaxSuppression(boxes: Boxes, scores: Boxes, options: ScoreDecayOptions = {}): ScoredBoxes {
  const where = 'matrixNonMaxSuppression';
  const { decay, sigma, limit, ...selection } = readOptions(where, entries, options);
  const f = (overlap: number) => (decay === 'gaussian' ? Math.exp(-(overlap * overlap) / sigma) : 1 - overlap);
  const lowered = Float64Array.from(scores);
  const found: number[] = [];
  for (const group of orderByClass(where, boxes, scores, selection)) {
    const most = foldOverBetter(boxes, group, 0, (value, overlap) => Math.max(value, overlap));
    // A box that equals a better one has f = 0 and weighs nothing itself.
    const factors = foldOverBetter(boxes, group, 1, (value, overlap, better) => {
      const own = f(most[better] as number);
      return own > 0 ? Math.min(value, f(overlap) / own) : value;
    });
    group.forEach((i, place) => {
      lowered[i] = (lowered[i] as number) * (factors[place] as number);
      if ((lowered[i] as number) > selection.scoreThreshold) found.push(i);
    });
  }
  return gather(found, lowered, limit);
}
