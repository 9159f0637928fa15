/** The default boxes of SSD (Liu et al. 2016, arXiv 1512.02325): torchvision's DefaultBoxGenerator. */
import { option, readOptions } from '@convkit/core';
import { anchorOption, boxAround, boxesOnMaps, perMap, type Size } from './anchor-options.js';

export interface DefaultBoxOptions {
  /** Of the image in pixels. */
  image: Size;
  /** Height and width of each map. */
  maps: readonly Size[];
  /** The ratios > 1 of each map, width / height; each stands for its inverse too. A map may have none. */
  ratios: readonly (readonly number[])[];
  /** Shares of the image, one more than maps. */
  scales: readonly number[];
  /** From cell to cell in pixels, for each map. Default: the map fills the image. */
  steps?: readonly number[];
  /** Sides longer than the image are cut to it. Default true. */
  clip?: boolean;
}

/** Tables that are in use, with the boxes that they give. */
export const DEFAULT_BOXES = {
  ssd300: {
    image: [300, 300],
    maps: [[38, 38], [19, 19], [10, 10], [5, 5], [3, 3], [1, 1]],
    ratios: [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
    scales: [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
    steps: [8, 16, 32, 64, 100, 300],
    anchors: 8_732,
  },
  ssd512: {
    image: [512, 512],
    maps: [[64, 64], [32, 32], [16, 16], [8, 8], [4, 4], [2, 2], [1, 1]],
    ratios: [[2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2]],
    scales: [0.07, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05],
    steps: [8, 16, 32, 64, 128, 256, 512],
    anchors: 24_564,
  },
} as const satisfies Record<string, DefaultBoxOptions & { anchors: number }>;

const isRatios = (value: unknown) => Array.isArray(value) && value.every((x) => Number.isFinite(x) && x > 0);
const entries = {
  image: anchorOption.image,
  maps: anchorOption.maps,
  ratios: option.custom<readonly (readonly number[])[]>((value) => Array.isArray(value) && value.every(isRatios), 'a list of lists of numbers > 0'),
  scales: anchorOption.numbers,
  steps: option.optional(anchorOption.numbers),
  clip: option.withDefault(option.boolean(), true),
} as const;

/**
 * In every cell the square of side s_k, the square of side sqrt(s_k s_(k+1)), and for every ratio a the box
 * s_k sqrt(a) by s_k / sqrt(a) and that box turned; around ((column, row) + 0.5) step / image.
 * @returns [boxes, 4]: normalised corners, which may lie outside; map by map, row by row.
 */
export function defaultBoxes(options: DefaultBoxOptions): Float32Array {
  const where = 'defaultBoxes';
  const { image, maps, ratios, scales, steps, clip } = readOptions(where, entries, options);
  const perLevel = perMap(where, 'ratios', ratios, maps);
  const next = perMap(where, 'scales after the first', scales.slice(1), maps);
  const strides = steps && perMap(where, 'steps', steps, maps);
  const cut = (x: number) => (clip ? Math.min(x, 1) : x);
  return boxesOnMaps(maps.map((map, k) => {
    const scale = scales[k] as number;
    const square = Math.sqrt(scale * (next[k] as number));
    const sides = [[scale, scale], [square, square], ...(perLevel[k] ?? []).flatMap((a) => [[scale * Math.sqrt(a), scale / Math.sqrt(a)], [scale / Math.sqrt(a), scale * Math.sqrt(a)]])] as [number, number][];
    const step = strides?.[k];
    const [down, across] = step === undefined ? [1 / map[0], 1 / map[1]] : [step / image[0], step / image[1]];
    return { map, boxes: sides.map(([w, h]) => boxAround(cut(w), cut(h))), centre: (row, column) => [(column + 0.5) * across, (row + 0.5) * down] };
  }));
}
