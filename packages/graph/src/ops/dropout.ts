import { clone } from '@tensorflow/tfjs-core';
import type { ValueShape } from '@convkit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { OnnxValue } from '../onnx/writer.js';
import { shapeIn, type Layout } from '../onnx/layout.js';
import type { TrainingStep } from '../onnx/training-step.js';
import { defineOp, inputShape } from '../op.js';

/** The mask lies as the value does; one number a sample where samples are dropped as a whole. */
function maskOf(step: TrainingStep, shape: ValueShape, layout: Layout, rate: number, perSample = false): string {
  const lies = shapeIn(layout, shape) as number[];
  return step.mask(perSample ? lies.map((n, axis) => (axis === 0 ? n : 1)) : lies, rate);
}

/** Identity: graphs are traced for inference. */
export const dropout = defineOp<'dropout'>({
  kind: 'dropout',
  aliases: true,
  shape: (inputs) => inputShape(inputs, 0),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x]) => clone(x as Tensor),
  onnx: (_, [x]) => x as OnnxValue,
  onnxTraining: (w, [x], { rate, perSample }, shape, step) => {
    const { layout } = x as OnnxValue;
    if (rate === 0) return x as OnnxValue;
    const mask = maskOf(step, shape, layout, rate, perSample);
    return { name: w.op('Mul', [w.as(x as OnnxValue, layout), mask]), shape, layout, saved: mask };
  },
  gradient: (w, { output: { layout, shape, saved }, upstream }) => [saved === undefined ? upstream : { name: w.op('Mul', [w.as(upstream, layout), saved]), shape, layout }],
});
