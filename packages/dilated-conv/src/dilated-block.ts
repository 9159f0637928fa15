/** Dilated convolutions in a row, each with batch norm and ReLU: the hybrid groups of Wang et al. (arXiv 1702.08502), or one. */
import { batchNorm, blockEntries, conv2d, layerLabel, layersUnder, option, OptionError, readOptions, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { dilationsOption, hybridDilation } from './hybrid-dilation.js';

export interface DilatedBlockOptions extends BlockOptions {
  /** Output channels of every convolution. */
  filters: number;
  /** One convolution for each, from input to output. */
  dilations: readonly number[];
  /** Odd; the padding keeps height and width. Default 3. */
  kernelSize?: number;
  /** Without it the convolutions have biases. Default true. */
  batchNorm?: boolean;
  /** 'refuse' takes only dilations that read every position of their receptive field, by `hybridDilation`'s coverage. Default 'allow'. */
  gridding?: 'allow' | 'refuse';
}

const entries = {
  ...blockEntries('heNormalFanOut'),
  filters: option.integer(1),
  dilations: dilationsOption,
  kernelSize: option.withDefault(option.odd(), 3),
  batchNorm: option.withDefault(option.boolean(), true),
  gridding: option.withDefault(option.oneOf(['allow', 'refuse']), 'allow'),
} as const;

/**
 * Convolution, batch norm, ReLU for each dilation d, padded by d (k - 1) / 2. [N, H, W, C] -> [N, H, W, filters]. Layers
 * `conv1`, `bn1`, `conv2`, ... Parameters and multiply-accumulates are those of undilated convolutions.
 * @throws OptionError for unknown and impossible options, and for dilations that leave gaps where `gridding` is 'refuse'.
 */
export function dilatedBlock(x: SymbolicTensor, options: DilatedBlockOptions): SymbolicTensor {
  const where = layerLabel('dilatedBlock', options?.name);
  const { filters, dilations, kernelSize, batchNorm: normalised, gridding, name, ...weights } = readOptions(where, entries, options);
  if (gridding === 'refuse' && hybridDilation(dilations, { kernelSize }).coverage < 1) {
    throw new OptionError(where, 'dilations', dilations, 'such that every position of the receptive field is read (1, 2, 5 for kernels of 3)');
  }
  const at = layersUnder(name);
  return dilations.reduce((y, dilationRate, i) => {
    const window = { filters, kernelSize, dilationRate, padding: (dilationRate * (kernelSize - 1)) / 2 };
    const z = conv2d(y, { ...window, useBias: !normalised, activation: normalised ? 'linear' : 'relu', name: at(`conv${i + 1}`), ...weights });
    return normalised ? batchNorm(z, { activation: 'relu', name: at(`bn${i + 1}`) }) : z;
  }, x);
}
