/**
 * Squeeze and excitation over space: Roy, Navab and Wachinger, "Concurrent Spatial and Channel Squeeze & Excitation in Fully
 * Convolutional Networks" (MICCAI 2018, arXiv 1803.02579), section 2.
 */
import { add, blockEntries, conv2d, layerLabel, layersUnder, maximum, multiply, option, readOptions, squeezeExcite, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface SpatialSqueezeExciteOptions extends BlockOptions {
  /** Default true, as in most ports. */
  useBias?: boolean;
}

export interface ScseOptions extends SpatialSqueezeExciteOptions {
  /** Of the squeeze over the image. Default 2, the paper's. */
  ratio?: number;
  /** How the two excited maps become one: the paper's 'max', or 'sum' as in most ports. Default 'max'. */
  merge?: 'max' | 'sum';
}

const spatialEntries = { ...blockEntries('heNormalFanOut'), useBias: option.withDefault(option.boolean(), true) } as const;
const scseEntries = {
  ...spatialEntries,
  ratio: option.withDefault(option.number({ min: 1 }), 2),
  merge: option.withDefault(option.oneOf(['max', 'sum']), 'max'),
} as const;

/**
 * x * sigmoid(w x + b), w a 1x1 convolution to one channel: every position is scaled by what its channels say.
 * [N, H, W, C] -> [N, H, W, C]. Parameters: C, and 1 bias.
 * @throws OptionError for unknown and impossible options.
 */
export function spatialSqueezeExcite(x: SymbolicTensor, options: SpatialSqueezeExciteOptions = {}): SymbolicTensor {
  const { name, useBias, kernelInitializer, seed } = readOptions(layerLabel('spatialSqueezeExcite', options?.name), spatialEntries, options);
  const at = layersUnder(name);
  const gate = conv2d(x, { filters: 1, kernelSize: 1, useBias, activation: 'sigmoid', name: at('conv'), kernelInitializer, seed });
  return multiply([x, gate], { name: at('scale') });
}

/**
 * The image excited over its channels (`squeezeExcite`, layers below `channel`) and over its positions
 * ({@link spatialSqueezeExcite}, below `spatial`), and of the two the larger or the sum. [N, H, W, C] -> [N, H, W, C].
 * @throws OptionError for unknown and impossible options, and for a ratio above C.
 */
export function scse(x: SymbolicTensor, options: ScseOptions = {}): SymbolicTensor {
  const { name, ratio, merge, ...rest } = readOptions(layerLabel('scse', options?.name), scseEntries, options);
  const at = layersUnder(name);
  const both = [squeezeExcite(x, { ...rest, ratio, name: at('channel') }), spatialSqueezeExcite(x, { ...rest, name: at('spatial') })];
  return merge === 'max' ? maximum(both, { name: at('max') }) : add(both, { name: at('add') });
}
