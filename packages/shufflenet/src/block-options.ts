import { INITIALIZERS, option, type InitializerName } from '@convkit/core';

/** Options that the blocks of this package share. */
export interface ShuffleBlockOptions {
  /** Output channels. */
  filters: number;
  /** Prefix of the names of the block's layers, unique in its model. */
  name: string;
  /** Above 1 the unit concatenates instead of passing its input on. Default 1. */
  stride?: number;
  /** Default 'heNormal'. */
  kernelInitializer?: InitializerName;
  /** Mixed with every weight's name. Default 0. */
  seed?: number;
}

export const blockEntries = {
  filters: option.integer(4),
  name: option.text(),
  stride: option.withDefault(option.integer(1), 1),
  kernelInitializer: option.withDefault(option.oneOf(INITIALIZERS), 'heNormal'),
  seed: option.withDefault(option.integer(0, 0xffffffff), 0),
} as const;
