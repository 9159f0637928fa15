import { deformableConvolve2d, effectiveKernel, type DeformableAttributes } from '@convkit/core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { byChannel } from '../onnx/by-channel.js';
import type { ConvolutionShapes } from '../onnx/convolution-gradient.js';
import { writeDeformGradients } from '../onnx/deform-gradient.js';
import { NCHW, OIHW, PLAIN } from '../onnx/layout.js';
import { int, ints } from '../onnx/program.js';
import { windowPads } from '../onnx/window.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, expectChannels, inputShape, known } from '../op.js';
import { windowedShape } from './windowed-shape.js';

/** One sample of one channel: four corners by their weights, and their sum. */
const OPERATIONS_A_SAMPLE = 7;

export const deformConv2d = defineOp<'deformConv2d'>({
  kind: 'deformConv2d',
  shape: (inputs, { strides, padding, dilations, modulated }) => {
    const [x, kernel, offset] = [inputShape(inputs, 0), inputShape(inputs, 1), inputShape(inputs, 2)];
    const taps = known(kernel, 0) * known(kernel, 1);
    if (known(x, 3) % known(kernel, 2) !== 0) expectChannels(x, known(kernel, 2));
    const extent = [effectiveKernel(known(kernel, 0), dilations[0]), effectiveKernel(known(kernel, 1), dilations[1])] as const;
    const output = windowedShape(x, extent, strides, padding, known(kernel, 3));
    const deformableGroups = known(offset, 3) / (2 * taps);
    const expected = [
      ['offset', offset, Number.isInteger(deformableGroups) && known(x, 3) % deformableGroups === 0 ? known(offset, 3) : `a multiple of ${2 * taps}`],
      ...(modulated ? [['mask', inputShape(inputs, 3), deformableGroups * taps] as const] : []),
    ] as const;
    for (const [name, shape, channels] of expected) {
      const wanted = [output[1], output[2], channels];
      if (shape.slice(1).some((length, axis) => length !== wanted[axis])) throw new Error(`the ${name} must be [N, ${wanted.join(', ')}], got [${shape.join(', ')}]`);
    }
    return output;
  },
  // The convolution's multiply-accumulates; its samples, masked or not, are elementwise work.
  cost: (inputs, { modulated }, output) => {
    const [x, kernel] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    const positions = elements(output) / known(output, 3);
    const samples = positions * known(kernel, 0) * known(kernel, 1) * known(x, 3);
    const bias = inputs.length > (modulated ? 4 : 3);
    return { macs: positions * elements([1, ...kernel]), elementwise: samples * (OPERATIONS_A_SAMPLE + (modulated ? 1 : 0)) + (bias ? elements(output) : 0) };
  },
  evaluate: ([x, kernel, offset, ...rest], { strides, padding, dilations, modulated }) => {
    const attributes: DeformableAttributes = { strides, padding, dilations };
    const [mask, bias] = modulated ? rest : [undefined, ...rest];
    return deformableConvolve2d(x as Tensor4D, kernel as Tensor4D, offset as Tensor4D, attributes, mask as Tensor4D | undefined, bias as Tensor1D | undefined);
  },
  // Where it looks without offsets; with them it may look anywhere.
  window: (inputs, { strides, padding, dilations }) => {
    const kernel = inputShape(inputs, 1);
    return { size: [effectiveKernel(known(kernel, 0), dilations[0]), effectiveKernel(known(kernel, 1), dilations[1])], strides, before: [padding[0], padding[2]] };
  },
  opset: 19,
  onnx: (w, inputs, { strides, padding, dilations, modulated }, shape) => {
    const [x, kernel, offset, ...rest] = inputs as [OnnxValue, OnnxValue, OnnxValue, ...OnnxValue[]];
    const [mask, bias] = modulated ? rest : [undefined, ...rest];
    const [kh, kw] = [known(kernel.shape, 0), known(kernel.shape, 1)];
    const name = w.op('DeformConv', [w.as(x, NCHW), w.as(kernel, OIHW), w.as(offset, NCHW), ...(bias || mask ? [bias ? w.as(bias, PLAIN) : ''] : []), ...(mask ? [w.as(mask, NCHW)] : [])], {
      kernel_shape: ints([kh, kw]), strides: ints(strides), pads: windowPads(padding), dilations: ints(dilations),
      group: int(known(x.shape, 3) / known(kernel.shape, 2)), offset_group: int(known(offset.shape, 3) / (2 * kh * kw)),
    });
    return { name, shape, layout: NCHW };
  },
  gradient: (w, { inputs, output: { shape }, upstream, attributes: { strides, padding, dilations, modulated }, needs }) => {
    const [x, kernel, offset, ...rest] = inputs as [OnnxValue, OnnxValue, OnnxValue, ...OnnxValue[]];
    const [mask, bias] = modulated ? rest : [undefined, ...rest];
    const [batch, h, across, channels] = x.shape as number[] as [number, number, number, number];
    const [, rows, columns, filters] = shape as number[] as [number, number, number, number];
    const [kh, kw, inside] = kernel.shape as number[] as [number, number, number];
    const dy = w.as(upstream, NCHW);
    const shapes: ConvolutionShapes = { batch, input: [h, across], output: [rows, columns], kernel: [kh, kw], channels, filters, groups: channels / inside, strides, dilations, padding };
    const gradients = writeDeformGradients(w, w.as(x, NCHW), w.as(kernel, OIHW), w.as(offset, NCHW), mask && w.as(mask, NCHW), dy, shapes, known(offset.shape, 3) / (2 * kh * kw));
    return [
      { name: gradients.x, shape: x.shape, layout: NCHW },
      { name: gradients.kernel, shape: kernel.shape, layout: OIHW },
      { name: gradients.offset, shape: offset.shape, layout: NCHW },
      ...(mask && gradients.mask !== undefined ? [{ name: gradients.mask, shape: mask.shape, layout: NCHW }] : []),
      ...(bias && needs[inputs.length - 1] ? [{ name: byChannel(w, shape, NCHW).sum(dy), shape: bias.shape, layout: PLAIN }] : []),
    ];
  },
});
