import { OptionError } from '@convkit/core';
import { at, countBoxes, type Boxes } from './boxes.js';

/** What was found in all images of a set. */
export interface DetectionSet {
  /** [D]: the image of each. */
  images: Int32Array;
  /** [D, 4], corners in pixels. */
  boxes: Boxes;
  /** [D] */
  scores: Boxes;
  /** [D] */
  classes: Int32Array;
}

/** What there is in all images of a set. */
export interface TruthSet {
  /** [G] */
  images: Int32Array;
  /** [G, 4], corners in pixels. */
  boxes: Boxes;
  /** [G] */
  classes: Int32Array;
  /** [G], 1 for objects that need not be found (VOC's difficult ones, COCO's crowds): finding them is neither right nor wrong. */
  ignored?: Uint8Array;
  /** [G]: what COCO's ranges of area go by, of the mask. Default: of the box. */
  areas?: Boxes;
}

/** The detections and objects of one class in one image, as indices; detections best first. */
export interface ClassInImage {
  detections: number[];
  truths: number[];
}

/** @throws OptionError where lists of a set are not as long as its boxes. */
export function checkSets(where: string, detections: DetectionSet, truths: TruthSet): void {
  for (const [name, set] of [['detections', detections], ['truths', truths]] as const) {
    const { boxes, ...lists } = set;
    const count = countBoxes(where, `${name}.boxes`, boxes);
    for (const [list, values] of Object.entries(lists)) {
      if (values !== undefined && values.length !== count) throw new OptionError(where, `${name}.${list}`, values.length, `one for each of the ${count} boxes`);
    }
  }
}

/** By class (those that occur, rising), then by image. Detections of equal score keep their order. */
export function groupByClass(detections: DetectionSet, truths: TruthSet): Map<number, Map<number, ClassInImage>> {
  const classes = [...new Set([...truths.classes, ...detections.classes])].sort((a, b) => a - b);
  const groups = new Map(classes.map((c) => [c, new Map<number, ClassInImage>()]));
  const cell = (c: number, image: number): ClassInImage => {
    const images = groups.get(c) ?? new Map<number, ClassInImage>();
    const found = images.get(image) ?? { detections: [], truths: [] };
    images.set(image, found);
    return found;
  };
  truths.classes.forEach((c, i) => cell(c, at(truths.images, i)).truths.push(i));
  const best = Array.from(detections.classes.keys()).sort((i, j) => at(detections.scores, j) - at(detections.scores, i) || i - j);
  for (const i of best) cell(at(detections.classes, i), at(detections.images, i)).detections.push(i);
  return groups;
}
