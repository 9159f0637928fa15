import { option } from '@convkit/core';

/** First convolution, 3x3, and a 3x3 max pool of stride 2 where `pool` says so. */
export interface ShuffleStem {
  readonly filters: number;
  readonly stride: number;
  readonly pool: boolean;
}

/** Units on one resolution; the first of them halves it. */
export interface ShuffleStage {
  readonly filters: number;
  readonly units: number;
}

const count = option.integer(1);

/** What the specs of both architectures share. */
export const specEntries = {
  stem: option.object({ filters: count, stride: count, pool: option.boolean() }),
  stages: option.list(option.object({ filters: count, units: count })),
  classifierBias: option.withDefault(option.boolean(), true),
} as const;
