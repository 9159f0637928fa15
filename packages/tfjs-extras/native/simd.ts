/**
 * What all kernels share. Everything works on the memory that the TensorFlow.js backend has laid out: no data of our own, no
 * stack, no allocation. Whoever calls hands over pointers, to scratch memory too.
 */

/** Bytes of one vector of four numbers. */
export const VECTOR: usize = 16;

/** a b + c on four numbers: rounded once where the build has relaxed SIMD and the machine has the instruction. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** One number four times. */
// @ts-ignore: decorator
@inline
export function repeated(pointer: usize, offset: usize = 0): v128 {
  return v128.load_splat<f32>(pointer + offset);
}

/** The sum of the four numbers. */
// @ts-ignore: decorator
@inline
export function across(a: v128): f32 {
  return (f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1)) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3));
}

/** Writes the first `count` of the four numbers. */
// @ts-ignore: decorator
@inline
export function storeSome(pointer: usize, a: v128, count: i32): void {
  if (count >= 4) {
    v128.store(pointer, a);
    return;
  }
  store<f32>(pointer, f32x4.extract_lane(a, 0));
  if (count > 1) store<f32>(pointer, f32x4.extract_lane(a, 1), 4);
  if (count > 2) store<f32>(pointer, f32x4.extract_lane(a, 2), 8);
}
