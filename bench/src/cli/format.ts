/** Milliseconds with three digits that mean something. */
export function milliseconds(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

/** [224, 224, 3] as '224x224x3'. */
export function shape(value: readonly number[]): string {
  return value.join('x');
}
