import * as tf from '@tensorflow/tfjs-core';
import { axisIn, NCHW, PLAIN } from '../onnx/layout.js';
import { int } from '../onnx/program.js';
import { defineOp, inputShape, known } from '../op.js';

export const concat = defineOp<'concat'>({
  kind: 'concat',
  shape: (inputs, { axis }) => inputShape(inputs, 0).map((n, i) => (i === axis ? inputs.reduce((sum, x) => sum + known(x, axis), 0) : n)),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: (inputs, { axis }) => tf.concat([...inputs], axis),
  onnx: (w, inputs, { axis }, shape) => {
    const layout = shape.length === 4 && inputs.some((value) => value.layout === NCHW) ? NCHW : PLAIN;
    return { name: w.op('Concat', inputs.map((value) => w.as(value, layout)), { axis: int(axisIn(layout, axis)) }), shape, layout };
  },
});
