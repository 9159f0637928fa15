/** Anchors of region proposals and RetinaNet: torchvision's AnchorGenerator (models/detection/anchor_utils.py). */
import { OptionError, readOptions } from '@convkit/core';
import { anchorOption, boxesOnMaps, perMap, type Size } from './anchor-options.js';

export interface GridAnchorOptions {
  /** Of the image in pixels. */
  image: Size;
  /** Height and width of each map. */
  maps: readonly Size[];
  /** In pixels, for each map. */
  sizes: readonly (readonly number[])[];
  /** height / width (the other kinds have width / height), for all maps. */
  ratios: readonly number[];
}

/** The three sizes of RetinaNet's level: an octave in thirds, cut to integers. */
const octave = (size: number) => [size, Math.floor(size * 2 ** (1 / 3)), Math.floor(size * 2 ** (2 / 3))];

/** Sizes and ratios that are in use; `anchors` at each place of a map. */
export const GRID_ANCHORS = {
  /** Faster R-CNN on one map. */
  fasterRcnn: { sizes: [[128, 256, 512]], ratios: [0.5, 1, 2], anchors: 9 },
  /** Faster R-CNN on a feature pyramid, levels 2 to 6. */
  fpn: { sizes: [[32], [64], [128], [256], [512]], ratios: [0.5, 1, 2], anchors: 3 },
  /** RetinaNet, levels 3 to 7. */
  retinanet: { sizes: [32, 64, 128, 256, 512].map(octave), ratios: [0.5, 1, 2], anchors: 9 },
} as const satisfies Record<string, Pick<GridAnchorOptions, 'sizes' | 'ratios'> & { anchors: number }>;

const entries = { image: anchorOption.image, maps: anchorOption.maps, sizes: anchorOption.lists, ratios: anchorOption.numbers } as const;

/** Halves to the even neighbour, as torch.round. */
function roundToEven(x: number): number {
  const down = Math.floor(x);
  const isHalf = x - down === 0.5;
  return isHalf ? 2 * Math.round(down / 2) : Math.round(x);
}

/**
 * For every ratio a every size s: the box of height s sqrt(a) and width s / sqrt(a), its half sides rounded to integers,
 * around (column, row) times the stride, floor(image / map): that is the upper left corner of the cell, not its centre.
 * @returns [anchors, 4]: corners in pixels; map by map, row by row.
 */
export function gridAnchors(options: GridAnchorOptions): Float32Array {
  const where = 'gridAnchors';
  const { image, maps, sizes, ratios } = readOptions(where, entries, options);
  const perLevel = perMap(where, 'sizes', sizes, maps);
  const large = maps.find(([h, w]) => h > image[0] || w > image[1]);
  if (large !== undefined) throw new OptionError(where, 'maps', large, `no larger than the image, ${image.join(' x ')}`);
  return boxesOnMaps(maps.map((map, k) => {
    const [down, across] = [Math.floor(image[0] / map[0]), Math.floor(image[1] / map[1])];
    const boxes = ratios.flatMap((a) => (perLevel[k] ?? []).map((s) => {
      const [x, y] = [roundToEven(s / Math.sqrt(a) / 2), roundToEven((s * Math.sqrt(a)) / 2)];
      return [-x, -y, x, y];
    }));
    return { map, boxes, centre: (row, column) => [column * across, row * down] };
  }));
}
