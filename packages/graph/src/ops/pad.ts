import * as tf from '@tensorflow/tfjs-core';
import { NCHW, PLAIN, shapeIn } from '../onnx/layout.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape } from '../op.js';

export const pad = defineOp<'pad'>({
  kind: 'pad',
  shape: (inputs, { padding }) => inputShape(inputs, 0).map((n, axis) => (n === null ? null : n + (padding[axis]?.[0] ?? 0) + (padding[axis]?.[1] ?? 0))),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { padding, value }) => tf.pad(x as tf.Tensor, padding.map(([before, after]) => [before, after]), value),
  window: (_, { padding }) => ({ size: [1, 1], strides: [1, 1], before: [padding[1]?.[0] ?? 0, padding[2]?.[0] ?? 0] }),
  onnx: (w, [x], { padding, value }, shape) => {
    const layout = shape.length === 4 ? NCHW : PLAIN;
    const sides = (side: 0 | 1) => padding.map((_, axis) => padding[layout.permutation[axis] ?? axis]?.[side] ?? 0);
    return { name: w.op('Pad', [w.as(x as OnnxValue, layout), w.integers([...sides(0), ...sides(1)]), w.number(value)]), shape, layout };
  },
  gradient: (w, { inputs: [x], upstream, attributes: { padding } }) => {
    const { shape } = x as OnnxValue;
    const layout = shape.length === 4 ? NCHW : PLAIN;
    const sides = padding.map((_, axis) => padding[layout.permutation[axis] ?? axis]?.[0] ?? 0);
    const ends = (shapeIn(layout, shape) as number[]).map((n, axis) => n + (sides[axis] ?? 0));
    return [{ name: w.op('Slice', [w.as(upstream, layout), w.integers(sides), w.integers(ends)]), shape, layout }];
  },
});
