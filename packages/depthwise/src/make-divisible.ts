/** The multiple of `divisor` nearest to `value`, but not below 90 % of it (the released code's make_divisible). */
export function makeDivisible(value: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor((value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}
