import { ACTIVATIONS, INITIALIZERS, option, type ActivationKind, type InitializerName } from '@convkit/core';

/** Options that the blocks of this package share. */
export interface DepthwiseBlockOptions {
  /** Output channels. */
  filters: number;
  /** Prefix of the names of the block's layers, unique in its model. */
  name: string;
  /** Of the depthwise convolution. Default 1. */
  stride?: number;
  /** Of the depthwise convolution: odd, padded by (kernelSize - 1) / 2 on every side as in torch. Default 3. */
  kernelSize?: number;
  /** Default 'relu6'. */
  activation?: ActivationKind;
  /** Default 'heNormal'. */
  kernelInitializer?: InitializerName;
  /** Mixed with every weight's name. Default 0. */
  seed?: number;
}

const isOdd = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0 && Number(value) % 2 === 1;

export const blockEntries = {
  filters: option.integer(1),
  name: option.text(),
  stride: option.withDefault(option.integer(1), 1),
  kernelSize: option.withDefault(option.custom<number>(isOdd, 'an odd integer >= 1'), 3),
  activation: option.withDefault(option.oneOf(ACTIVATIONS), 'relu6'),
  kernelInitializer: option.withDefault(option.oneOf(INITIALIZERS), 'heNormal'),
  seed: option.withDefault(option.integer(0, 0xffffffff), 0),
} as const;
