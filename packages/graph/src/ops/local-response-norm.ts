import { localResponseNormalize } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { NCHW } from '../onnx/layout.js';
import { float, int } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, inputShape } from '../op.js';

export const localResponseNorm = defineOp<'localResponseNorm'>({
  kind: 'localResponseNorm',
  shape: (inputs) => inputShape(inputs, 0),
  // One square, size - 1 adds, scale, add k, power, multiply.
  cost: (_, { size }, output) => ({ macs: 0, elementwise: (size + 4) * elements(output) }),
  evaluate: ([x], attributes) => localResponseNormalize(x as Tensor4D, attributes),
  onnx: (w, [x], { size, alpha, beta, k }, shape) => {
    const name = w.op('LRN', [w.as(x as OnnxValue, NCHW)], { size: int(size), alpha: float(alpha), beta: float(beta), bias: float(k) });
    return { name, shape, layout: NCHW };
  },
});
