/** How much boxes overlap: IoU and what was made of it for boxes that do not touch. */
import { option, readOptions } from '@convkit/core';
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

/** Intersection over union, 0 where the union is empty. */
export const iou: PairOverlap = (ax1, ay1, ax2, ay2, bx1, by1, bx2, by2) => {
  const width = (ax2 < bx2 ? ax2 : bx2) - (ax1 > bx1 ? ax1 : bx1);
  const height = (ay2 < by2 ? ay2 : by2) - (ay1 > by1 ? ay1 : by1);
  if (!(width > 0 && height > 0)) return 0;
  const intersection = width * height;
  return intersection / (side(ax1, ax2) * side(ay1, ay2) + side(bx1, bx2) * side(by1, by2) - intersection);
};

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

/** The columns of a block: their coordinates stay in the cache while the rows go by. */
const BLOCK = 1024;

/**
 * The overlap of every box a with every box b; empty unions give 0 (torchvision: NaN). No memory but the result.
 * GIoU: Rezatofighi et al. 2019 (arXiv 1902.09630). DIoU, CIoU: Zheng et al. 2020 (arXiv 1911.08287).
 * @returns [A, B], row after row.
 * @throws OptionError for arrays that hold no boxes.
 */
export function boxOverlaps(a: Boxes, b: Boxes, options: OverlapOptions = {}): Float32Array {
  const where = 'boxOverlaps';
  const { kind, inclusive } = readOptions(where, entries, options);
  const [rows, columns] = [countBoxes(where, 'a', a), countBoxes(where, 'b', b)];
  const measure = MEASURES[kind];
  const extra = inclusive ? 1 : 0;
  const result = new Float32Array(rows * columns);
  for (let start = 0; start < columns; start += BLOCK) {
    const end = Math.min(start + BLOCK, columns);
    for (let i = 0; i < rows; i++) {
      const [ax1, ay1] = [at(a, 4 * i), at(a, 4 * i + 1)];
      const [ax2, ay2] = [at(a, 4 * i + 2) + extra, at(a, 4 * i + 3) + extra];
      for (let j = start, k = 4 * start; j < end; j++, k += 4) {
        result[i * columns + j] = measure(ax1, ay1, ax2, ay2, at(b, k), at(b, k + 1), at(b, k + 2) + extra, at(b, k + 3) + extra);
      }
    }
  }
  return result;
}
