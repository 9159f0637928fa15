/** Input gradients of strided convolutions on blocked images, without zeros between the positions of dy. */
import { range } from '../range.js';
import { exchangedBlocks } from './blocked-kernel.js';
import { BLOCKED_DOMAIN } from './layout.js';
import { int, ints } from './program.js';
import { windowPads } from './window.js';
import type { ConvolutionShapes } from './convolution-gradient.js';
import type { OnnxWriter } from './writer.js';

/** An axis with stride s: position s j + p of x is number j of phase p, the sum over m of dy[j + m] kernel[p + before - s m]. */
interface Axis {
  readonly stride: number;
  /** Positions of a phase. */
  readonly length: number;
  /** Of dy, so that a phase comes out with its length. */
  readonly pads: readonly [number, number];
  readonly moves: number;
  /** The kernel's tap for the m-th move of dy, counted from the first; undefined where a phase has none. */
  tap(phase: number, m: number): number | undefined;
}

function axisOf({ input, output, kernel, strides, padding }: ConvolutionShapes, axis: 0 | 1): Axis {
  const [stride, size, before] = [strides[axis], kernel[axis], padding[axis * 2] ?? 0];
  const [first, last] = [Math.ceil((before - size + 1) / stride), Math.floor((stride - 1 + before) / stride)];
  const length = input[axis] / stride;
  const tap = (phase: number, m: number) => { const at = phase + before - stride * (first + m); return at >= 0 && at < size ? at : undefined; };
  return { stride, length, pads: [-first, length - output[axis] + last], moves: last - first + 1, tap };
}

/**
 * d loss / d x [N, C, H, W] in blocks: one convolution of dy has the phases of all channels for its filters, with zeros for the taps
 * that a phase lacks; phases are then put between each other.
 * @param kernel [F, C, kh, kw] in blocks.
 * @returns undefined where phases are not equally long, the kernel is dilated, or padding was wider than it.
 */
export function writePhases(w: OnnxWriter, dy: string, kernel: string, shapes: ConvolutionShapes, block: number): string | undefined {
  const { batch, input, kernel: size, channels, filters, dilations } = shapes;
  const [down, right] = [axisOf(shapes, 0), axisOf(shapes, 1)];
  if (dilations.some((n) => n > 1) || [down, right].some(({ length, pads }) => !Number.isInteger(length) || pads.some((n) => n < 0))) return undefined;
  const blocks = channels / block;
  const tapsOf = (p: number, q: number) => range(down.moves).flatMap((m) => range(right.moves).map((n) => {
    const [row, column] = [down.tap(p, m), right.tap(q, n)];
    return row === undefined || column === undefined ? undefined : row * size[1] + column;
  }));
  const wanted = range(down.stride).flatMap((p) => range(right.stride).flatMap((q) => range(blocks).flatMap((channel) => range(filters / block).flatMap((filter) =>
    tapsOf(p, q).map((tap) => (tap === undefined ? undefined : { filter, channel, tap }))))));
  const weights = exchangedBlocks(w, kernel, { filters, channels, taps: size[0] * size[1] }, block, wanted);
  const each = w.op('Conv', [dy, w.reshape(weights, [down.stride * right.stride * channels, filters, down.moves, right.moves])], {
    kernel_shape: ints([down.moves, right.moves]), strides: ints([1, 1]), dilations: ints([1, 1]), pads: windowPads([...down.pads, ...right.pads]), group: int(1),
  }, BLOCKED_DOMAIN);
  const apart = w.reshape(each, [batch, down.stride, right.stride, blocks, down.length, right.length, block]);
  return w.reshape(w.transpose(apart, [0, 3, 4, 1, 5, 2, 6]), [batch, channels, ...input]);
}
