import * as tf from '@tensorflow/tfjs-core';
import { axisIn, NCHW, PLAIN, unblocked } from '../onnx/layout.js';
import { int } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape, known } from '../op.js';

export const concat = defineOp<'concat'>({
  kind: 'concat',
  shape: (inputs, { axis }) => inputShape(inputs, 0).map((n, i) => (i === axis ? inputs.reduce((sum, x) => sum + known(x, axis), 0) : n)),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: (inputs, { axis }) => tf.concat([...inputs], axis),
  onnx: (w, inputs, { axis }, shape) => {
    const [first] = inputs as [OnnxValue];
    const alike = first.layout.block !== undefined && axis === 3 && inputs.every((value) => value.layout.id === first.layout.id);
    const layout = alike ? first.layout : shape.length === 4 && inputs.some((value) => unblocked(value.layout) === NCHW) ? NCHW : PLAIN;
    return { name: w.op('Concat', inputs.map((value) => w.as(value, layout)), { axis: int(axisIn(layout, axis)) }), shape, layout };
  },
  gradient: (w, { inputs, output, upstream, attributes: { axis } }) => {
    const { layout } = output;
    const sizes = inputs.map((value) => known(value.shape, axis));
    const parts = w.many('Split', [w.as(upstream, layout), w.integers(sizes)], sizes.length, { axis: int(axisIn(layout, axis)) });
    return inputs.map(({ shape }, i) => ({ name: parts[i] as string, shape, layout }));
  },
});
