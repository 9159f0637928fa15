import { maxPool2d } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { NCHW, shapeIn } from '../onnx/layout.js';
import { int, ints, text } from '../onnx/program.js';
import { windowPads } from '../onnx/window.js';
import type { OnnxValue } from '../onnx/writer.js';
import { writeSubsampleGradient } from '../onnx/subsample.js';
import { defineOp, elements, inputShape, known } from '../op.js';
import { windowedShape } from './windowed-shape.js';

export const maxPool = defineOp<'maxPool'>({
  kind: 'maxPool',
  shape: (inputs, { size, strides, padding }) => windowedShape(inputShape(inputs, 0), size, strides, padding, known(inputShape(inputs, 0), 3)),
  cost: (_, { size }, output) => ({ macs: 0, elementwise: (size[0] * size[1] - 1) * elements(output) }),
  evaluate: ([x], attributes) => maxPool2d(x as Tensor4D, attributes),
  window: (_, { size, strides, padding }) => ({ size, strides, before: [padding[0], padding[2]] }),
  onnx: (w, [x], { size, strides, padding }, shape) => {
    const name = w.op('MaxPool', [w.as(x as OnnxValue, NCHW)], { kernel_shape: ints(size), strides: ints(strides), pads: windowPads(padding) });
    return { name, shape, layout: NCHW };
  },
  // Where the maximum stood comes from onnxruntime's own pooling; windows that overlap add up.
  gradient: (w, { inputs: [x], upstream, attributes: { size, strides, padding } }) => {
    const { shape } = x as OnnxValue;
    const image = w.as(x as OnnxValue, NCHW);
    if (size[0] === 1 && size[1] === 1) return [{ name: writeSubsampleGradient(w, w.as(upstream, NCHW), shape as number[], strides), shape, layout: NCHW }];
    const where = w.many('MaxPool', [image], 2, { kernel_shape: ints(size), strides: ints(strides), pads: windowPads(padding) })[1] as string;
    const zeros = w.op('ConstantOfShape', [w.integers([elements([1, ...shape])])]);
    const flat = w.op('ScatterElements', [zeros, w.reshape(where, [-1]), w.reshape(w.as(upstream, NCHW), [-1])], { axis: int(0), reduction: text('add') });
    return [{ name: w.reshape(flat, shapeIn(NCHW, shape)), shape, layout: NCHW }];
  },
});
