/** 11 689 512 as '11.69 M'. Four digits at most, the same in every locale. */
export function short(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  if (unit === 0) return String(Math.round(value * 100) / 100);
  return `${scaled.toFixed(Math.abs(scaled) < 10 ? 2 : Math.abs(scaled) < 100 ? 2 : 1)}${units[unit]}`;
}

/** 11689512 as '11,689,512'. */
export function exact(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 2 });
}

/** Bytes as '46.8 MB' (10^6). */
export function bytes(value: number): string {
  return `${short(value).replace(/( [kMGT])?$/, (unit) => `${unit === '' ? ' ' : unit}B`)}`;
}

/** Milliseconds with three digits that mean something. */
export function milliseconds(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

/** [224, 224, 3] as '224x224x3'. */
export function shape(value: readonly number[]): string {
  return value.join('x');
}
