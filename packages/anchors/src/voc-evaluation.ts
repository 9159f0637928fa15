/** Mean average precision by the rules of PASCAL VOC (its devkit; pascal_voc_eval.py of Deformable-ConvNets). */
import { option, OptionError, readOptions } from '@convkit/core';
import { averagePrecision, precisionCurve, type PrecisionCurve } from './average-precision.js';
import { boxOverlaps } from './box-overlaps.js';
import { at, boxAt, type Boxes } from './boxes.js';
import { checkSets, groupByClass, type ClassInImage, type DetectionSet, type TruthSet } from './evaluation-set.js';

export interface VocOptions {
  /** 2007's eleven recalls, the same as the published code rounds them, or the area of 2010. Default 'voc10'. */
  rule?: 'voc07' | 'voc07Reference' | 'voc10';
  /** A detection must overlap an object by more. Default 0.5. */
  threshold?: number;
  /** The last pixel belongs to the box, as in VOC's files; false for boxes whose far edges are their ends. Default true. */
  inclusive?: boolean;
}

/** One line of the table. */
export interface ClassPrecision extends PrecisionCurve {
  class: number;
  /** 0 to 1; NaN for a class that has no objects. */
  averagePrecision: number;
  /** Objects that had to be found. */
  truths: number;
  /** Detections that count as right or wrong. */
  detections: number;
}

export interface VocEvaluation {
  /** The mean over the classes that have objects; NaN without any. */
  meanAveragePrecision: number;
  classes: ClassPrecision[];
}

const entries = {
  rule: option.withDefault(option.oneOf(['voc07', 'voc07Reference', 'voc10']), 'voc10'),
  threshold: option.withDefault(option.number({ min: 0, max: 1 }), 0.5),
  inclusive: option.withDefault(option.boolean(), true),
} as const;

/** Some of the boxes, in that order. */
export function pickBoxes(boxes: Boxes, indices: readonly number[]): Float64Array {
  return Float64Array.from(indices.flatMap((i) => boxAt(boxes, i)));
}

/** The mean of what is a number, NaN where nothing is. */
export function meanOf(values: readonly number[]): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  return numbers.length === 0 ? Number.NaN : numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
}

/**
 * Every detection of a class, best of all images first, is right if the object of its image that it overlaps most is overlapped by
 * more than the threshold and was not found before; a second hit is wrong, and there is no second-best object. Ignored objects
 * count neither way.
 * @throws OptionError for lists of different lengths, and for normalised boxes that would be inclusive.
 */
export function evaluateVoc(detections: DetectionSet, truths: TruthSet, options: VocOptions = {}): VocEvaluation {
  const where = 'evaluateVoc';
  const { rule, threshold, inclusive } = readOptions(where, entries, options);
  checkSets(where, detections, truths);
  if (inclusive && truths.boxes.length > 0 && truths.boxes.every((value) => Math.abs(value) <= 1)) {
    throw new OptionError(where, 'inclusive', inclusive, 'false where boxes are normalised');
  }
  const isIgnored = (truth: number) => truths.ignored?.[truth] === 1;
  /** Whether each detection is right; those that do not count are left out. */
  const judge = ({ detections: found, truths: there }: ClassInImage): [detection: number, isHit: boolean][] => {
    const overlaps = boxOverlaps(pickBoxes(detections.boxes, found), pickBoxes(truths.boxes, there), { inclusive });
    const isFound = new Set<number>();
    return found.flatMap((detection, row): [number, boolean][] => {
      const values = overlaps.subarray(row * there.length, (row + 1) * there.length);
      const most = Math.max(...values);
      const truth = there[values.indexOf(most)];
      if (truth === undefined || !(most > threshold)) return [[detection, false]];
      if (isIgnored(truth)) return [];
      const isHit = !isFound.has(truth);
      isFound.add(truth);
      return [[detection, isHit]];
    });
  };
  const classes = [...groupByClass(detections, truths)].map(([name, images]): ClassPrecision => {
    const judged = [...images.values()].flatMap(judge).sort(([i], [j]) => at(detections.scores, j) - at(detections.scores, i) || i - j);
    const hits = judged.map(([, isHit]) => isHit);
    const count = [...images.values()].reduce((sum, image) => sum + image.truths.filter((truth) => !isIgnored(truth)).length, 0);
    return { class: name, averagePrecision: averagePrecision(hits, count, rule), truths: count, detections: hits.length, ...precisionCurve(hits, count) };
  });
  return { meanAveragePrecision: meanOf(classes.map(({ averagePrecision: value }) => value)), classes };
}
