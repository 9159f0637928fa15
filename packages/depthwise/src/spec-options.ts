import { option } from '@convkit/core';

/** First convolution, 3x3. */
export interface Stem {
  readonly filters: number;
  readonly stride: number;
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 1;
const isPositive = (value: unknown) => Number.isFinite(value) && Number(value) > 0;
/** Whether every named field of a plain object passes its check, and no other field is there. */
const hasFields = (fields: Record<string, (value: unknown) => boolean>) => (value: unknown) => {
  if (typeof value !== 'object' || value === null) return false;
  const given = value as Record<string, unknown>;
  return Object.keys(given).every((key) => Object.hasOwn(fields, key)) && Object.entries(fields).every(([key, check]) => check(given[key]));
};
const isListOf = (check: (value: unknown) => boolean) => (value: unknown) => Array.isArray(value) && value.length > 0 && value.every(check);

/** What the specs of both architectures share, and what a row of the table says beside them. */
export const specEntries = {
  width: option.number({ above: 0 }),
  stem: option.custom<Stem>(hasFields({ filters: isCount, stride: isCount }), '{ filters, stride }, integers >= 1'),
  macsAt: option.optional(option.custom<Readonly<Record<number, number>>>((value) => typeof value === 'object' && value !== null, 'an object of counts by input side')),
  params: option.optional(option.integer(1)),
  macs: option.optional(option.integer(1)),
  input: option.optional(option.imageShape()),
  classes: option.optional(option.integer(1)),
} as const;

const stageFields = { filters: isCount, blocks: isCount, stride: isCount };

/** A list of stages of type Stage, with or without an expansion. */
export const stagesEntry = <Stage>(expansion: 'expansion' | 'plain') => expansion === 'plain'
  ? option.custom<readonly Stage[]>(isListOf(hasFields(stageFields)), 'a list of stages { filters, blocks, stride }, integers >= 1')
  : option.custom<readonly Stage[]>(isListOf(hasFields({ ...stageFields, expansion: isPositive })), 'a list of stages { expansion, filters, blocks, stride }, expansion > 0 and integers >= 1');
