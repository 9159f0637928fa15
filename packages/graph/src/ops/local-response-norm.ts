import { localResponseNormalize } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { defineOp, elements, inputShape } from '../op.js';

export const localResponseNorm = defineOp<'localResponseNorm'>({
  kind: 'localResponseNorm',
  shape: (inputs) => inputShape(inputs, 0),
  // One square, size - 1 adds, scale, add k, power, multiply.
  cost: (_, { size }, output) => ({ macs: 0, elementwise: (size + 4) * elements(output) }),
  evaluate: ([x], attributes) => localResponseNormalize(x as Tensor4D, attributes),
});
