/** Whether the one object of each image was found: ImageNet's localisation task. */
import { iou, option, OptionError, readOptions } from '@convkit/core';
import { at, boxAt, countBoxes, type Boxes } from './boxes.js';

/** One box an image. */
export interface OneBox {
  /** [N, 4], corners. */
  boxes: Boxes;
  /** [N]. Where both sides have them, they must agree. */
  classes?: ArrayLike<number>;
}

export interface LocalizationOptions {
  /** A box must overlap the object by more. Default 0.5. */
  threshold?: number;
}

export interface LocalizationEvaluation {
  /** Share of images whose box, and class where there is one, is right: 0 to 1. */
  readonly correct: number;
  /** Mean IoU. */
  readonly meanOverlap: number;
  /** [N]: IoU of each. */
  readonly overlaps: Float64Array;
}

const entries = { threshold: option.withDefault(option.number({ min: 0, max: 1 }), 0.5) } as const;

/**
 * A box is right if its IoU with the object is above the threshold, strictly, and its class is the object's.
 * @throws OptionError for lists of different lengths, and for no images.
 */
export function evaluateLocalization(found: OneBox, truths: OneBox, options: LocalizationOptions = {}): LocalizationEvaluation {
  const where = 'evaluateLocalization';
  const { threshold } = readOptions(where, entries, options);
  const count = countBoxes(where, 'truths.boxes', truths.boxes);
  if (count === 0) throw new OptionError(where, 'truths.boxes', 0, 'at least one box');
  if (countBoxes(where, 'found.boxes', found.boxes) !== count) throw new OptionError(where, 'found.boxes', found.boxes.length / 4, `one for each of the ${count} images`);
  for (const [name, { classes }] of Object.entries({ found, truths })) {
    if (classes !== undefined && classes.length !== count) throw new OptionError(where, `${name}.classes`, classes.length, `one for each of the ${count} images`);
  }
  const overlaps = Float64Array.from({ length: count }, (_, i) => iou(...boxAt(found.boxes, i), ...boxAt(truths.boxes, i)));
  const agrees = (i: number) => found.classes === undefined || truths.classes === undefined || found.classes[i] === truths.classes[i];
  const right = overlaps.reduce((sum, overlap, i) => sum + (overlap > threshold && agrees(i) ? 1 : 0), 0);
  return { correct: right / count, meanOverlap: overlaps.reduce((sum, _, i) => sum + at(overlaps, i), 0) / count, overlaps };
}
