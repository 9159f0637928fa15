import { option, OptionError } from '@convkit/core';
import { at, countBoxes, type Boxes } from './boxes.js';

/** What all kinds of suppression take. */
export interface SuppressionOptions {
  /** Class of each box: boxes of different classes do not suppress each other. Default: all are of one class. */
  classes?: Int32Array;
  /** Only boxes with a score above it count. A score that is NaN never does. Default: all. */
  scoreThreshold?: number;
  /** Boxes to give at most. Default: no limit. */
  limit?: number;
}

/** Limits may be Infinity. */
const orInfinity = (above: number) => option.custom<number>((x) => typeof x === 'number' && x > above, `a number > ${above}`);
export const suppressionEntries = {
  classes: option.optional(option.custom<Int32Array>((x) => x instanceof Int32Array, 'an Int32Array')),
  scoreThreshold: option.withDefault(option.custom<number>((x) => typeof x === 'number' && !Number.isNaN(x), 'a number'), Number.NEGATIVE_INFINITY),
  limit: option.withDefault(orInfinity(0), Number.POSITIVE_INFINITY),
} as const;

/** Indices by falling score, equal ones by rising index. */
export function byScore(indices: Int32Array, scores: Boxes): Int32Array {
  return indices.sort((i, j) => at(scores, j) - at(scores, i) || i - j);
}

/**
 * The boxes above the score threshold, best first, for each class in turn.
 * @throws OptionError where there are more or fewer scores or classes than boxes.
 */
export function orderByClass(where: string, boxes: Boxes, scores: Boxes, { classes, scoreThreshold }: { classes?: Int32Array | undefined; scoreThreshold: number }): Int32Array[] {
  const count = countBoxes(where, 'boxes', boxes);
  if (scores.length !== count) throw new OptionError(where, 'scores', scores.length, `one for each of the ${count} boxes`);
  if (classes !== undefined && classes.length !== count) throw new OptionError(where, 'classes', classes.length, `one for each of the ${count} boxes`);
  // Without a threshold a score of -Infinity counts, and NaN still does not.
  const counts = (score: number) => score > scoreThreshold || (scoreThreshold === Number.NEGATIVE_INFINITY && score === scoreThreshold);
  const sorted = byScore(Int32Array.from({ length: count }, (_, i) => i).filter((i) => counts(at(scores, i))), scores);
  if (classes === undefined) return [sorted];
  const groups = new Map<number, number[]>();
  for (const i of sorted) {
    const group = groups.get(at(classes, i));
    if (group === undefined) groups.set(at(classes, i), [i]);
    else group.push(i);
  }
  return [...groups.values()].map((group) => Int32Array.from(group));
}
