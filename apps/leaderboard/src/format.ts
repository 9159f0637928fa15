/** A number as it is shown: digits and unit apart, so that columns align. */
export interface Quantity {
  readonly digits: string;
  readonly unit: string;
}

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/** Three significant digits with a decimal prefix: 1 814 073 344 is 1.81 G. Never an exponent. */
export function scaled(value: number, unit = ''): Quantity {
  let power = 0;
  // 999.5 rounds to 1000 at three digits, which reads better as 1.00 of the next prefix.
  while (power < PREFIXES.length - 1 && Math.abs(value) >= 999.5 * 1000 ** power) power++;
  const digits = power === 0 && Number.isInteger(value) ? String(value) : significant(value / 1000 ** power);
  return { digits, unit: `${PREFIXES[power] ?? ''}${unit}` };
}

/** Three significant digits without an exponent, with thousands separators: 0.842, 12.3, 1,235. */
export function significant(value: number, digits = 3): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value) * (1 + 10 ** -digits / 2))));
  return value.toLocaleString('en-US', { minimumFractionDigits: Math.min(decimals, 12), maximumFractionDigits: Math.min(decimals, 12) });
}

/** Milliseconds in the unit that reads best: 0.5 ms is 500 µs, 12,000 ms is 12.0 s. */
export function duration(milliseconds: number): Quantity {
  if (milliseconds >= 9995) return { digits: significant(milliseconds / 1000), unit: 's' };
  if (milliseconds < 0.1 && milliseconds > 0) return { digits: significant(milliseconds * 1000), unit: 'µs' };
  return { digits: significant(milliseconds), unit: 'ms' };
}

/** All digits with thousands separators. */
export function exact(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 6 });
}

/** A share as percent: 0.0213 is '2.1 %'. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Digits and unit in one string. */
export function plain({ digits, unit }: Quantity): string {
  return unit === '' ? digits : `${digits} ${unit}`;
}

/** '2026-01-02 03:04 UTC' of an RFC 3339 time in UTC. */
export function when(created: string): string {
  return `${created.slice(0, 10)} ${created.slice(11, 16)} UTC`;
}
