/** Sums and scales by channel, in the layout that a value has: rows, images as NCHW, or images in blocks. */
import type { ValueShape } from '@convkit/core';
import { BLOCKED_DOMAIN, NCHW, PLAIN, type Layout } from './layout.js';
import { float, int, ints, text } from './program.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

export interface ByChannel {
  /** x scale + shift in one pass; scale and shift are [C]. */
  affine(x: string, scale: string, shift?: string): string;
  /** Sum of x, [C]. */
  sum(x: string): string;
  /** Mean of x, [C]. */
  mean(x: string): string;
  /** Sum of a b, [C]. */
  dot(a: string, b: string): string;
}

/** The layout with the channels as the second axis, in blocks where the value has them. */
export function channelsSecond(shape: ValueShape, layout: Layout): Layout {
  if (shape.length !== 4) return PLAIN;
  return layout.block === undefined ? NCHW : layout;
}

/** @param shape Of the value, as the graph has it: [N, H, W, C] or [N, C]. @param layout One of {@link channelsSecond}. */
export function byChannel(w: OnnxWriter, shape: ValueShape, layout: Layout): ByChannel {
  if (layout.block !== undefined) return inBlocks(w, shape as number[]);
  const channels = channelsOf(shape);
  return {
    affine: (x, scale, shift) => affine(w, x, scale, shift, channels),
    sum: (x) => w.reduce('ReduceSum', x, overAllButChannels(shape), false),
    mean: (x) => w.reduce('ReduceMean', x, overAllButChannels(shape), false),
    dot: (a, b) => sumOfProducts(w, a, b, shape),
  };
}

export const channelsOf = (shape: ValueShape) => shape.at(-1) as number;
const overAllButChannels = (shape: ValueShape) => (shape.length === 4 ? [0, 2, 3] : [0]);

/** The same number for every channel, [C]. */
export const everyChannel = (w: OnnxWriter, value: number, channels: number): string => w.as(w.constant(`${value} x ${channels}`, new Float32Array(channels).fill(value), [channels]), PLAIN);

/** Batch norm with mean 0 and variance 1. */
function affine(w: OnnxWriter, x: string, scale: string, shift: string | undefined, channels: number): string {
  return w.op('BatchNormalization', [x, scale, shift ?? everyChannel(w, 0, channels), everyChannel(w, 0, channels), everyChannel(w, 1, channels)], { epsilon: float(0) });
}

/** Images of fewer positions than this are multiplied and summed; larger ones are quicker as dot products. */
const SMALL = 256;

function sumOfProducts(w: OnnxWriter, a: string, b: string, shape: ValueShape): string {
  if (shape.length === 2) return w.reduce('ReduceSum', w.op('Mul', [a, b]), [0], false);
  const [batch, h, across, channels] = shape as [number, number, number, number];
  if (h * across < SMALL) return w.reduce('ReduceSum', w.op('Mul', [a, b]), [0, 2, 3], false);
  const rows = [batch, channels, 1, h * across];
  const dots = w.op('FusedMatMul', [w.reshape(a, rows), w.reshape(b, rows)], { transB: int(1) }, 'com.microsoft');
  return w.reshape(w.reduce('ReduceSum', dots, [0], false), [channels]);
}

/** With onnxruntime's blocked operators: a depthwise convolution of one tap scales, one whose kernel is the other image multiplies and sums. */
function inBlocks(w: OnnxWriter, [batch = 1, h = 1, across = 1, channels = 1]: readonly number[]): ByChannel {
  const conv = (operands: readonly string[], kernel: readonly [number, number], group: number) =>
    w.op('Conv', operands, { kernel_shape: ints(kernel), strides: ints([1, 1]), pads: ints([0, 0, 0, 0]), dilations: ints([1, 1]), group: int(group) }, BLOCKED_DOMAIN);
  const overImages = (each: string, type: 'ReduceSum' | 'ReduceMean') => w.reduce(type, w.reshape(each, [batch, channels]), [0], false);
  const meanOf = (x: string) => overImages(w.op('GlobalAveragePool', [x], {}, BLOCKED_DOMAIN), 'ReduceMean');
  return {
    affine: (x, scale, shift) => conv([x, w.reshape(scale, [channels, 1, 1, 1]), ...(shift === undefined ? [] : [shift])], [1, 1], channels),
    sum: (x) => w.op('Mul', [meanOf(x), w.number(batch * h * across)]),
    mean: meanOf,
    dot: (a, b) => {
      const each = conv([w.reshape(a, [1, batch * channels, h, across]), w.reshape(b, [batch * channels, 1, h, across])], [h, across], batch * channels);
      return overImages(each, 'ReduceSum');
    },
  };
}

/** One number for each image and channel, [N, 1, 1, C], at every position of blocked images of a shape. */
export function overPositions(w: OnnxWriter, each: OnnxValue, shape: ValueShape, layout: Layout): OnnxValue {
  const [, h, across] = shape as number[] as [number, number, number];
  return { name: w.op('Upsample', [w.as(each, layout)], { scales: ints([1, 1, h, across]), mode: text('nearest') }, BLOCKED_DOMAIN), shape, layout };
}
