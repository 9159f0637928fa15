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

const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 1;
/** Whether every named field of a plain object passes its check, and no other field is there. */
const hasFields = (fields: Record<string, (value: unknown) => boolean>) => (value: unknown) => {
  if (typeof value !== 'object' || value === null) return false;
  const given = value as Record<string, unknown>;
  return Object.keys(given).every((key) => Object.hasOwn(fields, key)) && Object.entries(fields).every(([key, check]) => check(given[key]));
};
const isStem = hasFields({ filters: isCount, stride: isCount, pool: (value) => typeof value === 'boolean' });
const isStage = hasFields({ filters: isCount, units: isCount });

/** What the specs of both architectures share, and what a row of the table says beside them. */
export const specEntries = {
  stem: option.custom<ShuffleStem>(isStem, '{ filters, stride, pool }, integers >= 1 and true or false'),
  stages: option.custom<readonly ShuffleStage[]>((value) => Array.isArray(value) && value.length > 0 && value.every(isStage), 'a list of stages { filters, units }, integers >= 1'),
  classifierBias: option.withDefault(option.boolean(), true),
  params: option.optional(option.integer(1)),
  macs: option.optional(option.integer(1)),
  input: option.optional(option.imageShape()),
  classes: option.optional(option.integer(1)),
} as const;
