/**
 * mulberry32: a stream of uniform numbers in [0, 1) from a 32-bit seed. The same generator as core's; here because
 * the page checks records without loading tfjs, and because the frozen reference must not move when core does.
 */
export function uniformStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` values uniform in [-scale, scale). */
export function uniformValues(length: number, scale: number, seed: number): Float32Array {
  const random = uniformStream(seed);
  return Float32Array.from({ length }, () => (2 * random() - 1) * scale);
}

/** The numbers 0 .. length - 1 in a random order (Fisher and Yates). */
export function permutation(length: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const kept = order[last] as number;
    order[last] = order[other] as number;
    order[other] = kept;
  }
  return order;
}
