import { batchNormalize } from '@convkit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { NCHW, PLAIN } from '../onnx/layout.js';
import { float } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, expectChannels, inputShape, known } from '../op.js';

export const batchNorm = defineOp<'batchNorm'>({
  kind: 'batchNorm',
  shape: (inputs) => {
    expectChannels(inputShape(inputs, 0), known(inputShape(inputs, 1), 0));
    return inputShape(inputs, 0);
  },
  cost: (_, __, output) => ({ macs: 0, elementwise: 2 * elements(output) }),
  evaluate: ([x, gamma, beta, mean, variance], { epsilon }) => batchNormalize(x as Tensor, mean as Tensor, variance as Tensor, gamma, beta, epsilon),
  onnx: (w, inputs, { epsilon }, shape) => {
    const [x, ...statistics] = inputs as [OnnxValue, ...OnnxValue[]];
    const layout = shape.length === 4 ? NCHW : PLAIN;
    const name = w.op('BatchNormalization', [w.as(x, layout), ...statistics.map((value) => w.as(value, PLAIN))], { epsilon: float(epsilon) });
    return { name, shape, layout };
  },
});
