import * as tf from '@tensorflow/tfjs-core';
import { PLAIN } from '../onnx/layout.js';
import { float, int } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, inputShape } from '../op.js';

export const layerNorm = defineOp<'layerNorm'>({
  kind: 'layerNorm',
  shape: (inputs) => inputShape(inputs, 0),
  cost: (_, __, output) => ({ macs: 0, elementwise: 5 * elements(output) }),
  evaluate: ([x, gamma, beta], { epsilon }) => tf.tidy(() => {
    const { mean, variance } = tf.moments(x as tf.Tensor, -1, true);
    const normal = tf.mul(tf.sub(x as tf.Tensor, mean), tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add(tf.mul(normal, gamma as tf.Tensor), beta as tf.Tensor);
  }),
  onnx: (w, [x, gamma, beta], { epsilon }, shape) => {
    const name = w.op('LayerNormalization', [x, gamma, beta].map((value) => w.as(value as OnnxValue, PLAIN)), { axis: int(-1), epsilon: float(epsilon) });
    return { name, shape, layout: PLAIN };
  },
});
