import * as tf from '@tensorflow/tfjs-core';
import { defineOp, elements, inputShape } from '../op.js';

export const prelu = defineOp<'prelu'>({
  kind: 'prelu',
  shape: (inputs) => inputShape(inputs, 0),
  cost: (_, __, output) => ({ macs: 0, elementwise: 2 * elements(output) }),
  evaluate: ([x, slope]) => tf.prelu(x as tf.Tensor, slope as tf.Tensor),
});
