/** Which parts of an image a network is shown, in pixels: Simonyan and Zisserman, sections 3.2 and 4. */
import { option, OptionError, readOptions } from '@convkit/core';

/** Height and width. */
export type Size = readonly [height: number, width: number];

/**
 * An image's size once its shorter side is `side` and its aspect ratio is kept: the longer one to the nearest pixel.
 * @throws OptionError for a side that is no positive integer.
 */
export function scaledSize([height, width]: Size, side: number): [number, number] {
  if (!Number.isInteger(side) || side < 1) throw new OptionError('scaledSize', 'side', side, 'an integer >= 1');
  const longer = (length: number, shorter: number) => Math.round((length * side) / shorter);
  return height <= width ? [side, longer(width, height)] : [longer(height, width), side];
}

/**
 * Upper left corners (row, column) of a regular grid of windows that reaches from edge to edge, row by row: along each axis
 * round(i (image - window) / (grid - 1)) for i = 0 .. grid - 1. The paper says "a 5 x 5 regular grid" and no more; one window
 * alone stands in the middle.
 * @throws OptionError for a window larger than the image, and for a grid that is no positive integer.
 */
export function cropCorners(image: Size, window: Size, grid = 5): [number, number][] {
  if (!Number.isInteger(grid) || grid < 1) throw new OptionError('cropCorners', 'grid', grid, 'an integer >= 1');
  if (window[0] > image[0] || window[1] > image[1]) throw new OptionError('cropCorners', 'window', window, `at most the image, ${image.join(' x ')}`);
  const along = (axis: 0 | 1) => {
    const room = image[axis] - window[axis];
    return Array.from({ length: grid }, (_, i) => (grid === 1 ? Math.floor(room / 2) : Math.round((i * room) / (grid - 1))));
  };
  return along(0).flatMap((row) => along(1).map((column): [number, number] => [row, column]));
}

const side = option.optional(option.integer(1));
const scaleEntries = {
  trained: option.custom<number | readonly [number, number]>(
    (value) => [value].flat().every((n) => Number.isInteger(n) && (n as number) > 0) && (typeof value === 'number' || (Array.isArray(value) && value.length === 2 && value[0] <= value[1])),
    'the side S that images were trained at, or its range [least, most]',
  ),
  step: side,
} as const;

/**
 * The three scales Q that the paper tests at: S - 32, S, S + 32 for a network trained at one scale, and the ends and the middle of
 * the range where S was jittered. `step` is the 32, which fits networks of 224 pixels.
 * @throws OptionError where a scale would not be positive.
 */
export function testScales(options: { trained: number | readonly [least: number, most: number]; step?: number }): [number, number, number] {
  const { trained, step = 32 } = readOptions('testScales', scaleEntries, options);
  if (typeof trained !== 'number') return [trained[0], Math.round((trained[0] + trained[1]) / 2), trained[1]];
  if (step >= trained) throw new OptionError('testScales', 'step', step, `below the ${trained} trained at`);
  return [trained - step, trained, trained + step];
}
