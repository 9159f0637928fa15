import { clone } from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape } from '../op.js';

/** Identity going forward. */
export const scaleGradient = defineOp<'scaleGradient'>({
  kind: 'scaleGradient',
  aliases: true,
  shape: (inputs) => inputShape(inputs, 0),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x]) => clone(x as Tensor),
  onnx: (_, [x]) => x as OnnxValue,
  gradient: (w, { upstream, attributes: { factor } }) => [{ ...upstream, name: w.op('Mul', [upstream.name, w.number(factor)]) }],
});
