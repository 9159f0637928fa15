import { maxPool2d } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { NCHW } from '../onnx/layout.js';
import { ints } from '../onnx/program.js';
import { windowPads } from '../onnx/window.js';
import type { OnnxValue } from '../onnx/writer.js';
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
});
