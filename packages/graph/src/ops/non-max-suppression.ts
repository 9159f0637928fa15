import { suppressedBoxes } from '@convkit/core';
import type { Tensor3D } from '@tensorflow/tfjs-core';
import { PLAIN } from '../onnx/layout.js';
import { int } from '../onnx/program.js';
import type { OnnxValue, OnnxWriter } from '../onnx/writer.js';
import { defineOp, inputShape, known } from '../op.js';

/** x1, y1, x2, y2, score, class. */
const COLUMNS = 6;
/** Elementary operations of one IoU and its comparison: an intersection, two areas, a union, a quotient. */
const OPERATIONS_A_PAIR = 17;

const axis = (value: number) => ({ axis: int(value) });

/** Boxes that are turned inside out get no area, as here; ONNX takes corners in any order. [..., 4] */
function withoutTurned(w: OnnxWriter, boxes: string): string {
  const [first, last] = w.many('Split', [boxes, w.integers([2, 2])], 2, axis(-1)) as [string, string];
  return w.op('Concat', [first, w.op('Max', [first, last])], axis(-1));
}

/** Rows of data [N, ?, 4] at places [N, n] of integers. */
function rowsAt(w: OnnxWriter, data: string, places: string): string {
  return w.op('GatherND', [data, w.op('Unsqueeze', [places, w.integers([2])])], { batch_dims: int(1) });
}

export const nonMaxSuppression = defineOp<'nonMaxSuppression'>({
  kind: 'nonMaxSuppression',
  shape: (inputs, { limit }) => {
    const [boxes, scores] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    if (boxes.length !== 3 || scores.length !== 3 || boxes[2] !== 4 || boxes[1] !== scores[1]) {
      throw new Error(`suppression takes boxes [N, R, 4] and scores [N, R, K], got [${boxes.join(', ')}] and [${scores.join(', ')}]`);
    }
    return [boxes[0] ?? null, limit, COLUMNS];
  },
  // At most: every score is compared, and every candidate with as many boxes as may stay.
  cost: (inputs, { candidates, limit }) => {
    const [rows, kinds] = [known(inputShape(inputs, 1), 1), known(inputShape(inputs, 1), 2)];
    const most = Math.min(candidates, rows);
    return { macs: 0, elementwise: rows * kinds + OPERATIONS_A_PAIR * kinds * most * Math.min(limit, most) };
  },
  evaluate: ([boxes, scores], attributes) => suppressedBoxes(boxes as Tensor3D, scores as Tensor3D, attributes),
  // ONNX bounds what stays and not what is compared, and says nothing of equal scores. So TopK, which prefers the lower of two equal ones, finds
  // each class' candidates in order; suppression gets their ranks for scores; what stays is scattered back beside -Infinity, and another
  // TopK gives rows of one number in every image.
  onnx: (w, [boxes, scores], { threshold, scoreThreshold, candidates, limit }, shape) => {
    const [, rows, kinds] = (scores as OnnxValue).shape as [null, number, number];
    const [most, fewest] = [Math.min(candidates, rows), Math.min(limit, Math.min(candidates, rows) * kinds)];
    const none = w.number(Number.NEGATIVE_INFINITY);
    const byClass = w.transpose(w.as(scores as OnnxValue, PLAIN), [0, 2, 1]);
    // Not above the threshold, or NaN.
    const counted = w.op('Where', [w.op('Greater', [byClass, w.number(scoreThreshold)]), byClass, none]);
    const [best, places] = w.many('TopK', [counted, w.integers([most])], 2, axis(-1)) as [string, string];
    const found = rowsAt(w, w.as(boxes as OnnxValue, PLAIN), w.reshape(places, [null, kinds * most]));

    const ranks = w.op('Where', [w.op('Greater', [best, none]), w.numbers(Array.from({ length: most }, (_, i) => most - i)), w.number(0)]);
    // Each class of each image is an image of its own to it, since it has boxes of its own.
    const stays = w.op('NonMaxSuppression', [
      w.reshape(withoutTurned(w, found), [null, most, 4]), w.reshape(ranks, [null, 1, most]), w.integers([Math.min(limit, most)]), w.numbers([threshold]), w.numbers([0]),
    ]);
    const at = w.op('Gather', [stays, w.integers([0, 2])], axis(1));
    const flat = w.reshape(best, [null, most]);
    const kept = w.op('ScatterND', [w.op('Expand', [none, w.op('Shape', [flat])]), at, w.op('GatherND', [flat, at])]);

    const [values, order] = w.many('TopK', [w.reshape(kept, [null, kinds * most]), w.integers([fewest])], 2, axis(-1)) as [string, string];
    // Column by column [N, fewest, 1]; a class counts from 1 here, so that all of an empty place is 0.
    const column = (value: string) => w.op('Unsqueeze', [value, w.integers([2])]);
    const filled = column(w.op('Greater', [values, none]));
    const orZero = (value: string) => w.op('Where', [filled, value, w.number(0)]);
    const kind = w.op('Add', [w.asFloat(w.op('Div', [order, w.integers([most])])), w.number(1)]);
    const detections = w.op('Concat', [orZero(rowsAt(w, found, order)), orZero(column(values)), orZero(column(kind))], axis(2));
    const padded = fewest === limit ? detections : w.op('Pad', [detections, w.integers([0, 0, 0, 0, limit - fewest, 0])]);
    return { name: w.op('Add', [padded, w.numbers([0, 0, 0, 0, 0, -1])]), shape, layout: PLAIN };
  },
});
