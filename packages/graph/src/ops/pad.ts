import * as tf from '@tensorflow/tfjs-core';
import { defineOp, inputShape } from '../op.js';

export const pad = defineOp<'pad'>({
  kind: 'pad',
  shape: (inputs, { padding }) => inputShape(inputs, 0).map((n, axis) => (n === null ? null : n + (padding[axis]?.[0] ?? 0) + (padding[axis]?.[1] ?? 0))),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { padding, value }) => tf.pad(x as tf.Tensor, padding.map(([before, after]) => [before, after]), value),
  window: (_, { padding }) => ({ size: [1, 1], strides: [1, 1], before: [padding[1]?.[0] ?? 0, padding[2]?.[0] ?? 0] }),
});
