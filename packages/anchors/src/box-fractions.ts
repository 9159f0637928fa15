/** Boxes as shares of the window that a network was shown: what a localizer learns and says. */
import { OptionError } from '@convkit/core';
import { at, boxAt, countBoxes, likewise, type Boxes } from './boxes.js';

type Quad = readonly [number, number, number, number];

/** Every box with its window: one for all, or one for each. */
function inWindows<B extends Boxes>(where: string, boxes: B, windows: Boxes, change: (box: Quad, corner: readonly [number, number], sides: readonly [number, number]) => Quad): B {
  const count = countBoxes(where, 'boxes', boxes);
  const given = countBoxes(where, 'windows', windows);
  if (given !== 1 && given !== count) throw new OptionError(where, 'windows', given, `1 window, or one for each of the ${count} boxes`);
  const result = likewise(boxes, boxes.length);
  for (let i = 0; i < count; i++) {
    const [x1, y1, x2, y2] = boxAt(windows, given === 1 ? 0 : i);
    if (!(x2 > x1 && y2 > y1)) throw new OptionError(where, `windows[${i}]`, [x1, y1, x2, y2], 'corners (x1, y1, x2, y2) of a window with an area');
    result.set(change(boxAt(boxes, i), [x1, y1], [x2 - x1, y2 - y1]), 4 * i);
  }
  return result;
}

/**
 * Centre and sides (x, y, w, h) of boxes as shares of their windows, from corners; 0 to 1 inside.
 * @param windows [N, 4] or one window of four numbers, corners in the boxes' coordinates.
 * @throws OptionError for another number of windows, and for one without area.
 */
export function boxFractions<B extends Boxes>(boxes: B, windows: Boxes): B {
  return inWindows('boxFractions', boxes, windows, ([x1, y1, x2, y2], [left, top], [width, height]) => [
    ((x1 + x2) / 2 - left) / width, ((y1 + y2) / 2 - top) / height, (x2 - x1) / width, (y2 - y1) / height,
  ]);
}

/** The way back: corners from centre and sides as shares of the windows. @throws OptionError as {@link boxFractions}. */
export function boxesOfFractions<B extends Boxes>(fractions: B, windows: Boxes): B {
  return inWindows('boxesOfFractions', fractions, windows, ([x, y, w, h], [left, top], [width, height]) => [
    left + (x - w / 2) * width, top + (y - h / 2) * height, left + (x + w / 2) * width, top + (y + h / 2) * height,
  ]);
}

function checkClasses(where: string, labels: ArrayLike<number>, images: number, classes: number): void {
  if (labels.length !== images) throw new OptionError(where, 'labels', labels.length, `one for each of the ${images} images`);
  for (let i = 0; i < images; i++) {
    const label = labels[i] as number;
    if (!Number.isInteger(label) || label < 0 || label >= classes) throw new OptionError(where, `labels[${i}]`, label, `a class from 0 to ${classes - 1}`);
  }
}

/**
 * Targets [N, 4 K] of a localizer with one box a class: the image's box at its class, NaN elsewhere, which
 * `createTrainer` of @convkit/train leaves out. So only the outputs of the true class learn.
 * @param fractions [N, 4]
 * @throws OptionError for a label that is no class.
 */
export function classBoxTargets(fractions: Float32Array, labels: ArrayLike<number>, classes: number): Float32Array {
  const where = 'classBoxTargets';
  const images = countBoxes(where, 'fractions', fractions);
  if (!Number.isInteger(classes) || classes < 1) throw new OptionError(where, 'classes', classes, 'an integer >= 1');
  checkClasses(where, labels, images, classes);
  const targets = new Float32Array(images * 4 * classes).fill(Number.NaN);
  for (let i = 0; i < images; i++) targets.set(boxAt(fractions, i), 4 * (i * classes + (labels[i] as number)));
  return targets;
}

/**
 * The boxes [N, 4] of one class an image, out of the outputs [N, 4 K] of a localizer with one box a class.
 * @throws OptionError for a label that is no class, and for outputs of another length.
 */
export function boxesOfClass<B extends Boxes>(outputs: B, labels: ArrayLike<number>): B {
  const where = 'boxesOfClass';
  const classes = countBoxes(where, 'outputs', outputs) / labels.length;
  if (!Number.isInteger(classes)) throw new OptionError(where, 'outputs', outputs.length, `as many boxes a label for each of the ${labels.length} labels`);
  checkClasses(where, labels, labels.length, classes);
  const picked = likewise(outputs, 4 * labels.length);
  for (let i = 0; i < labels.length; i++) for (let k = 0; k < 4; k++) picked[4 * i + k] = at(outputs, 4 * (i * classes + (labels[i] as number)) + k);
  return picked;
}
