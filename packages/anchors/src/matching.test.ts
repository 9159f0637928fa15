/** Matching against the d2l package's recorded example and by hand; samples by their counts. */
import { randomStream } from '@convkit/core';
import { describe, expect, it } from 'vitest';
import { anchorTargets, BACKGROUND, boxOverlaps, IGNORED, MATCH_THRESHOLDS, matchByThresholds, matchSsd, matchWithForced, mineHardNegatives, sampleAnchors, SAMPLES, withoutPadding } from './index.js';

/** Dive into Deep Learning, chapter 14.4: a dog and a cat. */
const book = {
  anchors: Float64Array.of(0, 0.1, 0.2, 0.3, 0.15, 0.2, 0.4, 0.4, 0.63, 0.05, 0.88, 0.98, 0.66, 0.45, 0.8, 0.8, 0.57, 0.3, 0.92, 0.9),
  truths: { boxes: Float64Array.of(0.1, 0.08, 0.52, 0.92, 0.55, 0.2, 0.9, 0.88), classes: Int32Array.of(0, 1) },
};
/** Segments of height 1: easy IoUs. */
const segments = (...ends: [number, number][]) => Float64Array.from(ends.flatMap(([a, b]) => [a, 0, b, 1]));

describe('matching with forced anchors', () => {
  it("gives the book's classes, overlaps and offsets", () => {
    [0.0536, 0, 0.1417, 0, 0, 0.5657, 0, 0.2059, 0, 0.7459].forEach((overlap, i) => expect(boxOverlaps(book.anchors, book.truths.boxes)[i]).toBeCloseTo(overlap, 4));
    const matches = matchWithForced(book.anchors, book.truths.boxes);
    expect([...matches]).toEqual([BACKGROUND, 0, 1, BACKGROUND, 1]);
    const { offsets, mask, classes } = anchorTargets(book.anchors, book.truths, matches, { epsilon: 1e-6 });
    expect([...classes]).toEqual([0, 1, 2, 0, 2]);
    expect([...mask]).toEqual([0, 1, 1, 0, 1]);
    const wanted = [0, 0, 0, 0, 1.4, 10, 2.594, 7.1754, -1.2, 0.26882, 1.6824, -1.5655, 0, 0, 0, 0, -0.57143, -1, 4.2e-6, 0.62582];
    wanted.forEach((offset, i) => expect(offsets[i], `offset ${i}`).toBeCloseTo(offset, 4));
  });

  it('every truth gets an anchor of its own, and forced ones win', () => {
    // Both truths like the first anchor best; the second truth likes it more, so that the first takes what is left.
    const anchors = segments([0, 10], [20, 30], [9, 12]);
    const truths = segments([0, 6], [0, 9]);
    expect([...matchWithForced(anchors, truths)]).toEqual([1, 0, BACKGROUND]);
  });

  it('agrees with the whole matrix, emptied row by row and column by column', () => {
    const next = randomStream(5);
    const random = (count: number) => Float64Array.from({ length: 4 * count }, () => next()).map((x, i) => x + (i % 4 >= 2 ? 0.5 : 0));
    const [anchors, truths] = [random(60), random(9)];
    const matrix = boxOverlaps(anchors, truths);
    const wanted = Int32Array.from({ length: 60 }, (_, i) => {
      const row = [...matrix.subarray(9 * i, 9 * i + 9)];
      const most = Math.max(...row);
      return most >= 0.5 ? row.indexOf(most) : BACKGROUND;
    });
    for (let k = 0; k < 9; k++) {
      const best = matrix.indexOf(Math.max(...matrix));
      const [anchor, truth] = [Math.floor(best / 9), best % 9];
      wanted[anchor] = truth;
      matrix.forEach((_, i) => {
        if (Math.floor(i / 9) === anchor || i % 9 === truth) matrix[i] = -1;
      });
    }
    expect(matchWithForced(anchors, truths)).toEqual(wanted);
  });

  it('more truths than anchors and none at all are no fault', () => {
    expect([...matchWithForced(segments([0, 1]), segments([5, 6], [0, 1], [0, 2]))]).toEqual([1]);
    expect([...matchWithForced(segments([0, 1]), new Float64Array(0))]).toEqual([BACKGROUND]);
    expect([...matchWithForced(new Float64Array(0), segments([0, 1]))]).toEqual([]);
  });
});

describe('matching by thresholds', () => {
  // IoU with [0, 10]: 1, .7, .5, .2, 0.
  const anchors = segments([0, 10], [0, 7], [0, 5], [0, 2], [20, 30]);

  it('from the high one on matched, below the low one background, ignored between', () => {
    expect([...matchByThresholds(anchors, segments([0, 10]), { high: 0.7, low: 0.3 })]).toEqual([0, 0, IGNORED, BACKGROUND, BACKGROUND]);
    expect([...matchByThresholds(anchors, segments([0, 10]), MATCH_THRESHOLDS.roiHeads)]).toEqual([0, 0, 0, BACKGROUND, BACKGROUND]);
  });

  it('low quality: all anchors that tie for the best of a truth, each with its own best truth', () => {
    // The truth [18, 22] is reached best, 2 / 12, by the last anchor; that is its own best too.
    expect([...matchByThresholds(anchors, segments([0, 10], [18, 22]), MATCH_THRESHOLDS.rpn)]).toEqual([0, 0, IGNORED, BACKGROUND, 1]);
    const tied = segments([0, 4], [6, 10], [4, 6]);
    expect([...matchByThresholds(tied, segments([0, 10]), MATCH_THRESHOLDS.rpn)]).toEqual([0, 0, BACKGROUND]);
    // The best anchor of the small truth likes the large one more, and keeps it.
    expect([...matchByThresholds(segments([0, 10]), segments([0, 10], [0, 2]), MATCH_THRESHOLDS.rpn)]).toEqual([0]);
  });

  it('a truth that no anchor touches matches nothing', () => {
    expect([...matchByThresholds(anchors, segments([50, 60]), MATCH_THRESHOLDS.rpn)]).toEqual(Array(5).fill(BACKGROUND));
    expect([...matchByThresholds(anchors, new Float64Array(0), MATCH_THRESHOLDS.retinanet)]).toEqual(Array(5).fill(BACKGROUND));
  });

  it('thresholds in the wrong order are refused', () => {
    expect(() => matchByThresholds(anchors, anchors, { high: 0.3, low: 0.7 })).toThrow('matchByThresholds: low must be at most high, 0.3, got 0.7 (number)');
  });
});

describe("SSD's matching", () => {
  it('forces the best anchor of each truth; of two the later truth has it', () => {
    const anchors = segments([0, 10], [0, 6], [20, 30]);
    expect([...matchSsd(anchors, segments([0, 9], [25, 26]))]).toEqual([0, 0, 1]);
    expect([...matchSsd(segments([0, 10], [20, 30]), segments([0, 9], [0, 8]))]).toEqual([1, BACKGROUND]);
    expect([...matchSsd(anchors, new Float64Array(0))]).toEqual(Array(3).fill(BACKGROUND));
  });
});

describe('targets', () => {
  it('padding goes, ignored anchors say so', () => {
    const { boxes, classes } = withoutPadding({ boxes: segments([0, 1], [0, 0], [3, 4]), classes: Int32Array.of(4, -1, 2) });
    expect([...boxes]).toEqual([0, 0, 1, 1, 3, 0, 4, 1]);
    expect([...classes]).toEqual([4, 2]);
    expect([...anchorTargets(segments([0, 1], [1, 2], [2, 3]), { boxes, classes }, Int32Array.of(1, IGNORED, BACKGROUND)).classes]).toEqual([3, -1, 0]);
  });

  it('what does not go together is refused', () => {
    expect(() => anchorTargets(segments([0, 1]), book.truths, Int32Array.of(2))).toThrow('anchorTargets: matches must be indices of the 2 truths, got 2 (number)');
    expect(() => anchorTargets(segments([0, 1]), book.truths, new Int32Array(2))).toThrow('one for each of the 1 anchors');
  });
});

describe('samples', () => {
  const matches = Int32Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? i % 7 : i % 10 === 1 ? IGNORED : BACKGROUND));

  it.each([['rpn', 100, 156], ['roiHeads', 100, 412]] as const)('%s: %d matched ones and %d of the background', (name, positive, negative) => {
    const { positives, negatives } = sampleAnchors(matches, { ...SAMPLES[name], seed: 1 });
    expect([positives.length, negatives.length]).toEqual([positive, negative]);
    expect(positives.every((i) => matches[i]! >= 0)).toBe(true);
    expect(negatives.every((i) => matches[i] === BACKGROUND)).toBe(true);
    expect(new Set([...positives, ...negatives]).size).toBe(positive + negative);
    expect([...negatives]).toEqual([...negatives].sort((a, b) => a - b));
  });

  it('the share of matched ones is an upper bound, the seed decides which', () => {
    const drawn = (seed: number) => sampleAnchors(matches, { size: 40, positiveShare: 0.5, seed });
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
    expect([drawn(1).positives.length, drawn(1).negatives.length]).toEqual([20, 20]);
    // Every anchor is drawn sooner or later, none much more often than others.
    const times = new Map<number, number>();
    for (let seed = 0; seed < 400; seed++) for (const i of drawn(seed).positives) times.set(i, (times.get(i) ?? 0) + 1);
    expect(times.size).toBe(100);
    expect(Math.max(...times.values())).toBeLessThan(130);
  });

  it('hard negatives are those with the highest loss, three for each match', () => {
    const few = Int32Array.of(BACKGROUND, 0, BACKGROUND, IGNORED, BACKGROUND, BACKGROUND, BACKGROUND);
    const losses = Float32Array.of(0.1, 0.2, 0.9, 5, 0.3, 0.9, 0.4);
    expect(mineHardNegatives(losses, few)).toEqual({ positives: Int32Array.of(1), negatives: Int32Array.of(2, 5, 6) });
    expect([...mineHardNegatives(losses, few, { ratio: 1 }).negatives]).toEqual([2]);
    expect([...mineHardNegatives(losses, few.map((m) => Math.min(m, BACKGROUND))).negatives]).toEqual([]);
    expect(() => mineHardNegatives(losses, few.subarray(1))).toThrow('losses must be one for each of the 6 anchors');
  });
});
