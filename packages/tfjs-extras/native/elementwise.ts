import { storeSome, VECTOR } from './simd';

/** y = min(max(a + b, low), high) over so many numbers. */
export function addClamped(a: usize, b: usize, y: usize, count: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  let left = count;
  for (; left >= 8; left -= 8) {
    const first = f32x4.add(v128.load(a), v128.load(b));
    const second = f32x4.add(v128.load(a, VECTOR), v128.load(b, VECTOR));
    v128.store(y, f32x4.min(f32x4.max(first, lows), highs));
    v128.store(y, f32x4.min(f32x4.max(second, lows), highs), VECTOR);
    a += 2 * VECTOR;
    b += 2 * VECTOR;
    y += 2 * VECTOR;
  }
  for (; left > 0; left--) {
    const sum = f32x4.splat(load<f32>(a) + load<f32>(b));
    storeSome(y, f32x4.min(f32x4.max(sum, lows), highs), 1);
    a += 4;
    b += 4;
    y += 4;
  }
}
