/** Non-maximum suppression, greedy and fast: what stays keeps its score. */
import { option, readOptions, suppressGreedily } from '@convkit/core';
import { foldOverBetter } from './better-boxes.js';
import { at, type Boxes } from './boxes.js';
import { byScore, orderByClass, suppressionEntries, type SuppressionOptions } from './score-order.js';

export interface NonMaxSuppressionOptions extends SuppressionOptions {
  /** A box goes if a better one that stays overlaps it by more than this. Default 0.5. */
  threshold?: number;
}

const entries = { ...suppressionEntries, threshold: option.withDefault(option.number({ min: 0, max: 1 }), 0.5) } as const;

/**
 * Greedy suppression: from the best score down, a box stays unless its IoU with one that stays is above the threshold
 * (strictly, as in torchvision; tf.image.nonMaxSuppression takes those equal to it away too). With `classes`, class by class.
 * Any coordinates will do: nothing is added to boxes to keep classes apart.
 * @param boxes [N, 4], corners; @param scores [N]
 * @returns the indices that stay, best first; among equal scores the lower index comes first.
 * @throws OptionError for options and lengths that do not fit.
 */
export function nonMaxSuppression(boxes: Boxes, scores: Boxes, options: NonMaxSuppressionOptions = {}): Int32Array {
  const where = 'nonMaxSuppression';
  const { threshold, limit, ...selection } = readOptions(where, entries, options);
  const stay = orderByClass(where, boxes, scores, selection).flatMap((group) => suppressGreedily(boxes, group, { threshold, limit }));
  return byScore(Int32Array.from(stay), scores).slice(0, Math.min(limit, stay.length));
}

/**
 * Fast NMS (Bolya et al. 2019, YOLACT, arXiv 1904.02689, section 3.3): a box goes if any better one of its class overlaps it by
 * more than the threshold, even one that goes itself. So somewhat fewer stay than in {@link nonMaxSuppression}.
 */
export function fastNonMaxSuppression(boxes: Boxes, scores: Boxes, options: NonMaxSuppressionOptions = {}): Int32Array {
  const where = 'fastNonMaxSuppression';
  const { threshold, limit, ...selection } = readOptions(where, entries, options);
  const stay = orderByClass(where, boxes, scores, selection).flatMap((group) => {
    const most = foldOverBetter(boxes, group, 0, (value, overlap) => (overlap > value ? overlap : value));
    return Array.from(group).filter((_, place) => at(most, place) <= threshold);
  });
  return byScore(Int32Array.from(stay), scores).slice(0, Math.min(limit, stay.length));
}
