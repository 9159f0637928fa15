import { batchNorm as batchNormLayer, blockEntries, conv2d, layerLabel, layersUnder, option, readOptions, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

/** `name` is the Sequential that the unit is part of: its layers are called `name.index`, `name.(index + 1)`. */
export interface ConvUnitOptions extends BlockOptions {
  /** Output channels. */
  filters: number;
  /** Odd; the padding keeps height and width. Default 3. */
  kernelSize?: number;
  /** Default false. */
  batchNorm?: boolean;
  /** Default true. */
  convBias?: boolean;
  /** Default 0. */
  index?: number;
}

const unitEntries = {
  ...blockEntries('heNormalFanOut'),
  filters: option.integer(1),
  kernelSize: option.withDefault(option.odd(), 3),
  batchNorm: option.withDefault(option.boolean(), false),
  convBias: option.withDefault(option.boolean(), true),
  index: option.withDefault(option.integer(0), 0),
} as const;

/**
 * Convolution, batch norm where asked for, ReLU: [N, H, W, C] -> [N, H, W, filters].
 * @throws OptionError for unknown and impossible options.
 */
export function convUnit(x: SymbolicTensor, options: ConvUnitOptions): SymbolicTensor {
  const { filters, kernelSize, batchNorm, convBias, name, index, ...weights } = readOptions(layerLabel('convUnit', options?.name), unitEntries, options);
  const at = layersUnder(name);
  const y = conv2d(x, { filters, kernelSize, padding: (kernelSize - 1) / 2, useBias: convBias, activation: batchNorm ? 'linear' : 'relu', name: at(index), ...weights });
  return batchNorm ? batchNormLayer(y, { activation: 'relu', name: at(index + 1) }) : y;
}
