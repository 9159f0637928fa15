import * as tf from '@tensorflow/tfjs-core';
import { broadcastable } from '../onnx/broadcast.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, inputShape } from '../op.js';

export const prelu = defineOp<'prelu'>({
  kind: 'prelu',
  shape: (inputs) => inputShape(inputs, 0),
  cost: (_, __, output) => ({ macs: 0, elementwise: 2 * elements(output) }),
  evaluate: ([x, slope]) => tf.prelu(x as tf.Tensor, slope as tf.Tensor),
  onnx: (w, [x, slope], _, shape) => {
    const { layout } = x as OnnxValue;
    return { name: w.op('PRelu', [w.as(x as OnnxValue, layout), broadcastable(w, slope as OnnxValue, shape, layout)]), shape, layout };
  },
});
