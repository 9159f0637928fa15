import { blockEntries, option, type BlockOptions } from '@convkit/core';

/** Options that the blocks of this package share. */
export interface ShuffleBlockOptions extends BlockOptions {
  /** Output channels. */
  filters: number;
  /** Above 1 the unit concatenates instead of passing its input on. Default 1. */
  stride?: number;
}

export const shuffleEntries = {
  ...blockEntries('heNormal'),
  filters: option.integer(4),
  stride: option.withDefault(option.integer(1), 1),
} as const;
