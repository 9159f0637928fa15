import { activate } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { defineOp, elements, inputShape, known } from '../op.js';

/** Transposed convolution as tf.layers has it: output size and cropping are fixed when the layer is lowered. */
export const convTranspose2d = defineOp<'convTranspose2d'>({
  kind: 'convTranspose2d',
  fuses: true,
  shape: (inputs, { outputSize }) => [inputShape(inputs, 0)[0] ?? null, ...outputSize, known(inputShape(inputs, 1), 2)],
  cost: (inputs, _, output) => {
    const [x, kernel] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    return { macs: known(x, 1) * known(x, 2) * elements([1, ...kernel]), elementwise: inputs.length > 2 ? elements(output) : 0 };
  },
  evaluate: ([x, kernel, bias], { strides, padding: [top, bottom, left, right], outputSize }, fused) => tf.tidy(() => {
    const input = x as tf.Tensor4D;
    const filter = kernel as tf.Tensor4D;
    const shape: [number, number, number, number] = [input.shape[0], outputSize[0], outputSize[1], filter.shape[2]];
    const y = tf.conv2dTranspose(input, filter, shape, [...strides], [[0, 0], [top, bottom], [left, right], [0, 0]] as unknown as 'valid');
    return activate(bias ? tf.add(y, bias) : y, fused?.kind ?? 'linear', fused?.alpha);
  }),
  window: (inputs, { strides }) => {
    // An output pixel sees ceil(k / s) input pixels; neighbouring outputs lie 1 / s input pixels apart.
    const kernel = inputShape(inputs, 1);
    return { size: [Math.ceil(known(kernel, 0) / strides[0]), Math.ceil(known(kernel, 1) / strides[1])], strides: [1 / strides[0], 1 / strides[1]], before: [0, 0] };
  },
});
