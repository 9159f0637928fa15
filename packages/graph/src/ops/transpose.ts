import * as tf from '@tensorflow/tfjs-core';
import { inverse, PLAIN } from '../onnx/layout.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape } from '../op.js';

export const transpose = defineOp<'transpose'>({
  kind: 'transpose',
  shape: (inputs, { permutation }) => permutation.map((axis) => inputShape(inputs, 0)[axis] ?? null),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { permutation }) => tf.transpose(x as tf.Tensor, [...permutation]),
  onnx: (w, [x], { permutation }, shape) => ({ name: w.transpose(w.as(x as OnnxValue, PLAIN), permutation), shape, layout: PLAIN }),
  gradient: (w, { inputs: [x], upstream, attributes: { permutation } }) => [{ name: w.transpose(w.as(upstream, PLAIN), inverse(permutation)), shape: (x as OnnxValue).shape, layout: PLAIN }],
});
