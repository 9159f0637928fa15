/** 25557032 as "25,557,032", the same in every locale. */
export function integer(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

const PREFIXES = ['', 'k', 'M', 'G', 'T'];

/** Three significant digits with a decimal prefix: 4089184256 is "4.09 G", 999999 is "1.00 M". */
export function si(value: number): string {
  let power = 0;
  while (power < PREFIXES.length - 1 && Math.abs(value) >= 999.5 * 1000 ** power) power++;
  return power === 0 ? String(Number(value.toPrecision(3))) : `${(value / 1000 ** power).toPrecision(3)} ${PREFIXES[power]}`;
}

/** Bytes with a decimal prefix: 553430176 is "553 MB". */
export function bytes(value: number): string {
  return `${si(value)}${Math.abs(value) >= 999.5 ? '' : ' '}B`;
}
