import { localResponseNormalize } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { NCHW } from '../onnx/layout.js';
import { float, int, ints } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, inputShape } from '../op.js';

export const localResponseNorm = defineOp<'localResponseNorm'>({
  kind: 'localResponseNorm',
  shape: (inputs) => inputShape(inputs, 0),
  // One square, size - 1 adds, scale, add k, power, multiply.
  cost: (_, { size }, output) => ({ macs: 0, elementwise: (size + 4) * elements(output) }),
  evaluate: ([x], attributes) => localResponseNormalize(x as Tensor4D, attributes),
  onnx: (w, [x], { size, alpha, beta, k }, shape) => {
    const name = w.op('LRN', [w.as(x as OnnxValue, NCHW)], { size: int(size), alpha: float(alpha), beta: float(beta), bias: float(k) });
    return { name, shape, layout: NCHW };
  },
  // y = x d^-beta with d = k + alpha / size S(x^2), S the sum over neighbouring channels:
  // dx = dy d^-beta - 2 alpha beta / size x S'(dy x d^-(beta + 1)), S' the sum over those that see a channel.
  gradient: (w, { inputs: [input], upstream, attributes: { size, alpha, beta, k } }) => {
    const { shape } = input as OnnxValue;
    const [batch, h, across, channels] = shape as number[] as [number, number, number, number];
    const [x, dy] = [w.as(input as OnnxValue, NCHW), w.as(upstream, NCHW)];
    const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
    const summed = (value: string, pads: [number, number]) => {
      const rows = w.reshape(value, [batch, 1, channels, h * across]);
      const mean = w.op('AveragePool', [rows], { kernel_shape: ints([size, 1]), pads: ints([pads[0], 0, pads[1], 0]), count_include_pad: int(1) });
      return w.reshape(mean, [batch, channels, h, across]);
    };
    const mul = (a: string, b: string) => w.op('Mul', [a, b]);
    const d = w.op('Add', [mul(summed(mul(x, x), [before, after]), w.number(alpha)), w.number(k)]);
    const power = w.op('Pow', [d, w.number(-beta)]);
    const seen = summed(w.op('Div', [mul(mul(dy, x), power), d]), [after, before]);
    return [{ name: w.op('Sub', [mul(dy, power), mul(mul(x, seen), w.number(2 * alpha * beta))]), shape, layout: NCHW }];
  },
});
