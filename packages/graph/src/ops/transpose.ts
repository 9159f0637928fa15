import * as tf from '@tensorflow/tfjs-core';
import { defineOp, inputShape } from '../op.js';

export const transpose = defineOp<'transpose'>({
  kind: 'transpose',
  shape: (inputs, { permutation }) => permutation.map((axis) => inputShape(inputs, 0)[axis] ?? null),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { permutation }) => tf.transpose(x as tf.Tensor, [...permutation]),
});
