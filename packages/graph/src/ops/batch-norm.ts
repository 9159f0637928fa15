import { batchNormalize } from '@convkit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { OnnxValue } from '../onnx/writer.js';
import { channelsSecond } from '../onnx/by-channel.js';
import { writeBatchNorm, writeBatchNormGradient, writeFrozenBatchNorm } from '../onnx/batch-norm.js';
import { defineOp, elements, expectChannels, inputShape, known } from '../op.js';

export const batchNorm = defineOp<'batchNorm'>({
  kind: 'batchNorm',
  shape: (inputs) => {
    expectChannels(inputShape(inputs, 0), known(inputShape(inputs, 1), 0));
    return inputShape(inputs, 0);
  },
  cost: (_, __, output) => ({ macs: 0, elementwise: 2 * elements(output) }),
  evaluate: ([x, gamma, beta, mean, variance], { epsilon }) => batchNormalize(x as Tensor, mean as Tensor, variance as Tensor, gamma, beta, epsilon),
  onnx: (w, inputs, { epsilon }, shape) => writeFrozenBatchNorm(w, inputs, epsilon, shape),
  onnxTraining: (w, inputs, { epsilon, training }, shape, step) => {
    if (training === undefined) return writeFrozenBatchNorm(w, inputs, epsilon, shape);
    const [, , , mean, variance] = inputs as [OnnxValue, OnnxValue, OnnxValue, OnnxValue, OnnxValue];
    const batch = writeBatchNorm(w, inputs, epsilon);
    const count = elements([1, ...shape]) / known(shape, -1);
    step.average(mean, batch.mean, training.momentum, 1);
    step.average(variance, batch.variance, training.momentum, training.variance === 'unbiased' && count > 1 ? count / (count - 1) : 1);
    return { name: batch.y, shape, layout: channelsSecond(shape, (inputs[0] as OnnxValue).layout) };
  },
  gradient: (w, { inputs, upstream, attributes, needs }) => writeBatchNormGradient(w, inputs, upstream, attributes, needs),
});
