import { activate, type ActivationKind } from '@convkit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { writeActivation } from '../onnx/activation.js';
import { PLAIN } from '../onnx/layout.js';
import type { OnnxValue } from '../onnx/writer.js';
import { writeActivationGradient } from '../onnx/activation-gradient.js';
import { defineOp, elements, inputShape } from '../op.js';

/** Elementary operations an element: comparisons and additions 1 each, an exponential 4. */
const ACTIVATION_COST: Readonly<Record<ActivationKind, number>> = {
  linear: 0, relu: 1, relu6: 2, leakyRelu: 2, elu: 5, selu: 6, sigmoid: 4, hardSigmoid: 4, kerasHardSigmoid: 4, tanh: 4, silu: 5, hardSwish: 5, gelu: 8, softplus: 5, softsign: 3, exponential: 4, softmax: 5,
};

export const activation = defineOp<'activation'>({
  kind: 'activation',
  shape: (inputs) => inputShape(inputs, 0),
  cost: (_, { kind }, output) => ({ macs: 0, elementwise: ACTIVATION_COST[kind] * elements(output) }),
  evaluate: ([x], { kind, alpha }) => activate(x as Tensor, kind, alpha),
  onnx: (w, [x], attributes, shape) => {
    const value = x as OnnxValue;
    // Softmax runs over the graph's last axis, which is not the last of an image in NCHW; the others do not care.
    const layout = attributes.kind === 'softmax' ? PLAIN : value.layout;
    return { name: writeActivation(w, w.as(value, layout), attributes), shape, layout };
  },
  gradient: (w, { inputs: [x], output, upstream, attributes }) => {
    const { layout, shape } = output;
    const value = x as OnnxValue;
    return [{ name: writeActivationGradient(w, w.as(value, layout), w.as(output, layout), w.as(upstream, layout), attributes), shape, layout }];
  },
});
