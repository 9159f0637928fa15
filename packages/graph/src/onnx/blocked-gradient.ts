/**
 * Gradients of convolutions on blocked images, [N, C / b, H, W, b] in memory and [N, C, H, W] by name. Images and channels
 * can be counted together there, [1, N C, H, W], which is what the kernel of a depthwise convolution needs.
 */
import { range } from '../range.js';
import { exchangedBlocks } from './blocked-kernel.js';
import { writePhases } from './blocked-phases.js';
import { everyChannel } from './by-channel.js';
import { BLOCKED_DOMAIN } from './layout.js';
import { int, ints } from './program.js';
import { windowPads } from './window.js';
import { paddingOfFlipped, unreached, type ConvolutionShapes } from './convolution-gradient.js';
import type { OnnxWriter } from './writer.js';

const isOne = ([down, right]: readonly [number, number]) => down === 1 && right === 1;

/** A dense kernel [F, C, kh, kw] in blocks, turned by half a circle, input and output channels exchanged. */
function flippedDense(w: OnnxWriter, kernel: string, { kernel: [kh, kw], channels, filters }: ConvolutionShapes, block: number): string {
  const taps = kh * kw;
  const turned = range(channels / block).flatMap((channel) => range(filters / block).flatMap((filter) => range(taps).map((tap) => ({ filter, channel, tap: taps - 1 - tap }))));
  return w.reshape(exchangedBlocks(w, kernel, { filters, channels, taps }, block, turned), [channels, filters, kh, kw]);
}

/** A depthwise kernel in blocks, turned by half a circle. */
function flippedDepthwise(w: OnnxWriter, kernel: string, { kernel: size, channels }: ConvolutionShapes, block: number): string {
  const taps = size[0] * size[1];
  const turned = taps === 1 ? kernel : w.op('Gather', [w.reshape(kernel, [channels / block, taps, block]), w.integers(range(taps).reverse())], { axis: int(1) });
  return w.reshape(turned, [channels, 1, ...size]);
}

/** dy [N, C, H', W'] with zeros behind each row and column: [N, C, s H', s W']. */
function stuffed(w: OnnxWriter, dy: string, { batch, output: [rows, columns], strides: [down, right] }: ConvolutionShapes, channels: number, block: number): string {
  const lines = w.reshape(dy, [batch * channels / block * rows, 1, columns, block]);
  const apart = w.op('Pad', [lines, w.integers([0, 0, 0, 0, 0, down - 1, 0, (right - 1) * block])]);
  return w.reshape(apart, [batch, channels, rows * down, columns * right]);
}

/**
 * d loss / d x: a convolution with the flipped kernel; where the stride is not 1, of each phase (dense kernels), or of dy with zeros between.
 * @returns undefined where the padding was wider than the kernel, or the last windows do not reach the end.
 */
export function writeBlockedInputGradient(w: OnnxWriter, dy: string, kernel: string, shapes: ConvolutionShapes, block: number): string | undefined {
  const { kernel: size, channels, filters, groups, dilations, strides, output } = shapes;
  const depthwise = groups > 1;
  // A kernel of one tap moves nothing: then the zeros can wait until the work is done.
  const pointwise = isPointwise(shapes);
  const byPhase = depthwise || pointwise || isOne(strides) ? undefined : writePhases(w, dy, kernel, shapes, block);
  if (byPhase !== undefined) return byPhase;
  const weights = depthwise ? flippedDepthwise(w, kernel, shapes, block) : flippedDense(w, kernel, shapes, block);
  const spread: ConvolutionShapes = { ...shapes, output: [output[0] * strides[0], output[1] * strides[1]] };
  const pads = paddingOfFlipped(spread);
  if (pads.some((n) => n < 0)) return undefined;
  const convolved = (value: string) => w.op('Conv', [value, weights], {
    kernel_shape: ints(size), strides: ints([1, 1]), dilations: ints(dilations), pads: windowPads(pads), group: int(groups),
  }, BLOCKED_DOMAIN);
  if (isOne(strides)) return convolved(dy);
  return pointwise ? stuffed(w, convolved(dy), shapes, channels, block) : convolved(stuffed(w, dy, shapes, filters, block));
}

/**
 * d loss / d kernel of a depthwise convolution, [C / b, kh, kw, b]: every image's channel is a convolution of its own with
 * dy for its kernel, the stride for its dilation and the dilation for its stride.
 * @returns undefined where windows do not reach the end.
 */
export function writeBlockedDepthwiseGradient(w: OnnxWriter, x: string, dy: string, shapes: ConvolutionShapes): string | undefined {
  const { batch, input, output, kernel, channels, strides, dilations, padding: [top, bottom, left, right] } = shapes;
  const pads = [top, bottom - unreached(shapes, 0), left, right - unreached(shapes, 1)] as const;
  if (pads.some((n) => n < 0)) return undefined;
  const each = w.op('Conv', [w.reshape(x, [1, batch * channels, ...input]), w.reshape(dy, [batch * channels, 1, ...output])], {
    kernel_shape: ints(output), strides: ints(dilations), dilations: ints(strides), pads: windowPads(pads), group: int(batch * channels),
  }, BLOCKED_DOMAIN);
  return w.reshape(w.reduce('ReduceSum', w.reshape(each, [batch, channels * kernel[0] * kernel[1]]), [0], false), [channels, 1, ...kernel]);
}

/** Columns of zeros on both sides: a convolution of one tap, which copies faster than Pad. */
function padded(w: OnnxWriter, x: string, channels: number, [left, right]: readonly [number, number]): string {
  const ones = w.reshape(everyChannel(w, 1, channels), [channels, 1, 1, 1]);
  return w.op('Conv', [x, ones], { kernel_shape: ints([1, 1]), strides: ints([1, 1]), dilations: ints([1, 1]), pads: windowPads([0, 0, left, right]), group: int(channels) }, BLOCKED_DOMAIN);
}

/** One tap, and no padding. */
const isPointwise = ({ kernel: [kh, kw], padding }: ConvolutionShapes) => kh === 1 && kw === 1 && padding.every((n) => n === 0);

/** The largest divisor of n up to a limit. */
const divisor = (n: number, limit: number) => Array.from({ length: limit }, (_, i) => limit - i).find((d) => n % d === 0) ?? 1;

/**
 * d loss / d kernel [F, C, kh, kw] of a dense convolution, in blocks. The images are the channels of one convolution whose kernel is dy:
 * x as it lies, [N, C / i, H, W i] with i channels together, has a channel's neighbour in a row i places on, so that windows of every i-th
 * place see one channel each and kw i of them lie in a row. A few images are summed by the convolution (fewer than a block of them: then it
 * reads them as they lie), the rest behind it. Strides of y dilate the window.
 * @param together i: channels that lie together in x, 1 for an NCHW image.
 * @returns undefined where the forward kernel is dilated.
 */
export function writeBlockedKernelGradient(w: OnnxWriter, x: string, dy: string, shapes: ConvolutionShapes, together: number, block: number): string | undefined {
  if (together > 1 && isPointwise(shapes) && !isOne(shapes.strides)) {
    // What it reads is picked first, as the cheaper of two copies.
    const picked = w.op('MaxPool', [x], { kernel_shape: ints([1, 1]), strides: ints(shapes.strides), pads: ints([0, 0, 0, 0]) }, BLOCKED_DOMAIN);
    return writeBlockedKernelGradient(w, picked, dy, { ...shapes, input: shapes.output, strides: [1, 1] }, together, block);
  }
  const { batch, input, output, kernel: [kh, kw], channels, filters, strides: [down, across], dilations, padding: [top, , left] } = shapes;
  if (!isOne(dilations)) return undefined;
  const [blocks, filterBlocks] = [channels / together, filters / block];
  // What the last windows need behind the image; below 0: what they leave.
  const [bottom, right] = [(output[0] - 1) * down + kh - input[0] - top, (output[1] - 1) * across + kw - input[1] - left];
  const [rows, columns] = [input[0] + Math.min(bottom, 0), input[1] + left + right];
  // The operator takes less than a block of channels, or whole blocks: images of zeros make up for it.
  const images = batch < block ? batch : Math.ceil(batch / block) * block;
  const pad = (value: string, pads: readonly number[]) => (pads.every((n) => n === 0) ? value : w.op('Pad', [value, w.integers(pads)]));
  // Columns are padded here: the operator does windows over an edge one by one.
  const wide = together > 1 && images === batch && bottom >= 0 && right >= 0 && left + right > 0
    ? w.reshape(padded(w, x, channels, [left, right]), [batch, blocks, rows, columns * together])
    : pad(w.reshape(x, [batch, blocks, input[0], input[1] * together]), [0, 0, 0, left * together, images - batch, 0, Math.min(bottom, 0), right * together]);
  const image = w.reshape(w.transpose(wide, blocks === 1 ? [0, 1, 2, 3] : [1, 0, 2, 3]), [blocks, images, rows, columns * together]);
  const upstream = images === batch ? dy : pad(w.reshape(dy, [batch, filters * output[0] * output[1]]), [0, 0, images - batch, 0]);

  // Turning images within a group costs a copy of dy and spares results to sum, which takes about three times as long a number.
  const pays = filterBlocks === 1 || 3 * channels * kh * kw > output[0] * output[1];
  const perGroup = pays ? divisor(images, block / 2) : 1;
  const groups = images / perGroup;
  const turned = filterBlocks === 1 || perGroup === 1 ? upstream : w.transpose(w.reshape(upstream, [groups, perGroup, filterBlocks, output[0] * output[1] * block]), [0, 2, 1, 3]);
  const each = w.op('Conv', [image, w.reshape(turned, [groups * filters, perGroup, ...output])], {
    kernel_shape: ints(output), strides: ints([1, 1]), dilations: ints([down, across * together]), pads: windowPads([top, Math.max(bottom, 0), 0, 0]), group: int(groups),
  }, BLOCKED_DOMAIN);
  const size = kh * kw * together * block;
  const sum = w.reduce('ReduceSum', w.reshape(each, [blocks, groups, filterBlocks * size]), [1], false);
  return w.reshape(w.transpose(w.reshape(sum, [blocks, filterBlocks, size]), blocks === 1 || filterBlocks === 1 ? [0, 1, 2] : [1, 0, 2]), [filters, channels, kh, kw]);
}
