/**
 * Gradients of convolutions in ONNX, NCHW throughout. onnxruntime has no operators for them: the input's is its
 * ConvTranspose, the kernel's one matrix product a tap (decisions/007 has what was measured against it).
 */
import type { Padding } from '@convkit/core';
import { PLAIN } from './layout.js';
import { int, ints, type OnnxAttributes } from './program.js';
import { windowPads } from './window.js';
import type { OnnxWriter } from './writer.js';

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
const unreached = (shapes: ConvolutionShapes, axis: 0 | 1) => {
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
function paddingOfFlipped({ input, output, kernel, dilations, padding }: ConvolutionShapes): [number, number, number, number] {
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

/**
 * Sum over the images of a b^T: a [N, F, K], b [N, C, K] -> [F, C]. Where a product is larger than what it is made of, the
 * images are put side by side first, which makes one long product of all.
 */
function summedProduct(w: OnnxWriter, a: string, b: string, [batch, f, c, k]: readonly [number, number, number, number]): string {
  if (f * c <= k * (f + c)) return w.reduce('ReduceSum', timesTransposed(w, a, b), [0], false);
  const beside = (value: string, rows: number) => w.reshape(w.transpose(value, [1, 0, 2]), [rows, batch * k]);
  return w.op('Gemm', [beside(a, f), beside(b, c)], { transB: int(1) });
}

/** d loss / d kernel [F, C / groups, kh, kw]. */
export function writeKernelGradient(w: OnnxWriter, x: string, dy: string, shapes: ConvolutionShapes): string {
  const { batch, output, kernel, channels, filters, groups, strides } = shapes;
  if (groups === 1 && kernel[0] > 1 && strides[0] === 1 && strides[1] === 1) return writeByColumns(w, x, dy, shapes);
  const area = output[0] * output[1];
  const [inside, outside] = [channels / groups, filters / groups];
  const upstream = w.reshape(dy, groups === 1 ? [batch, filters, area] : [batch, groups, outside, area]);
  const productWith = (view: string) => (groups === 1
    ? summedProduct(w, upstream, w.reshape(view, [batch, channels, area]), [batch, filters, channels, area])
    : w.reduce('ReduceSum', timesTransposed(w, upstream, w.reshape(view, [batch, groups, inside, area])), [0], false));
  const taps = tapViews(w, x, shapes).map((view) => w.reshape(productWith(view), [filters, inside, 1]));
  const stacked = taps.length === 1 ? (taps[0] as string) : w.op('Concat', taps, { axis: int(2) });
  return w.reshape(stacked, [filters, inside, ...kernel]);
}

/**
 * The same at stride 1, one product for each column of the kernel: dy stands kh times above itself, each time moved down
 * by one row of the kernel, so that a product has kh times the rows and a third of the copies are made.
 */
function writeByColumns(w: OnnxWriter, x: string, dy: string, shapes: ConvolutionShapes): string {
  const { batch, output, kernel: [kh, kw], channels, filters, dilations } = shapes;
  const reach = dilations[0] * (kh - 1);
  const rows = output[0] + reach;
  const zeros = (count: number) => w.as(w.constant(`zeros ${[batch, filters, count, output[1]].join('x')}`, new Float32Array(batch * filters * count * output[1]), [batch, filters, count, output[1]]), PLAIN);
  const moved = Array.from({ length: kh }, (_, i) => [i * dilations[0], reach - i * dilations[0]] as const)
    .flatMap(([above, below]) => [...(above > 0 ? [zeros(above)] : []), dy, ...(below > 0 ? [zeros(below)] : [])]);
  const upstream = w.reshape(w.op('Concat', moved, { axis: int(2) }), [batch, filters * kh, rows * output[1]]);
  const whole = padded(w, x, shapes);
  const columns = Array.from({ length: kw }, (_, j) => {
    const start = j * dilations[1];
    const view = w.op('Slice', [whole, w.integers([0, start]), w.integers([rows, start + output[1]]), w.integers([2, 3])]);
    const area = rows * output[1];
    return w.reshape(summedProduct(w, upstream, w.reshape(view, [batch, channels, area]), [batch, filters * kh, channels, area]), [filters, kh, channels, 1]);
  });
  const stacked = columns.length === 1 ? (columns[0] as string) : w.op('Concat', columns, { axis: int(3) });
  return w.transpose(stacked, [0, 2, 1, 3]);
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

/** d loss / d bias [F]. */
export function writeBiasGradient(w: OnnxWriter, dy: string): string {
  return w.reduce('ReduceSum', dy, [0, 2, 3], false);
}
