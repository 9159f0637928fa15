import { alignBoxes, type RoiAlignAttributes } from '@convkit/core';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { binsShape, finite, imageOfBox, pooled } from '../onnx/box-bins.js';
import { NCHW, PLAIN } from '../onnx/layout.js';
import { float, int, ints, text } from '../onnx/program.js';
import type { OnnxValue, OnnxWriter } from '../onnx/writer.js';
import { defineOp, elements, known } from '../op.js';

/** One sample of one channel: four corners by their weights, and their sum; then that of the samples. */
const OPERATIONS_A_SAMPLE = 8;

/** What each pixel along an axis is worth to the bins, [N, R, bins, length]: core's `axisWeights` of corners [N, R, 1, 1]. */
function writeAxisWeights(w: OnnxWriter, first: string, last: string, bins: number, length: number, { spatialScale, samplingRatio, aligned }: RoiAlignAttributes): string {
  const op = (type: string, ...inputs: string[]): string => w.op(type, inputs);
  const counted = (name: string, count: number, shape: number[], value: (i: number) => number) =>
    w.as(w.constant(`${name} of ${count} [${shape.join(', ')}]`, Float32Array.from({ length: count }, (_, i) => value(i)), shape), PLAIN);
  const scaled = (corner: string) => op('Sub', op('Mul', corner, w.number(spatialScale)), w.number(aligned ? 0.5 : 0));
  const start = scaled(first);
  const size = op('Sub', scaled(last), start);
  const bin = op('Div', aligned ? size : op('Max', size, w.number(1)), w.number(bins));
  const starts = op('Add', start, op('Mul', bin, counted('numbers', bins, [bins, 1], (i) => i)));
  const steps = op('Div', op('Mul', bin, counted('middles', samplingRatio, [samplingRatio], (a) => a + 0.5)), w.number(samplingRatio));
  const p = op('Add', starts, steps);
  const inside = w.asFloat(op('And', op('GreaterOrEqual', p, w.number(-1)), op('LessOrEqual', p, w.number(length))));
  const at = op('Clip', p, w.number(0), w.number(length - 1));
  const each = (value: string) => op('Unsqueeze', value, w.integers([4]));
  const distance = op('Abs', op('Sub', each(at), counted('numbers', length, [length], (i) => i)));
  const weights = op('Mul', op('Relu', op('Sub', w.number(1), distance)), each(inside));
  return w.reduce('ReduceMean', weights, [3], false);
}

export const roiAlign = defineOp<'roiAlign'>({
  kind: 'roiAlign',
  shape: binsShape,
  cost: (_, { samplingRatio }, output) => ({ macs: 0, elementwise: OPERATIONS_A_SAMPLE * samplingRatio ** 2 * elements(output) }),
  evaluate: ([x, boxes], attributes) => alignBoxes(x as Tensor4D, boxes as Tensor3D, attributes),
  opset: 16,
  onnx: (w, [x, boxes], { outputSize: [down, across], spatialScale, samplingRatio, aligned }, shape) => {
    const { numbers, flaw } = finite(w, w.as(boxes as OnnxValue, PLAIN));
    const name = w.op('RoiAlign', [w.as(x as OnnxValue, NCHW), w.reshape(numbers, [-1, 4]), imageOfBox(w, boxes as OnnxValue)], {
      mode: text('avg'), output_height: int(down), output_width: int(across), spatial_scale: float(spatialScale), sampling_ratio: int(samplingRatio),
      coordinate_transformation_mode: text(aligned ? 'half_pixel' : 'output_half_pixel'),
    });
    return pooled(w, w.op('Add', [name, w.reshape(flaw, [-1, 1, 1, 1])]), shape);
  },
  // A box is A x B^T, with a matrix for each axis; the gradient of its image is A^T dy B.
  gradient: (w, { inputs: [x, boxes], upstream, attributes }) => {
    const { shape } = x as OnnxValue;
    const [batch, height, width, channels] = shape as [number, number, number, number];
    const count = known((boxes as OnnxValue).shape, 1);
    const [down, across] = attributes.outputSize;
    const corners = w.many('Split', [w.reshape(w.as(boxes as OnnxValue, PLAIN), [batch, count, 4, 1]), w.integers([1, 1, 1, 1])], 4, { axis: int(2) }) as [string, string, string, string];
    const [x1, y1, x2, y2] = corners;
    const vertical = w.reshape(writeAxisWeights(w, y1, y2, down, height, attributes), [batch, count * down, height]);
    const horizontal = w.reshape(writeAxisWeights(w, x1, x2, across, width, attributes), [batch, count, 1, across, width]);
    // [N, R, P, C, Q] by [N, R, 1, Q, W]; then every row of every box to the rows of its image.
    const dy = w.as(upstream, { id: 'channels before columns', permutation: [0, 1, 2, 4, 3] });
    const high = w.reshape(w.op('MatMul', [dy, horizontal]), [batch, count * down, channels * width]);
    const name = w.reshape(w.op('MatMul', [w.op('Transpose', [vertical], { perm: ints([0, 2, 1]) }), high]), [batch, height, channels, width]);
    return [{ name, shape, layout: { id: 'nhcw', permutation: [0, 1, 3, 2] } }, undefined];
  },
});
