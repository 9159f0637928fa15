/** Boxes that many windows say of one object, made one: Sermanet et al. 2013 (OverFeat, arXiv 1312.6229), section 4.3. */
import { iou, option, OptionError, readOptions } from '@convkit/core';
import { at, boxAt, countBoxes, likewise, type Boxes } from './boxes.js';

export interface MergeOptions {
  /** [N]: boxes merge only within a class. Default: all are of one. */
  classes?: Int32Array;
  /** Two boxes merge while their match score is at most this. Default 0: squares of one size up to sqrt 2 - 1 = 0.41 sides apart. */
  threshold?: number;
  /** Weight of the overlap in the match score. Default 1. */
  overlap?: number;
  /** The new box: 'mean' of all boxes that went into the two, or 'pairwise' of the two, as OverFeat has it. Default 'mean'. */
  average?: 'mean' | 'pairwise';
}

export interface MergedBoxes<B extends Boxes = Boxes> {
  /** [M, 4], best first. */
  readonly boxes: B;
  /** [M]: the sum of the scores that went into each. */
  readonly scores: Float64Array;
  /** [M] */
  readonly classes: Int32Array;
  /** [M]: how many boxes went into each. */
  readonly counts: Int32Array;
}

const entries = {
  classes: option.optional(option.custom<Int32Array>((value) => value instanceof Int32Array, 'an Int32Array')),
  threshold: option.withDefault(option.number(), 0),
  overlap: option.withDefault(option.number({ min: 0 }), 1),
  average: option.withDefault(option.oneOf(['mean', 'pairwise']), 'mean'),
} as const;

type Quad = [number, number, number, number];
interface Merged {
  box: Quad;
  score: number;
  count: number;
}

/**
 * The distance of the centres, in roots of the mean area, minus `overlap` times the IoU: the smaller, the more of one object. OverFeat says
 * "the sum of the distance between centres and the intersection area", which would grow with the overlap that it looks for.
 */
function matchScore(a: Quad, b: Quad, overlap: number): number {
  const distance = Math.hypot((a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2);
  const area = ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])) / 2;
  // Boxes without area match where they are the same.
  return (distance === 0 ? 0 : distance / Math.sqrt(Math.max(area, 0))) - overlap * iou(...a, ...b);
}

/** Merges the best pair again and again; each box remembers its nearest later one, so most pairs are compared once. */
function mergeGroup(group: Merged[], { threshold, overlap, average }: { threshold: number; overlap: number; average: 'mean' | 'pairwise' }): Merged[] {
  const nearest = (i: number) => {
    let best = { score: Infinity, other: -1 };
    for (let j = i + 1; j < group.length; j++) {
      const score = matchScore((group[i] as Merged).box, (group[j] as Merged).box, overlap);
      if (score < best.score) best = { score, other: j };
    }
    return best;
  };
  let pairs = group.map((_, i) => nearest(i));
  for (;;) {
    const first = pairs.reduce((best, { score }, i) => (score < (pairs[best]?.score ?? Infinity) ? i : best), 0);
    const pair = pairs[first];
    if (pair === undefined || pair.other < 0 || !(pair.score <= threshold)) return group;
    const [a, b] = [group[first] as Merged, group[pair.other] as Merged];
    const share = average === 'mean' ? a.count / (a.count + b.count) : 0.5;
    const box = a.box.map((value, k) => share * value + (1 - share) * (b.box[k] as number)) as Quad;
    group.splice(pair.other, 1);
    // The merged box takes the first one's place; who was nearest to either, or stands behind what is gone, looks again.
    group[first] = { box, score: a.score + b.score, count: a.count + b.count };
    pairs = pairs.toSpliced(pair.other, 1).map(({ score, other }, i) => {
      if (i === first || other === first || other === pair.other) return nearest(i);
      const moved = { score, other: other > pair.other ? other - 1 : other };
      if (i > first) return moved;
      const toMerged = matchScore((group[i] as Merged).box, box, overlap);
      return toMerged < moved.score || (toMerged === moved.score && first < moved.other) ? { score: toMerged, other: first } : moved;
    });
  }
}

/**
 * Greedy merging: of all pairs of a class, the two boxes with the least match score become their average, until none is at or below the threshold. Scores
 * add up, so an object that many windows agree on wins. VGG gives each box the classification network's posterior as its score.
 * @param boxes [N, 4], corners; @param scores [N]
 * @returns what is left, best first; among equals that whose first box came first.
 * @throws OptionError for options and lengths that do not fit.
 */
export function mergeBoxes<B extends Boxes>(boxes: B, scores: Boxes, options: MergeOptions = {}): MergedBoxes<B> {
  const where = 'mergeBoxes';
  const { classes, ...rule } = readOptions(where, entries, options);
  const count = countBoxes(where, 'boxes', boxes);
  for (const [name, list] of Object.entries({ scores, ...(classes === undefined ? {} : { classes }) })) {
    if (list.length !== count) throw new OptionError(where, name, list.length, `one for each of the ${count} boxes`);
  }
  const groups = new Map<number, Merged[]>();
  for (let i = 0; i < count; i++) {
    const name = classes === undefined ? 0 : at(classes, i);
    const group = groups.get(name) ?? [];
    groups.set(name, group);
    group.push({ box: boxAt(boxes, i), score: at(scores, i), count: 1 });
  }
  const merged = [...groups].flatMap(([name, group]) => mergeGroup(group, rule).map((one) => ({ ...one, name }))).sort((a, b) => b.score - a.score);
  const result = likewise(boxes, 4 * merged.length);
  merged.forEach(({ box }, i) => result.set(box, 4 * i));
  return {
    boxes: result, scores: Float64Array.from(merged, ({ score }) => score), classes: Int32Array.from(merged, ({ name }) => name), counts: Int32Array.from(merged, ({ count: of }) => of),
  };
}
