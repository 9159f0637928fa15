import type { Padding } from '@convkit/tfjs-extras/composed';
import * as v from 'valibot';
import { OptionError } from './option-error.js';

export type { Padding };

/** How a window is padded: 'same' and 'valid' as TensorFlow has them, or explicit as in torch. */
export type PaddingOption = 'same' | 'valid' | number | readonly [number, number] | readonly [number, number, number, number];

const side = v.pipe(v.number(), v.integer(), v.minValue(0));

export const paddingOption = v.pipe(
  v.union([v.picklist(['same', 'valid']), side, v.strictTuple([side, side]), v.strictTuple([side, side, side, side])]),
  v.description("'same', 'valid' or explicit: an integer >= 0, [vertical, horizontal] or [top, bottom, left, right]"),
) as v.GenericSchema<PaddingOption>;

/** Extent of a dilated kernel: d(k - 1) + 1. */
export function effectiveKernel(size: number, dilation: number): number {
  return dilation * (size - 1) + 1;
}

/** Length of a window's output along one axis, floor rule; null stays null. */
export function windowOutput(input: number | null, kernel: number, stride: number, before: number, after: number): number | null {
  return input === null ? null : Math.floor((input + before + after - kernel) / stride) + 1;
}

/**
 * Explicit padding of one window over an input of `size` = [H, W].
 * 'same' adds max((ceil(n/s) - 1)s + k - n, 0) in all, the odd row or column at the end (TensorFlow's rule).
 */
export function resolvePadding(padding: PaddingOption, size: readonly [number, number], kernel: readonly [number, number], strides: readonly [number, number]): Padding {
  if (padding === 'valid') return [0, 0, 0, 0];
  if (padding === 'same') {
    const [top, bottom] = samePadding(size[0], kernel[0], strides[0]);
    const [left, right] = samePadding(size[1], kernel[1], strides[1]);
    return [top, bottom, left, right];
  }
  return explicitPadding(padding);
}

/** [top, bottom, left, right] of an explicit padding option. */
function explicitPadding(padding: Exclude<PaddingOption, 'same' | 'valid'>): Padding {
  if (typeof padding === 'number') return [padding, padding, padding, padding];
  return padding.length === 2 ? [padding[0], padding[0], padding[1], padding[1]] : padding;
}

function samePadding(size: number, kernel: number, stride: number): [number, number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/**
 * Output [H, W] of a window, null where the input is unknown.
 * @throws OptionError naming the layer, the input and the effective kernel when the window does not fit.
 */
export function windowShape(
  where: string, option: string, size: readonly (number | null)[], kernel: readonly [number, number], strides: readonly [number, number], padding: PaddingOption,
): [number | null, number | null] {
  const output = ([0, 1] as const).map((axis) => {
    const length = size[axis] ?? null;
    if (length === null) return null;
    if (padding === 'same') return Math.ceil(length / strides[axis]);
    const [top, bottom, left, right] = padding === 'valid' ? [0, 0, 0, 0] : explicitPadding(padding);
    const [before, after] = axis === 0 ? [top, bottom] : [left, right];
    if (length + before + after < kernel[axis]) {
      throw new OptionError(where, option, [...kernel], `at most the padded input, here ${size[0]}x${size[1]} (H x W) with padding ${JSON.stringify(padding)}`,
        `The effective kernel is ${kernel[0]}x${kernel[1]}.`);
    }
    return windowOutput(length, kernel[axis], strides[axis], before, after);
  });
  return [output[0] ?? null, output[1] ?? null];
}

/** tfjs' form of explicit NHWC padding. */
export function explicitPad([top, bottom, left, right]: Padding): [[number, number], [number, number], [number, number], [number, number]] {
  return [[0, 0], [top, bottom], [left, right], [0, 0]];
}
