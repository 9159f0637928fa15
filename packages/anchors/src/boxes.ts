/** Boxes in typed arrays, four numbers each, row after row, and the ways to write one down. */
import { OptionError, unknownName } from '@convkit/core';

/** N boxes, [N, 4] row after row: (x1, y1, x2, y2) unless a function says otherwise. What takes Float64Array gives it back. */
export type Boxes = Float32Array | Float64Array;

/**
 * How four numbers say a box: two corners with x or with y first (`yxyx` is what `tf.image` and @convkit/data have), a
 * corner and the sides (COCO's files), or the centre and the sides.
 */
export type BoxFormat = 'xyxy' | 'yxyx' | 'xywh' | 'cxcywh';

type Quad = readonly [number, number, number, number];

/** To corners and back. */
const FORMATS: Readonly<Record<BoxFormat, { toCorners(...box: Quad): Quad; fromCorners(...corners: Quad): Quad }>> = {
  xyxy: { toCorners: (...box) => box, fromCorners: (...corners) => corners },
  yxyx: { toCorners: (y1, x1, y2, x2) => [x1, y1, x2, y2], fromCorners: (x1, y1, x2, y2) => [y1, x1, y2, x2] },
  xywh: { toCorners: (x, y, w, h) => [x, y, x + w, y + h], fromCorners: (x1, y1, x2, y2) => [x1, y1, x2 - x1, y2 - y1] },
  cxcywh: {
    toCorners: (x, y, w, h) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2],
    fromCorners: (x1, y1, x2, y2) => [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1],
  },
};

/** The number at an index that the caller knows to be inside. */
export function at(values: Boxes | Int32Array | Uint8Array, index: number): number {
  return values[index] as number;
}

/** The four numbers of box i. */
export function boxAt(boxes: Boxes, i: number): [number, number, number, number] {
  return [at(boxes, 4 * i), at(boxes, 4 * i + 1), at(boxes, 4 * i + 2), at(boxes, 4 * i + 3)];
}

/** An array of the same kind. */
export function likewise<B extends Boxes>(boxes: B, length: number): B {
  return (boxes instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)) as B;
}

/** How many boxes. @throws OptionError where it is not a float array of fours. */
export function countBoxes(where: string, name: string, boxes: Boxes): number {
  const isFloats = boxes instanceof Float32Array || boxes instanceof Float64Array;
  if (!isFloats || boxes.length % 4 !== 0) throw new OptionError(where, name, isFloats ? boxes.length : boxes, 'a Float32Array or Float64Array of four numbers a box');
  return boxes.length / 4;
}

/** Every box through a function of its four numbers. */
function mapBoxes<B extends Boxes>(where: string, boxes: B, change: (...box: Quad) => Quad): B {
  const count = countBoxes(where, 'boxes', boxes);
  const result = likewise(boxes, boxes.length);
  for (let i = 0; i < count; i++) result.set(change(...boxAt(boxes, i)), 4 * i);
  return result;
}

/**
 * The same boxes in another format. @returns a new array of the same kind.
 * @throws OptionError for a format that does not exist.
 */
export function convertBoxes<B extends Boxes>(boxes: B, from: BoxFormat, to: BoxFormat): B {
  for (const [name, value] of Object.entries({ from, to })) {
    if (!Object.hasOwn(FORMATS, value)) throw unknownName('convertBoxes', name, value, Object.keys(FORMATS));
  }
  return mapBoxes('convertBoxes', boxes, (...box) => FORMATS[to].fromCorners(...FORMATS[from].toCorners(...box)));
}

/** Areas [N]; a box turned inside out has none. `inclusive` counts the last pixel in: w = x2 - x1 + 1, as VOC's tools have it. */
export function boxAreas(boxes: Boxes, { inclusive = false }: { inclusive?: boolean } = {}): Float64Array {
  const extra = inclusive ? 1 : 0;
  return Float64Array.from({ length: countBoxes('boxAreas', 'boxes', boxes) }, (_, i) => {
    const [x1, y1, x2, y2] = boxAt(boxes, i);
    return Math.max(x2 - x1 + extra, 0) * Math.max(y2 - y1 + extra, 0);
  });
}

/** Boxes cut at the borders of an image [height, width]; [1, 1] for normalised boxes. */
export function clipBoxes<B extends Boxes>(boxes: B, [height, width]: readonly [number, number]): B {
  const into = (value: number, length: number) => Math.min(Math.max(value, 0), length);
  return mapBoxes('clipBoxes', boxes, (x1, y1, x2, y2) => [into(x1, width), into(y1, height), into(x2, width), into(y2, height)]);
}

/** Indices of the boxes both of whose sides are at least `minimum` long: torchvision's region proposals drop those below 1e-3. */
export function boxesOfSide(boxes: Boxes, minimum: number): Int32Array {
  const indices = Int32Array.from({ length: countBoxes('boxesOfSide', 'boxes', boxes) }, (_, i) => i);
  return indices.filter((i) => at(boxes, 4 * i + 2) - at(boxes, 4 * i) >= minimum && at(boxes, 4 * i + 3) - at(boxes, 4 * i + 1) >= minimum);
}
