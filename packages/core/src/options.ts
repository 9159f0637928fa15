import * as v from 'valibot';
import { closest, OptionError, unknownOption } from './option-error.js';

/** One option: a valibot schema that carries, as its description, the phrase an error shows after "must be". */
export type OptionSchema<Output = unknown> = v.GenericSchema<unknown, Output>;
export type OptionEntries = Record<string, OptionSchema>;
export type OptionOutput<Entries extends OptionEntries> = v.InferOutput<v.ObjectSchema<Entries, undefined>>;

const described = <S extends v.GenericSchema>(schema: S, phrase: string) => v.pipe(schema, v.description(phrase));

/** The schemas that options are made of. Every phrase completes "must be ...". */
export const option = {
  integer: (minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
    described(
      v.pipe(v.number(), v.integer(), v.minValue(minimum), v.maxValue(maximum)),
      maximum === Number.MAX_SAFE_INTEGER ? `an integer >= ${minimum}` : `an integer from ${minimum} to ${maximum}`,
    ),
  /** One integer for both axes, or [vertical, horizontal]. */
  pair: (minimum: number) => {
    const integer = v.pipe(v.number(), v.integer(), v.minValue(minimum));
    return v.pipe(
      v.union([integer, v.strictTuple([integer, integer])]),
      v.transform((value): [number, number] => (typeof value === 'number' ? [value, value] : [value[0], value[1]])),
      v.description(`one integer or 2 integers >= ${minimum}`),
    );
  },
  /** [height, width], numbers > 0. */
  size: () => described(v.custom<readonly [number, number]>((value) => Array.isArray(value) && value.length === 2 && value.every((n) => Number.isFinite(n) && n > 0)), '[height, width], numbers > 0'),
  /** A finite number; `above` excludes the bound itself, `below` likewise. */
  number: (range: { min?: number; max?: number; above?: number; below?: number } = {}) => {
    const inside = (x: number) =>
      Number.isFinite(x) &&
      (range.min === undefined || x >= range.min) && (range.max === undefined || x <= range.max) &&
      (range.above === undefined || x > range.above) && (range.below === undefined || x < range.below);
    const low = range.above !== undefined ? `> ${range.above}` : range.min !== undefined ? `>= ${range.min}` : '';
    const high = range.below !== undefined ? `< ${range.below}` : range.max !== undefined ? `<= ${range.max}` : '';
    return described(v.pipe(v.number(), v.check(inside)), ['a finite number', [low, high].filter(Boolean).join(' and ')].join(' ').trim());
  },
  boolean: () => described(v.boolean(), 'true or false'),
  text: () => described(v.pipe(v.string(), v.nonEmpty()), 'a non-empty string'),
  oneOf: <const Names extends readonly string[]>(names: Names) => described(v.picklist(names), `one of ${names.join(', ')}`),
  /** Height, width and channels of one image. */
  imageShape: () => {
    const integer = v.pipe(v.number(), v.integer(), v.minValue(1));
    return described(v.strictTuple([integer, integer, integer]), '3 positive integers (H, W, C)');
  },
  /** An odd integer >= 1, as kernel sizes are whose padding keeps the image's size. */
  odd: () => described(v.pipe(v.number(), v.integer(), v.minValue(1), v.check((n) => n % 2 === 1)), 'an odd integer >= 1'),
  /** Counts by name, `{ 192: 418121728 }`. */
  counts: () => described(v.record(v.string(), v.pipe(v.number(), v.integer(), v.minValue(0))), 'an object of integers >= 0'),
  /** Texts by name. */
  texts: () => described(v.record(v.string(), v.string()), 'an object of texts'),
  /** A list of at least `minimum` items. */
  list: <S extends v.GenericSchema>(item: S, minimum = 1) =>
    described(v.pipe(v.array(item), v.minLength(minimum)), `a list${minimum > 0 ? ` of at least ${minimum}` : ''}, each ${phraseOf(item)}`),
  /** An object with just these entries. */
  object: <const Entries extends OptionEntries>(entries: Entries) =>
    described(v.strictObject(entries), `{ ${Object.entries(entries).map(([key, schema]) => `${key}: ${phraseOf(schema)}`).join(', ')} }`),
  /** A function; what it takes and gives is the caller's word. */
  function: <F extends (...args: never[]) => unknown>() => described(v.custom<F>((value) => typeof value === 'function'), 'a function'),
  /** Something that only its reader can judge. */
  custom: <T>(is: (value: unknown) => boolean, phrase: string) => described(v.custom<T>(is), phrase),
  optional: <S extends v.GenericSchema>(schema: S) => v.optional(schema),
  withDefault: <S extends v.GenericSchema, const D extends v.InferInput<S>>(schema: S, value: D) => v.optional(schema, () => value as v.InferInput<S>),
};

/**
 * Checks an options object against its entries and fills in defaults. Reads own properties only, never writes to
 * the argument; `undefined` counts as absent.
 * @throws OptionError for an unknown name (with the nearest known one) and for a value outside what is allowed.
 */
export function readOptions<const Entries extends OptionEntries>(where: string, entries: Entries, options: unknown): OptionOutput<Entries> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new OptionError(where, 'options', options, `an object with the options ${Object.keys(entries).join(', ')}`);
  }
  const given: Record<string, unknown> = {};
  for (const key of Object.keys(options)) {
    const value = readProperty(where, options, key);
    if (value === undefined) continue;
    if (!Object.hasOwn(entries, key)) throw unknownOption(where, key, value, Object.keys(entries));
    given[key] = value;
  }
  const result = v.safeParse(v.object(entries), given, { abortEarly: true });
  if (result.success) return result.output as OptionOutput<Entries>;
  const key = String(result.issues[0].path?.[0]?.key);
  const schema = entries[key];
  const near = schema && typeof given[key] === 'string' ? closest(given[key], namesOf(schema)) : undefined;
  throw new OptionError(where, key, given[key], (schema && phraseOf(schema)) ?? 'valid', near === undefined ? '' : `Did you mean ${near}?`);
}

function readProperty(where: string, options: object, key: string): unknown {
  try {
    return (options as Record<string, unknown>)[key];
  } catch (cause) {
    throw new OptionError(where, key, String(cause), 'a plain value, not a getter that throws');
  }
}

function unwrap(schema: v.GenericSchema): v.GenericSchema {
  return 'wrapped' in schema ? unwrap((schema as unknown as { wrapped: v.GenericSchema }).wrapped) : schema;
}

function phraseOf(schema: v.GenericSchema): string | undefined {
  return v.getDescription(unwrap(schema));
}

/** The names that a schema takes, alone or beside other forms. */
function namesOf(schema: v.GenericSchema): readonly string[] {
  const inner = unwrap(schema) as unknown as { type: string; options?: readonly unknown[] };
  if (inner.type === 'picklist') return inner.options as readonly string[];
  return inner.type === 'union' ? (inner.options as readonly v.GenericSchema[]).flatMap(namesOf) : [];
}
