import { averageScale, avgPool2d } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { NCHW, PLAIN } from '../onnx/layout.js';
import { int, ints } from '../onnx/program.js';
import { windowPads } from '../onnx/window.js';
import type { OnnxValue } from '../onnx/writer.js';
import { writeInputGradient } from '../onnx/convolution-gradient.js';
import { defineOp, elements, inputShape, known } from '../op.js';
import { windowedShape } from './windowed-shape.js';

export const avgPool = defineOp<'avgPool'>({
  kind: 'avgPool',
  shape: (inputs, { size, strides, padding }) => windowedShape(inputShape(inputs, 0), size, strides, padding, known(inputShape(inputs, 0), 3)),
  cost: (_, { size }, output) => ({ macs: 0, elementwise: size[0] * size[1] * elements(output) }),
  evaluate: ([x], attributes) => avgPool2d(x as Tensor4D, attributes),
  window: (_, { size, strides, padding }) => ({ size, strides, before: [padding[0], padding[2]] }),
  onnx: (w, [x], { size, strides, padding, counted }, shape) => {
    const image = w.as(x as OnnxValue, NCHW);
    const window = { kernel_shape: ints(size), strides: ints(strides) };
    if (padding.every((n) => n === 0)) return { name: w.op('AveragePool', [image], window), shape, layout: NCHW };
    const all = padding.every((n, side) => n === counted[side]);
    if (all || counted.every((n) => n === 0)) {
      return { name: w.op('AveragePool', [image], { ...window, pads: windowPads(padding), count_include_pad: int(all ? 1 : 0) }), shape, layout: NCHW };
    }
    // Part of the padding counts: the sum over the padded window, and its own divisor for each position.
    const padded = w.op('Pad', [image, w.integers([0, 0, padding[0], padding[2], 0, 0, padding[1], padding[3]])]);
    const [, rows, columns] = shape as number[] as [number, number, number];
    const [, h, across] = (x as OnnxValue).shape as number[] as [number, number, number];
    const scale = averageScale({ size, strides, padding, counted }, [h, across], [rows, columns]);
    const factors = w.constant(`divisors of ${rows}x${columns} windows of ${size.join('x')}`, Float32Array.from(scale), [1, rows, columns, 1]);
    return { name: w.op('Mul', [w.op('AveragePool', [padded], window), w.as(factors, NCHW)]), shape, layout: NCHW };
  },
  gradient: (w, { inputs: [x], upstream, attributes }) => {
    const { size, strides, padding } = attributes;
    const { shape } = x as OnnxValue;
    const [batch, h, across, channels] = shape as number[] as [number, number, number, number];
    const [, rows, columns] = upstream.shape as number[] as [number, number, number];
    const scale = averageScale(attributes, [h, across], [rows, columns]).map((factor) => factor / (size[0] * size[1]));
    // Each window spreads its share over its cells: a transposed convolution of ones.
    const share = w.constant(`shares of ${rows}x${columns} windows of ${size.join('x')}`, Float32Array.from(scale), [1, rows, columns, 1]);
    const spread = w.op('Mul', [w.as(upstream, NCHW), w.as(share, NCHW)]);
    const ones = w.constant(`ones of ${channels} windows of ${size.join('x')}`, new Float32Array(channels * size[0] * size[1]).fill(1), [channels, 1, ...size]);
    const output: [number, number] = [rows, columns];
    const name = writeInputGradient(w, spread, w.as(ones, PLAIN), {
      batch, input: [h, across], output, kernel: size, channels, filters: channels, groups: channels, strides, dilations: [1, 1], padding,
    });
    return [{ name, shape, layout: NCHW }];
  },
});
