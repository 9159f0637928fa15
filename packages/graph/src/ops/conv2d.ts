import { convolve2d, effectiveKernel } from '@convkit/core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { NCHW, OIHW, PLAIN } from '../onnx/layout.js';
import { int, ints } from '../onnx/program.js';
import { windowPads } from '../onnx/window.js';
import type { OnnxValue } from '../onnx/writer.js';
import { writeBiasGradient, writeInputGradient, writeKernelGradient, type ConvolutionShapes } from '../onnx/convolution-gradient.js';
import { defineOp, elements, expectChannels, inputShape, known } from '../op.js';
import { windowedShape } from './windowed-shape.js';

export const conv2d = defineOp<'conv2d'>({
  kind: 'conv2d',
  fuses: true,
  shape: (inputs, { strides, padding, dilations, groups }) => {
    const [x, kernel] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    expectChannels(x, known(kernel, 2) * groups);
    const extent = [effectiveKernel(known(kernel, 0), dilations[0]), effectiveKernel(known(kernel, 1), dilations[1])] as const;
    return windowedShape(x, extent, strides, padding, known(kernel, 3));
  },
  cost: (inputs, _, output) => ({ macs: (elements(output) / known(output, 3)) * elements([1, ...inputShape(inputs, 1)]), elementwise: inputs.length > 2 ? elements(output) : 0 }),
  evaluate: ([x, kernel, bias], attributes, fused) => convolve2d(x as Tensor4D, kernel as Tensor4D, attributes, bias as Tensor1D | undefined, fused?.kind),
  window: (inputs, { strides, padding, dilations }) => {
    const kernel = inputShape(inputs, 1);
    return { size: [effectiveKernel(known(kernel, 0), dilations[0]), effectiveKernel(known(kernel, 1), dilations[1])], strides, before: [padding[0], padding[2]] };
  },
  onnx: (w, [x, kernel, bias], { strides, padding, dilations, groups }, shape) => {
    const size = (kernel as OnnxValue).shape.slice(0, 2) as number[];
    const name = w.op('Conv', [w.as(x as OnnxValue, NCHW), w.as(kernel as OnnxValue, OIHW), ...(bias ? [w.as(bias, PLAIN)] : [])], {
      kernel_shape: ints(size), strides: ints(strides), pads: windowPads(padding), dilations: ints(dilations), group: int(groups),
    });
    return { name, shape, layout: NCHW };
  },
  gradient: (w, { inputs, output, upstream, attributes: { strides, padding, dilations, groups }, needs }) => {
    const [x, kernel, bias] = inputs as [OnnxValue, OnnxValue, OnnxValue | undefined];
    const [batch, h, across, channels] = x.shape as number[] as [number, number, number, number];
    const [, rows, columns, filters] = output.shape as number[] as [number, number, number, number];
    const [kh, kw] = kernel.shape as number[] as [number, number];
    const shapes: ConvolutionShapes = { batch, input: [h, across], output: [rows, columns], kernel: [kh, kw], channels, filters, groups, strides, dilations, padding };
    const dy = w.as(upstream, NCHW);
    return [
      needs[0] ? { name: writeInputGradient(w, dy, w.as(kernel, OIHW), shapes), shape: x.shape, layout: NCHW } : undefined,
      needs[1] ? { name: writeKernelGradient(w, w.as(x, NCHW), dy, shapes), shape: kernel.shape, layout: OIHW } : undefined,
      bias && needs[2] ? { name: writeBiasGradient(w, dy), shape: bias.shape, layout: PLAIN } : undefined,
    ];
  },
});
