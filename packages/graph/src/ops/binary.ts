import { activate } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { defineOp, elements } from '../op.js';

const functions = { add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div, max: tf.maximum, min: tf.minimum } as const;

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
});
