import { OptionError } from '@convkit/core';
import { encodeBoxes, type EncodeOptions } from './box-coding.js';
import { at, boxAt, countBoxes, likewise, type Boxes } from './boxes.js';

/** The objects of an image. */
export interface TruthBoxes<B extends Boxes = Boxes> {
  /** [G, 4], corners. */
  boxes: B;
  /** [G], from 0; an object of class -1 is padding and must not be matched. */
  classes: Int32Array;
}

/** What the anchors of an image learn. */
export interface AnchorTargets<B extends Boxes = Boxes> {
  /** [A, 4]; zeros where there is no match. */
  offsets: B;
  /** [A]: 1 where the offsets count. */
  mask: Float32Array;
  /** [A]: 0 is background, the object's class + 1 otherwise. Ignored anchors have -1. */
  classes: Int32Array;
}

/** Without the objects of class -1, with which batches are padded. Match what is left. */
export function withoutPadding<B extends Boxes>({ boxes, classes }: TruthBoxes<B>): TruthBoxes<B> {
  const real = Array.from(classes.keys()).filter((i) => at(classes, i) !== -1);
  const kept = likewise(boxes, 4 * real.length);
  real.forEach((i, k) => kept.set(boxAt(boxes, i), 4 * k));
  return { boxes: kept, classes: Int32Array.from(real, (i) => at(classes, i)) };
}

/**
 * Offsets and classes of matched anchors: what multibox_target of Dive into Deep Learning gives for one image (with
 * {@link matchWithForced} and an epsilon of 1e-6).
 * @param anchors [A, 4], corners; @param matches [A], of a matcher.
 * @throws OptionError where matches and truths do not go together.
 */
export function anchorTargets<B extends Boxes>(anchors: Boxes, truths: TruthBoxes<B>, matches: Int32Array, options: EncodeOptions = {}): AnchorTargets<B> {
  const where = 'anchorTargets';
  const [count, truthCount] = [countBoxes(where, 'anchors', anchors), countBoxes(where, 'truths.boxes', truths.boxes)];
  if (truths.classes.length !== truthCount) throw new OptionError(where, 'truths.classes', truths.classes.length, `one for each of the ${truthCount} boxes`);
  if (matches.length !== count) throw new OptionError(where, 'matches', matches.length, `one for each of the ${count} anchors`);
  const offsets = likewise(truths.boxes, 4 * count);
  const mask = new Float32Array(count);
  const classes = matches.map((match, i) => {
    if (match < 0) return match === -1 ? 0 : -1;
    if (match >= truthCount) throw new OptionError(where, 'matches', match, `indices of the ${truthCount} truths`);
    offsets.set(encodeBoxes(truths.boxes.subarray(4 * match, 4 * match + 4), anchors.subarray(4 * i, 4 * i + 4), options), 4 * i);
    mask[i] = 1;
    return at(truths.classes, match) + 1;
  });
  return { offsets, mask, classes };
}
