import { activate } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { NCHW, OIHW, PLAIN } from '../onnx/layout.js';
import { ints } from '../onnx/program.js';
import { windowPads } from '../onnx/window.js';
import type { OnnxValue, OnnxWriter } from '../onnx/writer.js';
import { byChannel } from '../onnx/by-channel.js';
import { writeKernelGradient, type ConvolutionShapes } from '../onnx/convolution-gradient.js';
import { defineOp, elements, expectChannels, inputShape, known } from '../op.js';

/**
 * What an output sees of the input along one axis: at most ceil(k / s) positions. Output o reads the input positions i
 * with 0 <= o + cropped - s i < k, so the first output's field reaches from ceil((cropped - k + 1) / s) to floor(cropped / s).
 */
function seen(kernel: number, stride: number, cropped: number): { size: number; before: number } {
  const size = Math.ceil(kernel / stride);
  const centre = (Math.ceil((cropped - kernel + 1) / stride) + Math.floor(cropped / stride)) / 2;
  return { size, before: (size - 1) / 2 - centre };
}

/** Transposed convolution as tf.layers has it: output size and cropping are fixed when the layer is lowered. */
/** The convolution may see one more window where the output was enlarged at its end. */
function croppedTo(w: OnnxWriter, name: string, { input, output, kernel, strides, padding }: ConvolutionShapes): string {
  const found = ([0, 1] as const).map((axis) => Math.floor((input[axis] + (padding[axis * 2] ?? 0) + (padding[axis * 2 + 1] ?? 0) - kernel[axis]) / strides[axis]) + 1);
  if (found.every((n, axis) => n === output[axis as 0 | 1])) return name;
  return w.op('Slice', [name, w.integers([0, 0]), w.integers(output), w.integers([2, 3])]);
}

export const convTranspose2d = defineOp<'convTranspose2d'>({
  kind: 'convTranspose2d',
  fuses: true,
  shape: (inputs, { outputSize }) => {
    const [x, kernel] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    expectChannels(x, known(kernel, 3));
    return [x[0] ?? null, ...outputSize, known(kernel, 2)];
  },
  cost: (inputs, _, output) => {
    const [x, kernel] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    return { macs: known(x, 1) * known(x, 2) * elements([1, ...kernel]), elementwise: inputs.length > 2 ? elements(output) : 0 };
  },
  evaluate: ([x, kernel, bias], { strides, padding: [top, bottom, left, right], outputSize }, fused) => tf.tidy(() => {
    const input = x as tf.Tensor4D;
    const filter = kernel as tf.Tensor4D;
    const shape: [number, number, number, number] = [input.shape[0], outputSize[0], outputSize[1], filter.shape[2]];
    // tfjs-node's kernel knows 'same' and 'valid' only: there the full output is cut.
    const full: typeof shape = [shape[0], shape[1] + top + bottom, shape[2] + left + right, shape[3]];
    const y = tf.getBackend() === 'tensorflow'
      ? tf.slice(tf.conv2dTranspose(input, filter, full, [...strides], 'valid'), [0, top, left, 0], shape)
      : tf.conv2dTranspose(input, filter, shape, [...strides], [[0, 0], [top, bottom], [left, right], [0, 0]] as unknown as 'valid');
    return activate(bias ? tf.add(y, bias) : y, fused?.kind ?? 'linear', fused?.alpha);
  }),
  window: (inputs, { strides, padding }) => {
    const along = (axis: 0 | 1) => seen(known(inputShape(inputs, 1), axis), strides[axis], padding[axis * 2] ?? 0);
    const [rows, columns] = [along(0), along(1)];
    return { size: [rows.size, columns.size], strides: [1 / strides[0], 1 / strides[1]], before: [rows.before, columns.before] };
  },
  onnx: (w, [x, kernel, bias], { strides, padding: [top, bottom, left, right], outputSize }, shape) => {
    const [h, across] = [known((x as OnnxValue).shape, 1), known((x as OnnxValue).shape, 2)];
    const [kh, kw] = [known((kernel as OnnxValue).shape, 0), known((kernel as OnnxValue).shape, 1)];
    // What the output has beyond the cropped full one comes at its end.
    const rest = [outputSize[0] + top + bottom - (h - 1) * strides[0] - kh, outputSize[1] + left + right - (across - 1) * strides[1] - kw];
    const name = w.op('ConvTranspose', [w.as(x as OnnxValue, NCHW), w.as(kernel as OnnxValue, OIHW), ...(bias ? [w.as(bias, PLAIN)] : [])], {
      kernel_shape: ints([kh, kw]), strides: ints(strides), pads: windowPads([top, bottom - Math.min(rest[0] ?? 0, 0), left, right - Math.min(rest[1] ?? 0, 0)]), output_padding: ints(rest.map((n) => Math.max(n, 0))),
    });
    return { name, shape, layout: NCHW };
  },
  gradient: (w, { inputs, upstream, attributes: { strides, padding, outputSize }, needs }) => {
    const [x, kernel, bias] = inputs as [OnnxValue, OnnxValue, OnnxValue | undefined];
    const [batch, h, across, filters] = x.shape as number[] as [number, number, number, number];
    const [kh, kw, channels] = kernel.shape as number[] as [number, number, number];
    // It is the input gradient of a convolution from its output to its input.
    const reversed: ConvolutionShapes = { batch, input: outputSize, output: [h, across], kernel: [kh, kw], channels, filters, groups: 1, strides, dilations: [1, 1], padding };
    const dy = w.as(upstream, NCHW);
    const window = { kernel_shape: ints([kh, kw]), strides: ints(strides), pads: windowPads(padding) };
    return [
      needs[0] ? { name: croppedTo(w, w.op('Conv', [dy, w.as(kernel, OIHW)], window), reversed), shape: x.shape, layout: NCHW } : undefined,
      needs[1] ? { name: writeKernelGradient(w, upstream, x, reversed), shape: kernel.shape, layout: OIHW } : undefined,
      bias && needs[2] ? { name: byChannel(w, upstream.shape, NCHW).sum(dy), shape: bias.shape, layout: PLAIN } : undefined,
    ];
  },
});
