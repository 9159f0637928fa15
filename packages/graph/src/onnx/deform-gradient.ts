/**
 * Gradients of deformable convolution in ONNX, tap by tap: onnxruntime has DeformConv but not its gradient. For a tap with
 * kernel W, samples S and mask m: q = W^T dy, dW = sum dy (m S)^T, dm = <q, S>, and the positions' and the image's
 * gradients follow from the four corners that bilinear sampling reads.
 */
import { writeSamples } from './bilinear-gradient.js';
import type { ConvolutionShapes } from './convolution-gradient.js';
import { PLAIN } from './layout.js';
import { int } from './program.js';
import type { OnnxWriter } from './writer.js';

export interface DeformGradients {
  x: string;
  kernel: string;
  offset: string;
  mask: string | undefined;
}

/** @param x [N, C, H, W] @param kernel [F, C / groups, kh, kw] @param offset [N, 2 G taps, H', W'] @param mask [N, G taps, H', W'] */
export function writeDeformGradients(w: OnnxWriter, x: string, kernel: string, offset: string, mask: string | undefined, dy: string, shapes: ConvolutionShapes, deformableGroups: number): DeformGradients {
  const { batch, input: [h, across], output, kernel: [kh, kw], channels, filters, groups, strides, dilations, padding } = shapes;
  const [taps, positions] = [kh * kw, output[0] * output[1]];
  const [inside, outside, width] = [channels / groups, filters / groups, channels / deformableGroups];
  const op = (type: string, ...inputs: string[]): string => w.op(type, inputs);
  const [mul, add] = [(a: string, b: string) => op('Mul', a, b), (a: string, b: string) => op('Add', a, b)];
  const slice = (value: string, axis: number, start: number) => op('Slice', value, w.integers([start]), w.integers([start + 1]), w.integers([axis]));
  const grid = (name: string, valueOf: (position: number) => number) => w.as(w.constant(name, Float32Array.from({ length: positions }, (_, p) => valueOf(p)), [1, 1, 1, positions]), PLAIN);

  const image = w.reshape(x, [batch, channels, h * across]);
  const upstream = w.reshape(dy, [batch, groups, outside, positions]);
  const offsets = w.reshape(offset, [batch, deformableGroups, taps, 2, positions]);
  const masks = mask === undefined ? undefined : w.reshape(mask, [batch, deformableGroups, taps, positions]);
  const matrices = w.reshape(kernel, [groups, outside, inside, taps]);

  let imageGradient = w.op('Expand', [w.number(0), w.integers([batch, channels, h * across])]);
  const [kernelTaps, offsetTaps, maskTaps]: [string[], string[], string[]] = [[], [], []];
  for (let tap = 0; tap < taps; tap++) {
    const moved = slice(offsets, 2, tap);
    const along = (axis: 0 | 1) => w.reshape(slice(moved, 3, axis), [batch, deformableGroups, 1, positions]);
    const [u, v] = [Math.floor(tap / kw) * dilations[0] - padding[0], (tap % kw) * dilations[1] - padding[2]];
    const rows = add(along(0), grid(`rows of ${output.join('x')} from ${u} by ${strides[0]}`, (p) => Math.floor(p / output[1]) * strides[0] + u));
    const columns = add(along(1), grid(`columns of ${output.join('x')} from ${v} by ${strides[1]}`, (p) => (p % output[1]) * strides[1] + v));
    const { total, scatter } = writeSamples(w, image, rows, columns, { batch, channels, groups: deformableGroups, size: [h, across], positions });
    const samples = total('weight');
    const factor = masks === undefined ? undefined : slice(masks, 2, tap);
    const masked = (value: string) => (factor === undefined ? value : mul(value, factor));

    const matrix = w.reshape(slice(matrices, 3, tap), [groups, outside, inside]);
    const columnsGradient = w.reshape(op('MatMul', w.transpose(matrix, [0, 2, 1]), upstream), [batch, deformableGroups, width, positions]);
    const seen = w.reshape(masked(samples), [batch, groups, inside, positions]);
    const products = w.op('FusedMatMul', [upstream, seen], { transB: int(1) }, 'com.microsoft');
    kernelTaps.push(w.reshape(w.reduce('ReduceSum', products, [0], false), [filters, inside, 1]));

    const q = masked(columnsGradient);
    const byPosition = (part: 'byRow' | 'byColumn') => w.reshape(w.reduce('ReduceSum', mul(q, total(part)), [2], true), [batch, deformableGroups, 1, 1, positions]);
    offsetTaps.push(w.op('Concat', [byPosition('byRow'), byPosition('byColumn')], { axis: int(3) }));
    if (masks !== undefined) maskTaps.push(w.reduce('ReduceSum', mul(columnsGradient, samples), [2], true));
    imageGradient = scatter(imageGradient, q);
  }
  const joined = (parts: string[], axis: number, shape: number[]) => w.reshape(parts.length === 1 ? (parts[0] as string) : w.op('Concat', parts, { axis: int(axis) }), shape);
  return {
    x: w.reshape(imageGradient, [batch, channels, h, across]),
    kernel: joined(kernelTaps, 2, [filters, inside, kh, kw]),
    offset: joined(offsetTaps, 2, [batch, deformableGroups * taps * 2, ...output]),
    mask: masks === undefined ? undefined : joined(maskTaps, 2, [batch, deformableGroups * taps, ...output]),
  };
}
