/** What ONNX' operators on boxes need around them: theirs are one list, the graph's are R an image. */
import type { OpAttributes, ValueShape } from '@convkit/core';
import { inputShape, known } from '../op.js';
import { PLAIN, type Layout } from './layout.js';
import { int } from './program.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/** Bins of boxes [N, R, P, Q, C] as [N, R, C, P, Q]. */
const POOLED: Layout = { id: 'pooled', permutation: [0, 1, 4, 2, 3] };

/** [N, R, P, Q, C] of images [N, H, W, C] and boxes [N, R, 4]. */
export function binsShape(inputs: readonly ValueShape[], { outputSize }: OpAttributes['roiPool']): ValueShape {
  const [x, boxes] = [inputShape(inputs, 0), inputShape(inputs, 1)];
  if (x.length !== 4 || boxes.length !== 3 || boxes[2] !== 4) throw new Error(`boxes are [N, R, 4] for images [N, H, W, C], got [${boxes.join(', ')}] for [${x.join(', ')}]`);
  return [x[0] ?? null, known(boxes, 1), ...outputSize, known(x, 3)];
}

/** The image of every box as integers [N R], however many images there are. */
export function imageOfBox(w: OnnxWriter, boxes: OnnxValue): string {
  const count = known(boxes.shape, 1);
  const batch = w.op('Shape', [w.as(boxes, PLAIN)], { start: int(0), end: int(1) });
  const scalar = (name: string) => w.op('Squeeze', [name, w.integers([0])]);
  const images = w.op('Range', [scalar(w.integers([0])), scalar(batch), scalar(w.integers([1]))]);
  const rows = w.op('Expand', [w.op('Unsqueeze', [images, w.integers([1])]), w.op('Concat', [batch, w.integers([count])], { axis: int(0) })]);
  return w.reshape(rows, [-1]);
}

/**
 * Boxes [N, R, 4] that a kernel can read whatever they hold: at one that is not finite onnxruntime 1.30 refuses the whole batch, and kernels
 * that do not look read outside their image. Such a box becomes 0, and its flaw [N, R, 1] NaN, which is 0 for the others.
 */
export function finite(w: OnnxWriter, boxes: string): { numbers: string; flaw: string } {
  const flaw = w.reduce('ReduceSum', w.op('Mul', [boxes, w.number(0)]), [2], true);
  return { numbers: w.op('Where', [w.op('IsNaN', [flaw]), w.number(0), boxes]), flaw };
}

/** What an operator gives for a list of boxes, [N R, C, P, Q], as bins of the boxes of each image. */
export function pooled(w: OnnxWriter, name: string, shape: ValueShape): OnnxValue {
  const [batch, count, down, across, channels] = shape as [number | null, number, number, number, number];
  return { name: w.reshape(name, [batch, count, channels, down, across]), shape, layout: POOLED };
}
