import { avgPool2d } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { defineOp, elements, inputShape, known } from '../op.js';
import { windowedShape } from './windowed-shape.js';

export const avgPool = defineOp<'avgPool'>({
  kind: 'avgPool',
  shape: (inputs, { size, strides, padding }) => windowedShape(inputShape(inputs, 0), size, strides, padding, known(inputShape(inputs, 0), 3)),
  cost: (_, { size }, output) => ({ macs: 0, elementwise: size[0] * size[1] * elements(output) }),
  evaluate: ([x], attributes) => avgPool2d(x as Tensor4D, attributes),
  window: (_, { size, strides, padding }) => ({ size, strides, before: [padding[0], padding[2]] }),
});
