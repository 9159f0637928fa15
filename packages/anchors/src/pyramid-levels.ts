import { option, readOptions } from '@convkit/core';
import { boxAreas, type Boxes } from './boxes.js';

export interface PyramidLevelOptions {
  /** The finest level there is. Default 2. */
  minimum?: number;
  /** The coarsest level. Default 5. */
  maximum?: number;
  /** The side of a square region that belongs to `level`: ImageNet's. Default 224. */
  side?: number;
  /** Default 4. */
  level?: number;
}

const entries = {
  minimum: option.withDefault(option.integer(0), 2),
  maximum: option.withDefault(option.integer(0), 5),
  side: option.withDefault(option.number({ above: 0 }), 224),
  level: option.withDefault(option.integer(0), 4),
} as const;

/**
 * The level of a feature pyramid that each region is pooled from: floor(level + log2(sqrt(area) / side) + 1e-6), cut to the levels there are
 * (Lin et al. 2017, arXiv 1612.03144, equation 1; the 1e-6 is torchvision's).
 * @param boxes [N, 4], corners in pixels of the image. @returns [N]
 */
export function pyramidLevels(boxes: Boxes, options: PyramidLevelOptions = {}): Int32Array {
  const { minimum, maximum, side, level } = readOptions('pyramidLevels', entries, options);
  return Int32Array.from(boxAreas(boxes), (area) => Math.min(Math.max(Math.floor(level + Math.log2(Math.sqrt(area) / side) + 1e-6), minimum), maximum));
}
