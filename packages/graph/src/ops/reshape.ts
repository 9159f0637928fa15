import * as tf from '@tensorflow/tfjs-core';
import { defineOp, inputShape } from '../op.js';

export const reshape = defineOp<'reshape'>({
  kind: 'reshape',
  aliases: true,
  shape: (inputs, { shape }) => [inputShape(inputs, 0)[0] ?? null, ...shape],
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { shape }) => tf.reshape(x as tf.Tensor, [(x as tf.Tensor).shape[0] as number, ...shape]),
});
