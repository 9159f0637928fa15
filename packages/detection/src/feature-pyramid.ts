/** Feature pyramids: Lin et al., "Feature Pyramid Networks for Object Detection" (CVPR 2017, arXiv 1612.03144). Layer names are torchvision's. */
import { activation, add, blockEntries, conv2d, layerLabel, layersUnder, option, OptionError, readOptions, resizeNearest, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface FeaturePyramidOptions extends BlockOptions {
  /** Channels of every level. Default 256. */
  filters?: number;
  /**
   * Maps of stride 2 behind the last level, each from the one before (torchvision's p6 and p7; ReLU between them). Default 0.
   */
  extraLevels?: number;
}

const entries = { ...blockEntries('heUniform'), filters: option.withDefault(option.integer(1), 256), extraLevels: option.withDefault(option.integer(0), 0) } as const;

/**
 * Levels of one width: each map through a 1x1, plus the level above it enlarged (nearest neighbours), then a 3x3.
 * [N, H_k, W_k, C_k], ... from large to small -> [N, H_k, W_k, filters], ... and the extra levels.
 * @throws OptionError where the maps do not become smaller.
 */
export function featurePyramid(maps: readonly SymbolicTensor[], options: FeaturePyramidOptions = {}): SymbolicTensor[] {
  const where = layerLabel('featurePyramid', options?.name);
  const { filters, extraLevels, name, ...weights } = readOptions(where, entries, options);
  const sizes = maps.map(({ shape }) => [shape[1] as number, shape[2] as number] as [number, number]);
  if (maps.length === 0 || sizes.some(([h, w], i) => { const [above, beside] = sizes[i - 1] ?? [h, w]; return h > above || w > beside; })) throw new OptionError(where, 'maps', sizes, 'maps from large to small');
  const at = layersUnder(name);
  let above: SymbolicTensor | undefined;
  const levels = maps.map((map, i) => [map, i] as const).reverse().map(([map, i]) => {
    const lateral = conv2d(map, { filters, kernelSize: 1, ...weights, name: at(`inner_blocks.${i}.0`) });
    const sum = above === undefined ? lateral : add([lateral, resizeNearest(above, { size: sizes[i] as [number, number], name: at(`resize.${i}`) })], { name: at(`add.${i}`) });
    above = sum;
    return conv2d(sum, { filters, kernelSize: 3, padding: 1, ...weights, name: at(`layer_blocks.${i}.0`) });
  }).reverse();
  for (let extra = 0; extra < extraLevels; extra++) {
    const below = levels.at(-1) as SymbolicTensor;
    const from = extra === 0 ? below : activation(below, { kind: 'relu', name: at(`extra_blocks.relu${extra}`) });
    levels.push(conv2d(from, { filters, kernelSize: 3, strides: 2, padding: 1, ...weights, name: at(`extra_blocks.p${extra + 6}`) }));
  }
  return levels;
}
