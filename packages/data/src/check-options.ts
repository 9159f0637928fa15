import { distance } from 'fastest-levenshtein';
import { DataError, printable } from './data-error.js';

/** One option: whether a value is allowed, and the phrase that completes "must be ...". */
export interface OptionRule<T> {
  readonly allowed: string;
  accepts(value: unknown): value is T;
}

type Accepted<Rules> = { [K in keyof Rules]?: Rules[K] extends OptionRule<infer T> ? T : never };

/** An integer in [min, max]. */
export function integerOption(min: number, max: number): OptionRule<number> {
  return { allowed: `an integer from ${min} to ${max}`, accepts: (x): x is number => typeof x === 'number' && Number.isInteger(x) && x >= min && x <= max };
}

/** A finite number in [min, max]; `above` excludes min, `below` excludes max. */
export function numberOption(min: number, max: number, { above = false, below = false } = {}): OptionRule<number> {
  const accepts = (x: unknown): x is number =>
    typeof x === 'number' && Number.isFinite(x) && (above ? x > min : x >= min) && (below ? x < max : x <= max);
  return { allowed: `a number in ${above ? '(' : '['}${min}, ${max}${below ? ')' : ']'}`, accepts };
}

/** true or false. */
export const booleanOption: OptionRule<boolean> = { allowed: 'true or false', accepts: (x): x is boolean => typeof x === 'boolean' };

/** A string with at least one character. */
export const textOption: OptionRule<string> = { allowed: 'a non-empty string', accepts: (x): x is string => typeof x === 'string' && x !== '' };

/** One of the values listed. */
export function oneOfOption<const T extends string | number>(values: readonly T[]): OptionRule<T> {
  return { allowed: `one of ${values.join(', ')}`, accepts: (x): x is T => (values as readonly unknown[]).includes(x) };
}

/** A check of one's own. */
export function customOption<T>(allowed: string, accepts: (value: unknown) => boolean): OptionRule<T> {
  return { allowed, accepts: accepts as (value: unknown) => value is T };
}

/** A value as an error shows it: short, one line, with its type. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `${JSON.stringify(printable(value, 60))} (string)`;
  if (Array.isArray(value)) return `[${value.slice(0, 6).map((x) => printable(String(x), 20)).join(', ')}] (array)`;
  if (typeof value === 'object' || typeof value === 'function') return `a value of type ${typeof value}`;
  return `${String(value)} (${typeof value})`;
}

/**
 * Checks an options object against its rules; `undefined` counts as absent, nothing is written to the argument.
 * @throws DataError ERR_OPTION `<where>: <option> must be <allowed>, got <value> (<type>)`, or for an unknown name.
 */
export function checkOptions<const Rules extends Record<string, OptionRule<unknown>>>(where: string, rules: Rules, options: unknown): Accepted<Rules> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new DataError('ERR_OPTION', `${where}: options must be an object, got ${describeValue(options)}`);
  }
  const known = Object.keys(rules);
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) {
      const near = nearest(name, known);
      throw new DataError('ERR_OPTION', `${where}: unknown option ${printable(name, 60)}${near ? `, did you mean ${near}?` : ''} (options: ${known.join(', ')})`);
    }
    if (!rule.accepts(value)) throw new DataError('ERR_OPTION', `${where}: ${name} must be ${rule.allowed}, got ${describeValue(value)}`);
    result[name] = value;
  }
  return result as Accepted<Rules>;
}

/** The known name at most two edits away. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => [distance(name.slice(0, 80).toLowerCase(), candidate.toLowerCase()), candidate] as const);
  return ranked.filter(([edits]) => edits <= 2).sort(([a], [b]) => a - b)[0]?.[1];
}
