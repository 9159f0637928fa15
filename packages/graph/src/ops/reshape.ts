import * as tf from '@tensorflow/tfjs-core';
import { flattened, imageOf, NCHW, shapeIn, unblocked } from '../onnx/layout.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape } from '../op.js';

export const reshape = defineOp<'reshape'>({
  kind: 'reshape',
  aliases: true,
  shape: (inputs, { shape }) => [inputShape(inputs, 0)[0] ?? null, ...shape],
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { shape }) => tf.reshape(x as tf.Tensor, [(x as tf.Tensor).shape[0] as number, ...shape]),
  onnx: (w, [input], { shape: target }, shape) => {
    const x = input as OnnxValue;
    if (unblocked(x.layout) !== NCHW || target.length !== 1) return w.reshaped(x, shape);
    // The elements stay where they are; who reads them as a row learns their order from the layout.
    return { name: w.reshape(w.as(x, NCHW), shape), shape, layout: flattened(x.shape.slice(1) as number[]) };
  },
  gradient: (w, { inputs: [input], output, upstream }) => {
    const x = input as OnnxValue;
    if (imageOf(output.layout) === undefined) return [w.reshaped(upstream, x.shape)];
    return [{ name: w.reshape(w.as(upstream, output.layout), shapeIn(NCHW, x.shape)), shape: x.shape, layout: NCHW }];
  },
});
