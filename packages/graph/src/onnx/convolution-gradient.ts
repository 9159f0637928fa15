/**
 * Gradients of convolutions in ONNX, NCHW throughout. onnxruntime has no operators for them: the input's is a convolution or
 * its ConvTranspose, the kernel's are matrix products (decisions/007 and 011 have what was measured against that).
 */
import type { Padding } from '@convkit/core';
import { NCHW, PLAIN } from './layout.js';
import { int, ints, type OnnxAttributes } from './program.js';
import { windowPads } from './window.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

export interface ConvolutionShapes {
  readonly batch: number;
  /** [H, W] of x. */
  readonly input: readonly [number, number];
  /** [H', W'] of y. */
  readonly output: readonly [number, number];
  readonly kernel: readonly [number, number];
  /** Channels of x. */
  readonly channels: number;
  /** Channels of y. */
  readonly filters: number;
  readonly groups: number;
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: Padding;
}

/** The part of the padded input below an axis' last window, which no window reaches. */
export const unreached = (shapes: ConvolutionShapes, axis: 0 | 1) => {
  const { input, output, kernel, strides, dilations, padding } = shapes;
  const padded = input[axis] + (padding[axis * 2] ?? 0) + (padding[axis * 2 + 1] ?? 0);
  return padded - ((output[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1);
};

/**
 * d loss / d x [N, C, H, W] from d loss / d y and the kernel [F, C / groups, kh, kw]: at stride 1 a convolution with the
 * flipped kernel, which onnxruntime does faster than the transposed convolution that other strides need.
 */
export function writeInputGradient(w: OnnxWriter, dy: string, kernel: string, shapes: ConvolutionShapes): string {
  const { kernel: size, strides, dilations, padding, groups } = shapes;
  const pads = paddingOfFlipped(shapes);
  if (strides[0] === 1 && strides[1] === 1 && pads.every((n) => n >= 0)) {
    return w.op('Conv', [dy, flipped(w, kernel, shapes)], { kernel_shape: ints(size), dilations: ints(dilations), pads: windowPads(pads), group: int(groups) });
  }
  return w.op('ConvTranspose', [dy, kernel], {
    kernel_shape: ints(size), strides: ints(strides), dilations: ints(dilations), pads: windowPads(padding), group: int(groups),
    output_padding: ints([unreached(shapes, 0), unreached(shapes, 1)]),
  });
}

/** Padding of dy with which the flipped kernel gives a gradient of the input's size; negative where the padding was wider than the kernel. */
export function paddingOfFlipped({ input, output, kernel, dilations, padding }: ConvolutionShapes): [number, number, number, number] {
  const sides = (axis: 0 | 1): [number, number] => {
    const before = dilations[axis] * (kernel[axis] - 1) - (padding[axis * 2] ?? 0);
    return [before, input[axis] - output[axis] + dilations[axis] * (kernel[axis] - 1) - before];
  };
  return [...sides(0), ...sides(1)];
}

/** The kernel [F, C / groups, kh, kw] turned by half a circle, input and output channels exchanged: [C, F / groups, kh, kw]. */
function flipped(w: OnnxWriter, kernel: string, { kernel: size, channels, filters, groups }: ConvolutionShapes): string {
  const [inside, outside, taps] = [channels / groups, filters / groups, size[0] * size[1]];
  const rows = w.reshape(kernel, [groups, outside, inside, taps]);
  const turned = taps === 1 ? rows : w.op('Gather', [rows, w.integers(Array.from({ length: taps }, (_, i) => taps - 1 - i))], { axis: int(3) });
  const exchanged = inside === 1 && outside === 1 ? turned : w.transpose(turned, [0, 2, 1, 3]);
  return w.reshape(exchanged, [channels, outside, ...size]);
}

/** The input with its padding. */
function padded(w: OnnxWriter, x: string, { padding: [top, bottom, left, right] }: ConvolutionShapes): string {
  return [top, bottom, left, right].some((n) => n > 0) ? w.op('Pad', [x, w.integers([0, 0, top, left, 0, 0, bottom, right])]) : x;
}

/** The input as each tap of the kernel sees it: [N, C, H', W'] for every (row, column), row by row. */
function tapViews(w: OnnxWriter, x: string, shapes: ConvolutionShapes): string[] {
  const { output, kernel, strides, dilations } = shapes;
  const whole = padded(w, x, shapes);
  if (kernel[0] === 1 && kernel[1] === 1 && strides[0] === 1 && strides[1] === 1 && whole === x) return [x];
  const axes = w.integers([2, 3]);
  return Array.from({ length: kernel[0] * kernel[1] }, (_, tap) => {
    const start = [Math.floor(tap / kernel[1]) * dilations[0], (tap % kernel[1]) * dilations[1]] as const;
    const end = [0, 1].map((axis) => (start[axis] ?? 0) + ((output[axis] ?? 1) - 1) * (strides[axis] ?? 1) + 1);
    return w.op('Slice', [whole, w.integers(start), w.integers(end), axes, w.integers(strides)]);
  });
}

/** a b^T over the last two axes; onnxruntime's own operator, which spares the transposition. */
function timesTransposed(w: OnnxWriter, a: string, b: string): string {
  const attributes: OnnxAttributes = { transB: int(1) };
  return w.op('FusedMatMul', [a, b], attributes, 'com.microsoft');
}

/** Sum over the images of a b^T: a [N, F, K], b [N, C, K] -> [F, C]. */
const summedProduct = (w: OnnxWriter, a: string, b: string): string => w.reduce('ReduceSum', timesTransposed(w, a, b), [0], false);

/** d loss / d kernel [F, C / groups, kh, kw] from x and d loss / d y, images as the graph has them. */
export function writeKernelGradient(w: OnnxWriter, x: OnnxValue, dy: OnnxValue, shapes: ConvolutionShapes): string {
  const { batch, output, kernel, channels, filters, groups, strides } = shapes;
  const unmoved = strides[0] === 1 && strides[1] === 1;
  if (groups === 1 && unmoved && (kernel[0] > 1 || kernel[1] > 1)) return writeByShifts(w, w.as(x, NCHW), w.as(dy, NCHW), shapes);
  const area = output[0] * output[1];
  if (groups === 1 && unmoved && shapes.padding.every((n) => n === 0) && filters * channels > area * (filters + channels)) {
    // A product an image is larger here than what it is made of: one long product of all images.
    const rows = (value: OnnxValue, columns: number) => w.reshape(w.as(value, PLAIN), [batch * area, columns]);
    return w.reshape(w.op('Gemm', [rows(dy, filters), rows(x, channels)], { transA: int(1) }), [filters, channels, 1, 1]);
  }
  const [inside, outside] = [channels / groups, filters / groups];
  const upstream = w.reshape(w.as(dy, NCHW), groups === 1 ? [batch, filters, area] : [batch, groups, outside, area]);
  const productWith = (view: string) => summedProduct(w, upstream, w.reshape(view, groups === 1 ? [batch, channels, area] : [batch, groups, inside, area]));
  const taps = tapViews(w, w.as(x, NCHW), shapes).map((view) => w.reshape(productWith(view), [filters, inside, 1]));
  const stacked = taps.length === 1 ? (taps[0] as string) : w.op('Concat', taps, { axis: int(2) });
  return w.reshape(stacked, [filters, inside, ...kernel]);
}

/** An image's rows behind each other, with zeros before and behind: [N, C, zeros + H W + zeros]. */
interface Shifted {
  readonly rows: string;
  readonly before: number;
  readonly behind: number;
}

/** Several of them above each other, [N, C count, L]: copies of long runs, which cost less than views of windows. */
function above(w: OnnxWriter, copies: readonly Shifted[], batch: number, channels: number, length: number): string {
  const zeros = (count: number) => w.as(w.constant(`zeros ${batch}x${channels}x${count}`, new Float32Array(batch * channels * count), [batch, channels, count]), PLAIN);
  const pieces: string[] = [];
  let gap = 0;
  for (const { rows, before, behind } of copies) {
    if (gap + before > 0) pieces.push(zeros(gap + before));
    pieces.push(rows);
    gap = behind;
  }
  if (gap > 0) pieces.push(zeros(gap));
  return w.reshape(pieces.length === 1 ? (pieces[0] as string) : w.op('Concat', pieces, { axis: int(2) }), [batch, channels * copies.length, length]);
}

/**
 * The same at stride 1 as one product for all taps: with an image's rows behind each other, row i of the kernel moves dy by
 * whole rows and column j moves x by positions, so that dy stands kh times above itself, x kw times, and every pair is a tap.
 * What a move would take round a row's end is zero: because the rows are padded, or, where they are as long as dy's, by a mask.
 */
function writeByShifts(w: OnnxWriter, x: string, dy: string, shapes: ConvolutionShapes): string {
  const { batch, input, output, kernel: [kh, kw], channels, filters, dilations: [down, right], padding: [top, , left] } = shapes;
  const masked = input[1] === output[1];
  const across = masked ? input[1] : output[1] + right * (kw - 1);
  const whole = masked ? x : padded(w, x, { ...shapes, padding: [0, 0, shapes.padding[2], shapes.padding[3]] });
  const wide = masked || kw === 1 ? dy : w.op('Pad', [dy, w.integers([0, 0, 0, 0, 0, 0, 0, right * (kw - 1)])]);
  const [xSize, ySize] = [input[0] * across, output[0] * across];
  const rowMoves = Array.from({ length: kh }, (_, i) => (i * down - top) * across);
  const columnMoves = Array.from({ length: kw }, (_, j) => j * right - (masked ? left : 0));
  const before = Math.max(0, ...rowMoves.map((move) => -move), ...columnMoves);
  const end = Math.max(...rowMoves.map((move) => ySize + move), ...columnMoves.map((move) => xSize - move));
  const flat = (value: string, count: number, size: number) => w.reshape(value, [batch, count, size]);
  const upstream = rowMoves.map((move): Shifted => ({ rows: flat(wide, filters, ySize), before: before + move, behind: end - ySize - move }));
  const image = flat(whole, channels, xSize);
  const views = columnMoves.map((move): Shifted => ({ rows: masked ? withoutWrapped(w, image, move, input) : image, before: before - move, behind: end - xSize + move }));
  const product = summedProduct(w, above(w, upstream, batch, filters, before + end), above(w, views, batch, channels, before + end));
  return w.transpose(w.reshape(product, kh === 1 || kw === 1 ? [filters, kh, channels, kw] : [filters, kh, channels, kw]), [0, 2, 1, 3]);
}

/** x [N, C, H W] without the columns that a move by so many positions would bring to another row. */
function withoutWrapped(w: OnnxWriter, x: string, move: number, [h, across]: readonly [number, number]): string {
  if (move === 0) return x;
  // A mask as long as the image: onnxruntime multiplies long runs faster than many short ones.
  const mask = Float32Array.from({ length: h * across }, (_, i) => (i % across >= move && i % across < across + move ? 1 : 0));
  return w.op('Mul', [x, w.as(w.constant(`columns ${move} of ${h}x${across}`, mask, [h * across]), PLAIN)]);
}

/**
 * d loss / d kernel [C m, 1, kh, kw] of a depthwise convolution: a product and a sum a tap at stride 1; otherwise every
 * image's channel as a convolution of its own, with dy for its kernel and the stride for its dilation.
 */
export function writeDepthwiseKernelGradient(w: OnnxWriter, x: string, dy: string, shapes: ConvolutionShapes): string {
  const { batch, input, output, kernel, channels, filters, strides, dilations, padding: [top, , left] } = shapes;
  const multiplier = filters / channels;
  if (multiplier === 1 && (strides[0] > 1 || strides[1] > 1)) {
    const [bottom, right] = ([0, 1] as const).map((axis) => (output[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 - input[axis] - (axis === 0 ? top : left)) as [number, number];
    if (bottom >= 0 && right >= 0) {
      const each = w.op('Conv', [w.reshape(x, [1, batch * channels, ...input]), w.reshape(dy, [batch * channels, 1, ...output])], {
        kernel_shape: ints(output), strides: ints(dilations), dilations: ints(strides), pads: windowPads([top, bottom, left, right]), group: int(batch * channels),
      });
      return w.reduce('ReduceSum', w.reshape(each, [batch, channels, 1, ...kernel]), [0], false);
    }
  }
  const upstream = multiplier === 1 ? dy : w.reshape(dy, [batch, channels, multiplier, ...output]);
  const taps = tapViews(w, x, shapes).map((view) => {
    const product = w.op('Mul', [upstream, multiplier === 1 ? view : w.reshape(view, [batch, channels, 1, ...output])]);
    return w.reshape(w.reduce('ReduceSum', product, multiplier === 1 ? [0, 2, 3] : [0, 3, 4], false), [filters, 1, 1]);
  });
  const stacked = taps.length === 1 ? (taps[0] as string) : w.op('Concat', taps, { axis: int(2) });
  return w.reshape(stacked, [filters, 1, ...kernel]);
}
