/** How much boxes overlap: IoU and what was made of it for boxes that do not touch. */
import { iou, option, readOptions } from '@convkit/core';
import { at, countBoxes, type Boxes } from './boxes.js';

export const OVERLAPS = ['iou', 'giou', 'diou', 'ciou'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** In the denominators of DIoU and CIoU, as in torchvision and the authors' code. */
export const OVERLAP_EPSILON = 1e-7;

export interface OverlapOptions {
  /** Default 'iou'. */
  kind?: Overlap;
  /** The last pixel belongs to the box, w = x2 - x1 + 1: VOC and R-CNN's first code. Default false. */
  inclusive?: boolean;
}

/** A measure of two boxes, given by their corners. */
export type PairOverlap = (ax1: number, ay1: number, ax2: number, ay2: number, bx1: number, by1: number, bx2: number, by2: number) => number;

const side = (first: number, last: number) => (last > first ? last - first : 0);

/** IoU - (C - U) / C, C the area of the smallest box around both. */
const giou: PairOverlap = (ax1, ay1, ax2, ay2, bx1, by1, bx2, by2) => {
  const overlap = iou(ax1, ay1, ax2, ay2, bx1, by1, bx2, by2);
  const sum = side(ax1, ax2) * side(ay1, ay2) + side(bx1, bx2) * side(by1, by2);
  // I = IoU U and I + U = sum.
  const union = sum / (1 + overlap);
  const around = side(Math.min(ax1, bx1), Math.max(ax2, bx2)) * side(Math.min(ay1, by1), Math.max(ay2, by2));
  return around > 0 ? overlap - (around - union) / around : overlap;
};

/** IoU - d^2 / c^2: the distance of the centres over the diagonal of the smallest box around both. */
const diou: PairOverlap = (ax1, ay1, ax2, ay2, bx1, by1, bx2, by2) => {
  const across = Math.max(ax2, bx2) - Math.min(ax1, bx1);
  const down = Math.max(ay2, by2) - Math.min(ay1, by1);
  const dx = (ax1 + ax2 - bx1 - bx2) / 2;
  const dy = (ay1 + ay2 - by1 - by2) / 2;
  return iou(ax1, ay1, ax2, ay2, bx1, by1, bx2, by2) - (dx * dx + dy * dy) / (across * across + down * down + OVERLAP_EPSILON);
};

/** DIoU - alpha v, v = 4 / pi^2 (atan(w1 / h1) - atan(w2 / h2))^2, alpha = v / (1 - IoU + v). */
const ciou: PairOverlap = (ax1, ay1, ax2, ay2, bx1, by1, bx2, by2) => {
  const angle = Math.atan2(ax2 - ax1, ay2 - ay1) - Math.atan2(bx2 - bx1, by2 - by1);
  const v = (4 / Math.PI ** 2) * angle * angle;
  const overlap = iou(ax1, ay1, ax2, ay2, bx1, by1, bx2, by2);
  return diou(ax1, ay1, ax2, ay2, bx1, by1, bx2, by2) - (v / (1 - overlap + v + OVERLAP_EPSILON)) * v;
};

const MEASURES: Readonly<Record<Overlap, PairOverlap>> = { iou, giou, diou, ciou };

const entries = {
  kind: option.withDefault(option.oneOf(OVERLAPS), 'iou'),
  inclusive: option.withDefault(option.boolean(), false),
} as const;

/** Corners and areas of boxes in columns of their own, the far ends `extra` further. */
interface Columns {
  readonly x1: Float64Array;
  readonly y1: Float64Array;
  readonly x2: Float64Array;
  readonly y2: Float64Array;
  readonly area: Float64Array;
}

function columnsOf(boxes: Boxes, extra: number): Columns {
  const column = (first: number, more: number) => Float64Array.from({ length: boxes.length / 4 }, (_, i) => at(boxes, 4 * i + first) + more);
  const [x1, y1, x2, y2] = [column(0, 0), column(1, 0), column(2, extra), column(3, extra)] as const;
  return { x1, y1, x2, y2, area: x1.map((x, i) => side(x, at(x2, i)) * side(at(y1, i), at(y2, i))) };
}

/** Whether all four are numbers: what is no box overlaps with nothing. */
function isBox({ x1, y1, x2, y2 }: Columns, i: number): boolean {
  return ![x1, y1, x2, y2].some((column) => Number.isNaN(at(column, i)));
}

/** Boxes by rising x1. */
function byLeftEdge(boxes: Columns): Int32Array {
  const order = Int32Array.from(boxes.x1.keys()).filter((i) => isBox(boxes, i));
  return order.sort((i, j) => at(boxes.x1, i) - at(boxes.x1, j) || 0);
}

/** The first place of a rising list whose value is not below the bound, or, `beyond`, is above it. */
function firstPlace(values: Float64Array, bound: number, beyond: boolean): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (beyond ? at(values, middle) > bound : at(values, middle) >= bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * {@link iou} of every pair, the one measure of which tens of millions are wanted: along x a row meets only the boxes that begin
 * before it ends and of which some begun so far end after it begins. The others keep their 0.
 */
function fillIou(result: Float32Array, a: Columns, b: Columns): void {
  const columns = b.x1.length;
  const order = byLeftEdge(b);
  const pick = (column: Float64Array) => Float64Array.from(order, (i) => at(column, i));
  const [x1, y1, x2, y2, area] = [pick(b.x1), pick(b.y1), pick(b.x2), pick(b.y2), pick(b.area)];
  let furthest = Number.NEGATIVE_INFINITY;
  const reached = x2.map((x) => (furthest = Math.max(furthest, x)));
  for (let i = 0; i < a.x1.length; i++) {
    if (!isBox(a, i)) continue;
    const left = at(a.x1, i);
    const top = at(a.y1, i);
    const right = at(a.x2, i);
    const bottom = at(a.y2, i);
    const own = at(a.area, i);
    const offset = i * columns;
    const end = firstPlace(x1, right, false);
    for (let k = firstPlace(reached, left, true); k < end; k++) {
      // No list of four and no question whether there is a k-th box: this loop is all of the time.
      const x = x2[k] as number;
      if (x <= left) continue;
      const first = x1[k] as number;
      const y = y1[k] as number;
      const last = y2[k] as number;
      const width = (right < x ? right : x) - (left > first ? left : first);
      const height = (bottom < last ? bottom : last) - (top > y ? top : y);
      if (!(width > 0 && height > 0)) continue;
      const intersection = width * height;
      result[offset + (order[k] as number)] = intersection / (own + (area[k] as number) - intersection);
    }
  }
}

function fillWith(measure: PairOverlap, result: Float32Array, a: Columns, b: Columns): void {
  const columns = b.x1.length;
  for (let i = 0; i < a.x1.length; i++) {
    const [x1, y1, x2, y2] = [at(a.x1, i), at(a.y1, i), at(a.x2, i), at(a.y2, i)];
    for (let j = 0; j < columns; j++) result[i * columns + j] = measure(x1, y1, x2, y2, at(b.x1, j), at(b.y1, j), at(b.x2, j), at(b.y2, j));
  }
}

/**
 * The overlap of every box a with every box b; empty unions give 0 (torchvision: NaN). No memory for pairs but the result.
 * GIoU: Rezatofighi et al. 2019 (arXiv 1902.09630). DIoU, CIoU: Zheng et al. 2020 (arXiv 1911.08287).
 * @returns [A, B], row after row.
 * @throws OptionError for arrays that hold no boxes.
 */
export function boxOverlaps(a: Boxes, b: Boxes, options: OverlapOptions = {}): Float32Array {
  const where = 'boxOverlaps';
  const { kind, inclusive } = readOptions(where, entries, options);
  const result = new Float32Array(countBoxes(where, 'a', a) * countBoxes(where, 'b', b));
  const extra = inclusive ? 1 : 0;
  const [first, second] = [columnsOf(a, extra), columnsOf(b, extra)];
  if (kind === 'iou') fillIou(result, first, second);
  else fillWith(MEASURES[kind], result, first, second);
  return result;
}
