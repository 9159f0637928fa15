/** The mlpconv layer: a small network of 1x1 convolutions at every position (Lin, Chen and Yan 2013, section 3.1). */
import { blockEntries, conv2d, layerLabel, layersUnder, option, readOptions, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

/** `name` is a stage of pytorchcv's `nin_cifar`: the layers are called `name.unit1.conv`, `name.unit2.conv`, ... */
export interface MlpConvOptions extends BlockOptions {
  /** Output channels of the first convolution. */
  filters: number;
  kernelSize: number;
  /** Default 1. */
  stride?: number;
  /** Default 0. */
  padding?: number;
  /** Output channels of the 1x1 convolutions, in order. Default: two of `filters`. */
  pointwise?: readonly number[];
}

const mlpConvEntries = {
  ...blockEntries('heUniform'),
  filters: option.integer(1),
  kernelSize: option.integer(1),
  stride: option.withDefault(option.integer(1), 1),
  padding: option.withDefault(option.integer(0), 0),
  pointwise: option.optional(option.list(option.integer(1), 0)),
} as const;

/**
 * A convolution and 1x1 convolutions, each with bias and ReLU.
 * [N, H, W, C] -> [N, H', W', last of pointwise], H' = floor((H + 2 padding - kernelSize) / stride) + 1.
 * @throws OptionError for unknown and impossible options.
 */
export function mlpConv(x: SymbolicTensor, options: MlpConvOptions): SymbolicTensor {
  const { filters, kernelSize, stride, padding, pointwise = [filters, filters], name, ...weights } = readOptions(layerLabel('mlpConv', options?.name), mlpConvEntries, options);
  const at = layersUnder(name);
  const y = conv2d(x, { filters, kernelSize, strides: stride, padding, activation: 'relu', name: at('unit1.conv'), ...weights });
  return pointwise.reduce((z, channels, i) => conv2d(z, { filters: channels, kernelSize: 1, activation: 'relu', name: at(`unit${i + 2}.conv`), ...weights }), y);
}
