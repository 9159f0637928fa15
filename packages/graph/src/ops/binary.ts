import { activate } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { PLAIN } from '../onnx/layout.js';
import { broadcastable } from '../onnx/broadcast.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements } from '../op.js';

const functions = { add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div, max: tf.maximum, min: tf.minimum } as const;

const ONNX_TYPES = { add: 'Add', sub: 'Sub', mul: 'Mul', div: 'Div', max: 'Max', min: 'Min' } as const;

export const binary = defineOp<'binary'>({
  kind: 'binary',
  fuses: true,
  shape: ([a = [], b = []]) => {
    const [long, short] = a.length >= b.length ? [a, b] : [b, a];
    return long.map((n, axis) => {
      const other = short[axis - (long.length - short.length)];
      return n === 1 && other !== undefined ? other : n;
    });
  },
  cost: (_, __, output) => ({ macs: 0, elementwise: elements(output) }),
  evaluate: ([a, b], { kind }, fused) => {
    const y = functions[kind](a as tf.Tensor, b as tf.Tensor);
    if (fused === undefined) return y;
    const activated = activate(y, fused.kind, fused.alpha);
    if (activated !== y) y.dispose();
    return activated;
  },
  onnx: (w, inputs, { kind }, shape) => {
    const [a, b] = inputs as [OnnxValue, OnnxValue];
    const layout = inputs.find((value) => value.shape.length === shape.length && value.layout !== PLAIN)?.layout ?? PLAIN;
    return { name: w.op(ONNX_TYPES[kind], [broadcastable(w, a, shape, layout), broadcastable(w, b, shape, layout)]), shape, layout };
  },
});
