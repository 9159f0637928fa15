/** Which true box an anchor learns. */
import { iou, option, OptionError, readOptions } from '@convkit/core';
import { at, countBoxes, type Boxes } from './boxes.js';

/** Says of an anchor that it shows no object. Matched anchors have the index of their true box, from 0. */
export const BACKGROUND = -1;
/** Says of an anchor that it is neither learnt as an object nor as background. */
export const IGNORED = -2;

const share = option.number({ min: 0, max: 1 });
const matchEntries = { threshold: option.withDefault(share, 0.5) } as const;

/** Calls `visit` with the IoU of every pair, anchor by anchor; nothing is kept of it. */
function forEachOverlap(anchors: Boxes, truths: Boxes, visit: (anchor: number, truth: number, overlap: number) => void): void {
  for (let i = 0, a = 0; a < anchors.length; i++, a += 4) {
    const [x1, y1, x2, y2] = [at(anchors, a), at(anchors, a + 1), at(anchors, a + 2), at(anchors, a + 3)];
    for (let j = 0, t = 0; t < truths.length; j++, t += 4) visit(i, j, iou(x1, y1, x2, y2, at(truths, t), at(truths, t + 1), at(truths, t + 2), at(truths, t + 3)));
  }
}

/** Every anchor's first best truth with its IoU, and every truth's first best anchor with its IoU. */
function bestOf(where: string, anchors: Boxes, truths: Boxes) {
  const [anchorCount, truthCount] = [countBoxes(where, 'anchors', anchors), countBoxes(where, 'truths', truths)];
  const ofAnchor = { truth: new Int32Array(anchorCount).fill(BACKGROUND), overlap: new Float64Array(anchorCount).fill(-1) };
  const ofTruth = { anchor: new Int32Array(truthCount).fill(-1), overlap: new Float64Array(truthCount).fill(-1) };
  forEachOverlap(anchors, truths, (i, j, overlap) => {
    if (overlap > at(ofAnchor.overlap, i)) {
      ofAnchor.overlap[i] = overlap;
      ofAnchor.truth[i] = j;
    }
    if (overlap > at(ofTruth.overlap, j)) {
      ofTruth.overlap[j] = overlap;
      ofTruth.anchor[j] = i;
    }
  });
  return { ofAnchor, ofTruth };
}

/**
 * Anchors by their best truth where its IoU is at least the threshold; then every truth gets one anchor for itself: again and again
 * the best pair of what is left, whatever its IoU. (assign_anchor_to_bbox of Dive into Deep Learning.) With more truths
 * than anchors, the truths left over get none.
 * @returns [A]: the index of a truth, or {@link BACKGROUND}.
 */
export function matchWithForced(anchors: Boxes, truths: Boxes, options: { threshold?: number } = {}): Int32Array {
  const where = 'matchWithForced';
  const { threshold } = readOptions(where, matchEntries, options);
  const { ofAnchor, ofTruth } = bestOf(where, anchors, truths);
  const matches = ofAnchor.truth.map((truth, i) => (at(ofAnchor.overlap, i) >= threshold ? truth : BACKGROUND));
  const isTaken = new Uint8Array(matches.length);
  const open = new Set(ofTruth.anchor.keys());
  const rounds = Math.min(open.size, matches.length);
  for (let round = 0; round < rounds; round++) {
    // The best pair; among equals the first anchor, then the first truth, as argmax has it.
    const best = [...open].reduce((a, b) => (at(ofTruth.overlap, b) > at(ofTruth.overlap, a) || (at(ofTruth.overlap, b) === at(ofTruth.overlap, a) && at(ofTruth.anchor, b) < at(ofTruth.anchor, a)) ? b : a));
    const anchor = at(ofTruth.anchor, best);
    matches[anchor] = best;
    isTaken[anchor] = 1;
    open.delete(best);
    for (const truth of open) if (at(ofTruth.anchor, truth) === anchor) nextBest(truth);
  }
  return matches;

  /** The truth's best anchor of those that are left. */
  function nextBest(truth: number): void {
    ofTruth.overlap[truth] = -1;
    forEachOverlap(anchors, truths.subarray(4 * truth, 4 * truth + 4), (i, _, overlap) => {
      if (at(isTaken, i) === 1 || overlap <= at(ofTruth.overlap, truth)) return;
      ofTruth.overlap[truth] = overlap;
      ofTruth.anchor[truth] = i;
    });
  }
}

export interface ThresholdMatchOptions {
  /** From this IoU on an anchor is matched. */
  high: number;
  /** Below it an anchor is background; between the two it is ignored. */
  low: number;
  /** Every truth also takes all anchors that reach its best IoU, if that is above 0; each is matched to its own best truth. Default false. */
  lowQuality?: boolean;
}

/** Thresholds that are in use (torchvision). */
export const MATCH_THRESHOLDS = {
  rpn: { high: 0.7, low: 0.3, lowQuality: true },
  roiHeads: { high: 0.5, low: 0.5, lowQuality: false },
  retinanet: { high: 0.5, low: 0.4, lowQuality: true },
} as const satisfies Record<string, ThresholdMatchOptions>;

const thresholdEntries = { high: share, low: share, lowQuality: option.withDefault(option.boolean(), false) } as const;

/**
 * Anchors by their best truth and two thresholds: torchvision's Matcher. (A truth that no anchor touches matches nothing here;
 * torchvision then takes every anchor that does not touch it.)
 * @returns [A]: the index of a truth, {@link BACKGROUND} or {@link IGNORED}.
 */
export function matchByThresholds(anchors: Boxes, truths: Boxes, options: ThresholdMatchOptions): Int32Array {
  const where = 'matchByThresholds';
  const { high, low, lowQuality } = readOptions(where, thresholdEntries, options);
  if (low > high) throw new OptionError(where, 'low', low, `at most high, ${high}`);
  const { ofAnchor, ofTruth } = bestOf(where, anchors, truths);
  const matches = ofAnchor.truth.map((truth, i) => {
    const overlap = at(ofAnchor.overlap, i);
    return overlap >= high ? truth : overlap >= low ? IGNORED : BACKGROUND;
  });
  if (lowQuality) {
    forEachOverlap(anchors, truths, (i, j, overlap) => {
      if (overlap > 0 && overlap === at(ofTruth.overlap, j)) matches[i] = at(ofAnchor.truth, i);
    });
  }
  return matches;
}

/**
 * Anchors by their best truth where its IoU is at least the threshold; then each truth's best anchor is matched to it, the
 * later truth winning where two want the same: torchvision's SSDMatcher.
 * @returns [A]: the index of a truth, or {@link BACKGROUND}.
 */
export function matchSsd(anchors: Boxes, truths: Boxes, options: { threshold?: number } = {}): Int32Array {
  const where = 'matchSsd';
  const { threshold } = readOptions(where, matchEntries, options);
  const { ofAnchor, ofTruth } = bestOf(where, anchors, truths);
  const matches = ofAnchor.truth.map((truth, i) => (at(ofAnchor.overlap, i) >= threshold ? truth : BACKGROUND));
  ofTruth.anchor.forEach((anchor, truth) => {
    if (anchor >= 0) matches[anchor] = truth;
  });
  return matches;
}
