import * as tf from '@tensorflow/tfjs-core';
import { axisIn, NCHW, PLAIN, shapeIn } from '../onnx/layout.js';
import { int } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape, known } from '../op.js';

export const take = defineOp<'take'>({
  kind: 'take',
  shape: (inputs, { axis, indices }) => inputShape(inputs, 0).map((n, i) => (i === axis ? indices.length : n)),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { axis, indices }) => tf.tidy(() => tf.gather(x as tf.Tensor, tf.tensor1d([...indices], 'int32'), axis)),
  onnx: (w, [x], { axis, indices }, shape) => {
    const { layout } = x as OnnxValue;
    const kept = layout === NCHW ? NCHW : PLAIN;
    return { name: w.op('Gather', [w.as(x as OnnxValue, kept), w.integers(indices)], { axis: int(axisIn(kept, axis)) }), shape, layout: kept };
  },
  // Each element of x is taken at most once, or its gradients would have to be summed: those left out get a zero.
  gradient: (w, { inputs: [x], output, upstream, attributes: { axis, indices } }) => {
    if (new Set(indices).size < indices.length) return [undefined];
    const { shape } = x as OnnxValue;
    const { layout } = output;
    const along = axisIn(layout, axis);
    const places = Array.from({ length: known(shape, axis) }, (_, i) => indices.indexOf(i));
    const sides = (n: number) => shapeIn(layout, shape).map((_, i) => (i === along ? n : 0));
    const dy = w.as(upstream, layout);
    const padded = places.includes(-1) ? w.op('Pad', [dy, w.integers([...sides(0), ...sides(1)])]) : dy;
    return [{ name: w.op('Gather', [padded, w.integers(places.map((place) => (place < 0 ? indices.length : place)))], { axis: int(along) }), shape, layout }];
  },
});
