import { option } from '@convkit/core';

/** First convolution, 3x3. */
export interface Stem {
  readonly filters: number;
  readonly stride: number;
}

const count = option.integer(1);

export const stemEntry = option.object({ filters: count, stride: count });

/** What the specs with a width multiplier share. */
export const specEntries = {
  width: option.number({ above: 0 }),
  stem: stemEntry,
  macsAt: option.optional(option.counts()),
} as const;

/** Blocks on one resolution; the first of them has the stride. */
export const stageEntries = { filters: count, blocks: count, stride: count } as const;
