import type * as tf from '@tensorflow/tfjs-core';
import { boundsOf, nativeKernel, windowFields, type Clamp, type ConvolutionKernelAttributes, type NativeKernel, type Shape4D } from './kernel.js';
import type { Native } from './module.js';

/** Numbers of a block of output channels: the kernels compute eight at a time. */
const BLOCK = 8;
/** Pixels whose pointers are kept at a time. */
const PIXELS = 64;

export const blocksOf = (channels: number) => Math.ceil(channels / BLOCK);

/** A tap of a lattice: which of the weights, and where in the input the first output pixel meets it. */
type Tap = readonly [number: number, row: number, column: number];

/** Output pixels that the same taps reach, `step` apart from `from` on. */
interface Lattice {
  from: readonly [number, number];
  step: readonly [number, number];
  /** Input pixels between neighbours. */
  inputStep: readonly [number, number];
  taps: readonly Tap[];
}

/** Where weights lie: strides between groups, taps, channels that are summed over, and channels that come out, in numbers. */
interface WeightLayout {
  groups: number;
  taps: number;
  inner: number;
  outer: number;
  strides: readonly [group: number, tap: number, inner: number, outer: number];
}

/** Weights as the kernels read them, and bytes for them. */
export const packedBytes = ({ groups, taps, inner, outer }: Omit<WeightLayout, 'strides'>) => groups * blocksOf(outer) * taps * inner * BLOCK * 4;
export const packWeights = ({ kernels }: Native, source: number, target: number, { groups, taps, inner, outer, strides }: WeightLayout) => kernels.pack(source, target, groups, taps, inner, outer, ...strides);

/** [groups, blocks, 8]; zeros without a bias. */
export function packBias(native: Native, bias: tf.TensorInfo | undefined, target: number, groups: number, outer: number): void {
  if (bias) packWeights(native, native.heap.pointer(bias), target, { groups, taps: 1, inner: 1, outer, strides: [outer, 0, 0, 1] });
  else native.heap.clear(target, packedBytes({ groups, taps: 1, inner: 1, outer }));
}

interface Convolution {
  x: tf.TensorInfo;
  weights: tf.TensorInfo;
  layout: WeightLayout;
  lattices: readonly Lattice[];
  outputShape: Shape4D;
  bias?: tf.TensorInfo | undefined;
  activation?: Clamp;
}

/** Every pixel of the output, lattice by lattice. */
function convolve(native: Native, { x, weights, layout, lattices, outputShape, bias, activation = 'linear' }: Convolution): tf.TensorInfo {
  const { heap, kernels, run } = native;
  const { groups, taps, inner, outer } = layout;
  const [images, height, width, channels] = x.shape as Shape4D;
  const [, rows, columns, filters] = outputShape;
  const y = heap.output(outputShape);
  const sizes = [packedBytes(layout), packedBytes({ groups, taps: 1, inner: 1, outer }), channels * 4, PIXELS * 4 * (taps + 1), taps * 12] as const;
  heap.withScratch(sizes, ([packed, packedBias, zeros, scratch, list]) => {
    packWeights(native, heap.pointer(weights), packed, layout);
    packBias(native, bias, packedBias, groups, outer);
    heap.clear(zeros, channels * 4);
    for (const { from, step, inputStep, taps: live } of lattices) {
      new Int32Array(heap.memory.buffer, list, live.length * 3).set(live.flat());
      run(kernels.convolve, {
        x: heap.pointer(x), weights: packed, bias: packedBias, y: heap.pointer(y) + (from[0] * columns + from[1]) * filters * 4, zeros, scratch, taps: list,
        live: live.length, allTaps: taps, images, height, width, rows: Math.ceil((rows - from[0]) / step[0]), columns: Math.ceil((columns - from[1]) / step[1]),
        rowStep: inputStep[0], columnStep: inputStep[1], imageStride: rows * columns * filters, rowStride: step[0] * columns * filters, columnStride: step[1] * filters,
        groups, inner, outer,
      }, boundsOf(activation));
    }
  });
  return y;
}

/** The taps [number, row, column] of a kernel of this size. */
const tapsOf = ([kh, kw]: readonly number[]) => Array.from({ length: (kh ?? 0) * (kw ?? 0) }, (_, t) => [t, Math.floor(t / (kw ?? 1)), t % (kw ?? 1)] as const);

const outputLength = (length: number, kernel: number, stride: number, dilation: number, cells: number) => Math.floor((length + cells - dilation * (kernel - 1) - 1) / stride) + 1;

const forward = nativeKernel<{ x: tf.Tensor4D; kernel: tf.Tensor4D; bias?: tf.Tensor1D }, ConvolutionKernelAttributes & { activation: Clamp }>(
  'convolution',
  (native, { x, kernel, bias }, { strides, padding: [top, bottom, left, right], dilations, groups, activation }) => {
    const [n, height, width] = x.shape;
    const [kh, kw, inner, filters] = kernel.shape;
    const outputShape: Shape4D = [n, outputLength(height, kh, strides[0], dilations[0], top + bottom), outputLength(width, kw, strides[1], dilations[1], left + right), filters];
    const taps = tapsOf(kernel.shape).map(([t, u, v]): Tap => [t, u * dilations[0] - top, v * dilations[1] - left]);
    return convolve(native, {
      x, weights: kernel, outputShape, bias, activation,
      layout: { groups, taps: taps.length, inner, outer: filters / groups, strides: [filters / groups, inner * filters, filters, 1] },
      lattices: [{ from: [0, 0], step: [1, 1], inputStep: strides, taps }],
    });
  },
);

/**
 * d/dx of a convolution with groups. dy [N, H', W', F], kernel [kh, kw, C / groups, F] -> [N, H, W, C].
 * Pixel y of x is read by output i through tap u where i s = y + pad - u d: which taps can be, depends on y modulo s only.
 */
export function compiledInputGradient(native: Native, dy: tf.Tensor4D, kernel: tf.Tensor4D, { strides: [sh, sw], padding, dilations, groups, inputShape }: ConvolutionKernelAttributes & { inputShape: Shape4D }): tf.TensorInfo {
  const [, , inner, filters] = kernel.shape;
  const outer = filters / groups;
  const all = tapsOf(kernel.shape).map(([t, u, v]) => [t, padding[0] - u * dilations[0], padding[2] - v * dilations[1]] as const);
  const phases = Array.from({ length: Math.min(sh, inputShape[1]) }, (_, y) => Array.from({ length: Math.min(sw, inputShape[2]) }, (__, x) => [y, x] as const)).flat();
  return convolve(native, {
    x: dy, weights: kernel, outputShape: inputShape,
    layout: { groups, taps: all.length, inner: outer, outer: inner, strides: [outer, inner * filters, 1, filters] },
    lattices: phases.map(([y, x]) => ({
      from: [y, x], step: [sh, sw], inputStep: [1, 1],
      taps: all.filter(([, down, across]) => (y + down) % sh === 0 && (x + across) % sw === 0).map(([t, down, across]): Tap => [t, (y + down) / sh, (x + across) / sw]),
    })),
  });
}

/** d/dK of a convolution with groups. x [N, H, W, C], dy [N, H', W', F] -> [kh, kw, C / groups, F]. */
export function compiledKernelGradient({ heap, kernels, run }: Native, x: tf.Tensor4D, dy: tf.Tensor4D, { groups, kernelShape, ...attributes }: ConvolutionKernelAttributes & { kernelShape: Shape4D }): tf.TensorInfo {
  const [images, height, width] = x.shape;
  const [, rows, columns] = dy.shape;
  const [kernelRows, kernelColumns, inner, filters] = kernelShape;
  const kernel = heap.output(kernelShape);
  heap.withScratch([PIXELS * 8], ([scratch]) => run(kernels.kernelGradient, {
    x: heap.pointer(x), dy: heap.pointer(dy), kernel: heap.pointer(kernel), scratch, images, height, width, rows, columns, kernelRows, kernelColumns,
    ...windowFields(attributes), groups, inner, outer: filters / groups,
  }));
  return kernel;
}

export const CONVOLUTION_KERNELS: readonly NativeKernel[] = [
  forward,
  nativeKernel<{ dy: tf.Tensor4D; kernel: tf.Tensor4D }, ConvolutionKernelAttributes & { inputShape: Shape4D }>(
    'convolutionInputGradient', (native, { dy, kernel }, attributes) => compiledInputGradient(native, dy, kernel, attributes),
  ),
  nativeKernel<{ x: tf.Tensor4D; dy: tf.Tensor4D }, ConvolutionKernelAttributes & { kernelShape: Shape4D }>(
    'convolutionKernelGradient', (native, { x, dy }, attributes) => compiledKernelGradient(native, x, dy, attributes),
  ),
];
