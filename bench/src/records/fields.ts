/** The kinds of field that a record is made of. */
import * as v from 'valibot';

/** A number that JSON can hold. */
export const finite = v.pipe(v.number(), v.finite());
/** A whole number from 0. */
export const count = v.pipe(v.number(), v.finite(), v.integer(), v.minValue(0));
/** A whole number from 1. */
export const positiveInteger = v.pipe(count, v.minValue(1));
/** A number from 0. */
export const nonNegative = v.pipe(finite, v.minValue(0));
/** A number above 0. */
export const positive = v.pipe(finite, v.check((value) => value > 0, 'must be above 0'));
/** 0 to 100, never a share of 1. */
export const percent = v.pipe(finite, v.minValue(0), v.maxValue(100));
/** Any text. */
export const text = v.pipe(v.string(), v.maxLength(2000));
/** A short text that is not empty. */
export const word = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
/** 64 hexadecimal digits. */
export const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'));
/** Lower and upper end. */
export const interval = v.pipe(
  v.tuple([finite, finite]),
  v.check(([low, high]) => low <= high, 'must run from the lower to the upper end'),
);

/** Equal but for rounding. */
export function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}
