/** The average precision of one class, by the rules of PASCAL VOC and COCO. */
import { unknownName } from '@convkit/core';

/**
 * - `voc07`: the mean over the recalls 0, .1, ..., 1 of the best precision at that recall or above. Recalls are compared as
 *   fractions, exactly.
 * - `voc07Reference`: the same with the recalls of the published code, np.arange(0, 1.1, 0.1), whose .6 is .6000000000000001: a recall
 *   of 3 in 5 does not reach it.
 * - `voc10`: the area under the precision, made falling from the right (VOC 2010 and later).
 * - `coco`: the mean over the recalls 0, .01, ..., 1, compared exactly.
 */
export const PRECISION_RULES = ['voc07', 'voc07Reference', 'voc10', 'coco'] as const;
export type PrecisionRule = (typeof PRECISION_RULES)[number];

export interface PrecisionCurve {
  /** Hits in the first k + 1 detections over the objects. */
  recall: Float64Array;
  /** Hits in the first k + 1 detections over k + 1. */
  precision: Float64Array;
}

/** Precision and recall after each detection, best score first. */
export function precisionCurve(hits: readonly boolean[], truths: number): PrecisionCurve {
  let found = 0;
  const counts = hits.map((hit) => (found += hit ? 1 : 0));
  return { recall: Float64Array.from(counts, (count) => count / truths), precision: Float64Array.from(counts, (count, k) => count / (k + 1)) };
}

/** The mean over `steps` + 1 recalls of the envelope where so many hits are reached; 0 where they are not. */
function meanAtRecalls(steps: number, counts: readonly number[], envelope: Float64Array, reaches: (count: number, step: number) => boolean): number {
  let sum = 0;
  for (let step = 0, k = 0; step <= steps; step++) {
    while (k < counts.length && !reaches(counts[k] as number, step)) k++;
    sum += envelope[k] ?? 0;
  }
  return sum / (steps + 1);
}

/**
 * Average precision of one class.
 * @param hits For each detection, best score first, whether it found an object; @param truths How many objects there are.
 * @returns 0 to 1; NaN where there are no objects.
 */
export function averagePrecision(hits: readonly boolean[], truths: number, rule: PrecisionRule): number {
  if (!PRECISION_RULES.includes(rule)) throw unknownName('averagePrecision', 'rule', rule, PRECISION_RULES);
  if (truths === 0) return Number.NaN;
  const { precision, recall } = precisionCurve(hits, truths);
  const counts = Array.from(recall, (share) => Math.round(share * truths));
  const envelope = precision.slice();
  for (let k = envelope.length - 2; k >= 0; k--) envelope[k] = Math.max(envelope[k] as number, envelope[k + 1] as number);
  switch (rule) {
    case 'voc07': return meanAtRecalls(10, counts, envelope, (count, step) => 10 * count >= step * truths);
    case 'voc07Reference': return meanAtRecalls(10, counts, envelope, (count, step) => count / truths >= step * 0.1);
    case 'coco': return meanAtRecalls(100, counts, envelope, (count, step) => 100 * count >= step * truths);
    case 'voc10': return counts.reduce((area, count, k) => area + ((count - (counts[k - 1] ?? 0)) / truths) * (envelope[k] as number), 0);
  }
}
