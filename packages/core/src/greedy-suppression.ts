import { KeptBoxes, type Corners } from './kept-boxes.js';

const side = (first: number, last: number) => (last > first ? last - first : 0);

/** Intersection over union of two boxes given by their corners; 0 where they do not touch, and for a box turned inside out. */
export function iou(ax1: number, ay1: number, ax2: number, ay2: number, bx1: number, by1: number, bx2: number, by2: number): number {
  const width = (ax2 < bx2 ? ax2 : bx2) - (ax1 > bx1 ? ax1 : bx1);
  const height = (ay2 < by2 ? ay2 : by2) - (ay1 > by1 ? ay1 : by1);
  if (!(width > 0 && height > 0)) return 0;
  const intersection = width * height;
  return intersection / (side(ax1, ax2) * side(ay1, ay2) + side(bx1, bx2) * side(by1, by2) - intersection);
}

/**
 * Greedy suppression: a box stays unless its IoU with one that stays before it is above the threshold, strictly.
 * @param boxes [N, 4], x1, y1, x2, y2; @param order Indices of the boxes that count, best first; @param limit Boxes to keep at most.
 * @returns the indices that stay, in that order.
 */
export function suppressGreedily(boxes: Corners, order: Int32Array, { threshold, limit }: { threshold: number; limit: number }): number[] {
  const kept = new KeptBoxes(boxes, order, threshold);
  const stay: number[] = [];
  for (const i of order) {
    if (stay.length >= limit) break;
    const [x1, y1, x2, y2] = [boxes[4 * i] as number, boxes[4 * i + 1] as number, boxes[4 * i + 2] as number, boxes[4 * i + 3] as number];
    const covers = (k: number) => iou(x1, y1, x2, y2, boxes[4 * k] as number, boxes[4 * k + 1] as number, boxes[4 * k + 2] as number, boxes[4 * k + 3] as number) > threshold;
    if (kept.someNear(i, covers)) continue;
    kept.add(i);
    stay.push(i);
  }
  return stay;
}
