import { iou } from '@convkit/core';
import { at, type Boxes } from './boxes.js';

/**
 * For each box of a group, best first, a fold over its IoU with every better one, suppressed or not. No matrix is held.
 * @param fold From the value so far, the IoU and the place of the better box.
 */
export function foldOverBetter(boxes: Boxes, group: Int32Array, start: number, fold: (value: number, overlap: number, better: number) => number): Float64Array {
  return Float64Array.from(group, (i, place) => {
    const [x1, y1, x2, y2] = [at(boxes, 4 * i), at(boxes, 4 * i + 1), at(boxes, 4 * i + 2), at(boxes, 4 * i + 3)];
    let value = start;
    for (let better = 0; better < place; better++) {
      const k = 4 * at(group, better);
      value = fold(value, iou(at(boxes, k), at(boxes, k + 1), at(boxes, k + 2), at(boxes, k + 3), x1, y1, x2, y2), better);
    }
    return value;
  });
}
