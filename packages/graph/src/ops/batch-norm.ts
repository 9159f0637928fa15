import { batchNormalize } from '@convkit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { defineOp, elements, expectChannels, inputShape, known } from '../op.js';

export const batchNorm = defineOp<'batchNorm'>({
  kind: 'batchNorm',
  shape: (inputs) => {
    expectChannels(inputShape(inputs, 0), known(inputShape(inputs, 1), 0));
    return inputShape(inputs, 0);
  },
  cost: (_, __, output) => ({ macs: 0, elementwise: 2 * elements(output) }),
  evaluate: ([x, gamma, beta, mean, variance], { epsilon }) => batchNormalize(x as Tensor, mean as Tensor, variance as Tensor, gamma, beta, epsilon),
});
