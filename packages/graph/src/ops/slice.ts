import * as tf from '@tensorflow/tfjs-core';
import { axisIn, NCHW, PLAIN, shapeIn, unblocked } from '../onnx/layout.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape, known } from '../op.js';

export const slice = defineOp<'slice'>({
  kind: 'slice',
  shape: (inputs, { axis, size }) => inputShape(inputs, 0).map((n, i) => (i === axis ? size : n)),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([input], { axis, start, size }) => {
    const x = input as tf.Tensor;
    return tf.slice(x, x.shape.map((_, i) => (i === axis ? start : 0)), x.shape.map((n, i) => (i === axis ? size : n)));
  },
  // Rows and columns cut off in front move the first position.
  window: ([x = []], { axis, start }) => ({ size: [1, 1], strides: [1, 1], before: [x.length === 4 && axis === 1 ? -start : 0, x.length === 4 && axis === 2 ? -start : 0] }),
  onnx: (w, [x], { axis, start, size }, shape) => {
    const known = unblocked((x as OnnxValue).layout) === NCHW ? NCHW : PLAIN;
    const name = w.op('Slice', [w.as(x as OnnxValue, known), w.integers([start]), w.integers([start + size]), w.integers([axisIn(known, axis)])]);
    return { name, shape, layout: known };
  },
  gradient: (w, { inputs: [x], output, upstream, attributes: { axis, start, size } }) => {
    const { shape } = x as OnnxValue;
    const { layout } = output;
    const sides = (n: number) => shapeIn(layout, shape).map((_, i) => (i === axisIn(layout, axis) ? n : 0));
    const after = known(shape, axis) - start - size;
    return [{ name: w.op('Pad', [w.as(upstream, layout), w.integers([...sides(start), ...sides(after)])]), shape, layout }];
  },
});
