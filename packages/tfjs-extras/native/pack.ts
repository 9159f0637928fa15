/** How many numbers a block of output channels has: two vectors. */
export const BLOCK: i32 = 8;

/**
 * Weights in the order in which the convolution reads them: [groups, blocks of 8 output channels, taps, inner channels, 8], zeros where the
 * last block is not full. Strides are in numbers; the first weight of tap t, inner channel i, output channel o of group g is
 * source[g groupStride + t tapStride + i innerStride + o outerStride].
 */
export function pack(source: usize, target: usize, groups: i32, taps: i32, inner: i32, outer: i32, groupStride: i32, tapStride: i32, innerStride: i32, outerStride: i32): void {
  for (let g = 0; g < groups; g++) {
    for (let first = 0; first < outer; first += BLOCK) {
      for (let t = 0; t < taps; t++) {
        for (let i = 0; i < inner; i++) {
          const from = source + ((<usize>(g * groupStride + t * tapStride + i * innerStride)) << 2);
          for (let lane = 0; lane < BLOCK; lane++) {
            const o = first + lane;
            store<f32>(target, o < outer ? load<f32>(from + ((<usize>(o * outerStride)) << 2)) : 0);
            target += 4;
          }
        }
      }
    }
  }
}
