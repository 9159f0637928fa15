import * as tf from '@tensorflow/tfjs-core';
import { axisIn, NCHW, PLAIN, unblocked } from '../onnx/layout.js';
import { int } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape } from '../op.js';

export const take = defineOp<'take'>({
  kind: 'take',
  shape: (inputs, { axis, indices }) => inputShape(inputs, 0).map((n, i) => (i === axis ? indices.length : n)),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { axis, indices }) => tf.tidy(() => tf.gather(x as tf.Tensor, tf.tensor1d([...indices], 'int32'), axis)),
  onnx: (w, [x], { axis, indices }, shape) => {
    const kept = unblocked((x as OnnxValue).layout) === NCHW ? NCHW : PLAIN;
    return { name: w.op('Gather', [w.as(x as OnnxValue, kept), w.integers(indices)], { axis: int(axisIn(kept, axis)) }), shape, layout: kept };
  },
});
