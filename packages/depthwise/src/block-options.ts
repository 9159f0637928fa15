import { ACTIVATIONS, blockEntries, option, type ActivationKind, type BlockOptions } from '@convkit/core';

/** Options that the blocks of this package share. */
export interface DepthwiseBlockOptions extends BlockOptions {
  /** Output channels. */
  filters: number;
  /** Of the depthwise convolution. Default 1. */
  stride?: number;
  /** Of the depthwise convolution: odd, padded by (kernelSize - 1) / 2 on every side as in torch. Default 3. */
  kernelSize?: number;
  /** Default 'relu6'. */
  activation?: ActivationKind;
}

export const depthwiseEntries = {
  ...blockEntries('heNormal'),
  filters: option.integer(1),
  stride: option.withDefault(option.integer(1), 1),
  kernelSize: option.withDefault(option.odd(), 3),
  activation: option.withDefault(option.oneOf(ACTIVATIONS), 'relu6'),
} as const;
