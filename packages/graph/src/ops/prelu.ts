import * as tf from '@tensorflow/tfjs-core';
import { broadcastable } from '../onnx/broadcast.js';
import { unblocked } from '../onnx/layout.js';
import type { OnnxValue } from '../onnx/writer.js';
import { positive, reducedTo } from '../onnx/gradient.js';
import { defineOp, elements, inputShape } from '../op.js';

export const prelu = defineOp<'prelu'>({
  kind: 'prelu',
  shape: (inputs) => inputShape(inputs, 0),
  cost: (_, __, output) => ({ macs: 0, elementwise: 2 * elements(output) }),
  evaluate: ([x, slope]) => tf.prelu(x as tf.Tensor, slope as tf.Tensor),
  onnx: (w, [x, slope], _, shape) => {
    const layout = unblocked((x as OnnxValue).layout);
    return { name: w.op('PRelu', [w.as(x as OnnxValue, layout), broadcastable(w, slope as OnnxValue, shape, layout)]), shape, layout };
  },
  gradient: (w, { inputs, output, upstream, needs }) => {
    const [x, slope] = inputs as [OnnxValue, OnnxValue];
    const { layout, shape } = output;
    const [value, dy] = [w.as(x, layout), w.as(upstream, layout)];
    const mask = positive(w, value);
    const below = w.op('Mul', [w.op('Sub', [w.number(1), mask]), broadcastable(w, slope, shape, layout)]);
    return [
      needs[0] ? { name: w.op('Mul', [dy, w.op('Add', [mask, below])]), shape, layout } : undefined,
      needs[1] ? reducedTo(w, { name: w.op('Mul', [dy, w.op('Min', [value, w.number(0)])]), shape, layout }, slope.shape) : undefined,
    ];
  },
});
