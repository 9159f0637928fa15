/** Anchors at every pixel of a map, n + m - 1 of them: multibox_prior of Dive into Deep Learning (d2l/torch.py, chapter 14.4). */
import { readOptions } from '@convkit/core';
import { anchorOption, boxAround, boxesOnMaps, perMap, type Size } from './anchor-options.js';

export interface PriorAnchorOptions {
  /** Height and width of each map. They must have the image's aspect, or the ratios are off by as much as the aspects differ. */
  maps: readonly Size[];
  /** s, as shares of the image's height, for each map. */
  sizes: readonly (readonly number[])[];
  /** r = width / height in pixels, for all maps. */
  ratios: readonly number[];
}

/** Sizes that are in use, with the anchors that they give. */
export const PRIOR_ANCHORS = {
  /** Dive into Deep Learning's detector, 256x256 images. */
  tinySsd: {
    maps: [[32, 32], [16, 16], [8, 8], [4, 4], [1, 1]],
    sizes: [[0.2, 0.272], [0.37, 0.447], [0.54, 0.619], [0.71, 0.79], [0.88, 0.961]],
    ratios: [1, 2, 0.5],
    anchors: 5_444,
  },
} as const satisfies Record<string, PriorAnchorOptions & { anchors: number }>;

const entries = { maps: anchorOption.maps, sizes: anchorOption.lists, ratios: anchorOption.numbers } as const;

/**
 * Around the centre of every cell of an H x W map the boxes (s_1, r_1), ..., (s_n, r_1), (s_1, r_2), ..., (s_1, r_m), of width
 * s sqrt(r) H / W and height s / sqrt(r): in pixels both scale with the height and w / h is r. (The book's text says
 * w s sqrt(r); this is its code.)
 * @returns [anchors, 4]: normalised corners, not clipped; map by map, row by row.
 */
export function priorAnchors(options: PriorAnchorOptions): Float32Array {
  const where = 'priorAnchors';
  const { maps, sizes, ratios } = readOptions(where, entries, options);
  const perLevel = perMap(where, 'sizes', sizes, maps);
  return boxesOnMaps(maps.map((map, k) => {
    const scales = perLevel[k] ?? [];
    const pairs = [...scales.map((s) => [s, ratios[0]] as const), ...ratios.slice(1).map((r) => [scales[0], r] as const)] as [number, number][];
    return {
      map,
      boxes: pairs.map(([s, r]) => boxAround((s * Math.sqrt(r) * map[0]) / map[1], s / Math.sqrt(r))),
      centre: (row, column) => [(column + 0.5) / map[1], (row + 0.5) / map[0]],
    };
  }));
}
