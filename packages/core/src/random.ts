/** FNV-1a, 32 bit, over the UTF-8 bytes of `text`. */
export function hashString(text: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash;
}

/** mulberry32: a stream of uniform numbers in [0, 1) from a 32-bit seed. */
export function randomStream(seed: number): () => number {
  const next = randomIntegers(seed);
  return () => next() / 4294967296;
}

/** mulberry32 as unsigned 32-bit integers. */
function randomIntegers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

// The ziggurat of Marsaglia and Tsang (2000), 128 layers: one table look-up and one multiplication for 99 % of the
// numbers, about eight times as fast as the logarithm and square root of Box-Muller.
const LAYERS = 128;
const TAIL = 3.442619855899;
const AREA = 9.91256303526217e-3;
const zigguratTables = (() => {
  let tables: { edge: Float64Array; ratio: Float64Array; density: Float64Array } | undefined;
  return () => (tables ??= buildTables());
})();

function buildTables() {
  const edge = new Float64Array(LAYERS + 1);
  const density = new Float64Array(LAYERS + 1);
  const ratio = new Float64Array(LAYERS);
  const gauss = (x: number) => Math.exp(-0.5 * x * x);
  edge[0] = AREA / gauss(TAIL);
  edge[1] = TAIL;
  for (let i = 2; i < LAYERS; i++) {
    const previous = edge[i - 1] as number;
    edge[i] = Math.sqrt(-2 * Math.log(AREA / previous + gauss(previous)));
  }
  edge[LAYERS] = 0;
  for (let i = 0; i <= LAYERS; i++) density[i] = gauss(edge[i] as number);
  for (let i = 0; i < LAYERS; i++) ratio[i] = (edge[i + 1] as number) / (edge[i] as number);
  return { edge, ratio, density };
}

/** A stream of standard normal numbers from a 32-bit seed. */
export function normalStream(seed: number): () => number {
  const { edge, ratio, density } = zigguratTables();
  const next = randomIntegers(seed);
  const uniform = () => (next() + 0.5) / 4294967296;
  return () => {
    for (;;) {
      const bits = next();
      const layer = bits & (LAYERS - 1);
      const u = (bits >>> 7) / 16777216 - 1; // 25 bits: uniform in [-1, 1)
      const x = u * (edge[layer] as number);
      if (Math.abs(u) < (ratio[layer] as number)) return x;
      if (layer === 0) {
        const tail = normalTail(uniform);
        return u < 0 ? -tail : tail;
      }
      const low = density[layer] as number;
      const high = density[layer + 1] as number;
      if (low + uniform() * (high - low) < Math.exp(-0.5 * x * x)) return x;
    }
  };
}

function normalTail(uniform: () => number): number {
  for (;;) {
    const x = -Math.log(uniform()) / TAIL;
    const y = -Math.log(uniform());
    if (y + y > x * x) return TAIL + x;
  }
}
