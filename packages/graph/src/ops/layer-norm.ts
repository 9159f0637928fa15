import * as tf from '@tensorflow/tfjs-core';
import { PLAIN } from '../onnx/layout.js';
import { float, int } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { reducedTo } from '../onnx/gradient.js';
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
  gradient: (w, { inputs, upstream, attributes: { epsilon }, needs }) => {
    const [x, gamma, beta] = inputs.map((value) => w.as(value, PLAIN)) as [string, string, string];
    const { shape } = upstream;
    const dy = w.as(upstream, PLAIN);
    const [, mean, inverse] = w.many('LayerNormalization', [x, gamma, beta], 3, { axis: int(-1), epsilon: float(epsilon) }) as [string, string, string];
    const normal = w.op('Mul', [w.op('Sub', [x, mean]), inverse]);
    const scaled = w.op('Mul', [dy, gamma]);
    const average = (value: string) => w.reduce('ReduceMean', value, [shape.length - 1], true);
    const centred = w.op('Sub', [w.op('Sub', [scaled, average(scaled)]), w.op('Mul', [normal, average(w.op('Mul', [scaled, normal]))])]);
    const vector = (name: string, i: number) => reducedTo(w, { name, shape, layout: PLAIN }, (inputs[i] as OnnxValue).shape);
    return [{ name: w.op('Mul', [centred, inverse]), shape, layout: PLAIN }, needs[1] ? vector(w.op('Mul', [dy, normal]), 1) : undefined, needs[2] ? vector(dy, 2) : undefined];
  },
});
