/**
 * Efficient channel attention: Wang, Wu, Zhu, Li, Zuo and Hu, "ECA-Net: Efficient Channel Attention for Deep Convolutional
 * Neural Networks" (CVPR 2020, arXiv 1910.03151). Layer names are timm's (`EcaModule`).
 */
import { activation, blockEntries, globalAveragePool, imageShape, layerLabel, layersUnder, multiply, option, readOptions, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { channelConvolution } from './channel-convolution.js';

export interface EfficientChannelAttentionOptions extends BlockOptions {
  /** Neighbouring channels that decide on one, odd. Default: as many as {@link channelKernelSize} says for C. */
  kernelSize?: number;
}

const entries = { ...blockEntries('heNormalFanOut'), kernelSize: option.optional(option.odd()) } as const;

/** The paper's equation 12 with gamma 2 and b 1, as its authors and timm round it: t = floor(|log2 C + 1| / 2), made odd upwards, at least 3. */
export function channelKernelSize(channels: number): number {
  const size = Math.floor(Math.abs(Math.log2(channels) + 1) / 2);
  return Math.max(3, size % 2 === 1 ? size : size + 1);
}

/**
 * x * sigmoid(w * mean_hw(x)): every channel is scaled by what its k neighbours say, * a convolution along the channels
 * without bias. [N, H, W, C] -> [N, H, W, C]. Parameters: k.
 * @throws OptionError for unknown and impossible options.
 */
export function efficientChannelAttention(x: SymbolicTensor, options: EfficientChannelAttentionOptions = {}): SymbolicTensor {
  const where = layerLabel('efficientChannelAttention', options?.name);
  const { name, kernelSize, kernelInitializer, seed } = readOptions(where, entries, options);
  const at = layersUnder(name);
  const channels = imageShape(where, x.shape)[3];
  const pooled = globalAveragePool(x, { keepDims: true, name: at('pool') });
  const y = channelConvolution(pooled, { kernelSize: kernelSize ?? channelKernelSize(channels), name: at('conv'), kernelInitializer, seed });
  return multiply([x, activation(y, { kind: 'sigmoid', name: at('gate') })], { name: at('scale') });
}
