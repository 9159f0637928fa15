import { median } from '../statistics.js';
import { permutation, uniformStream } from '../random.js';

/** One timed thing: runs `inner` times and gives the milliseconds of one run. */
export type Sample = (inner: number) => Promise<number>;

/** One interleaved round: who ran in which order, and the milliseconds of both of each one's samples. */
export interface Round {
  readonly order: readonly string[];
  readonly times: Readonly<Record<string, readonly [number, number]>>;
}

const STABLE_SHARE = 0.02;
const BLOCK_RUNS = 3;

/**
 * Runs until the medians of three blocks in a row differ by less than 2 %, or until `limitMs` have passed.
 * Gives the milliseconds of one run when warm.
 */
export async function warmUp(sample: Sample, limitMs: number, now: () => number = () => performance.now()): Promise<number> {
  const medians: number[] = [];
  const end = now() + limitMs;
  do {
    const block: number[] = [];
    for (let run = 0; run < BLOCK_RUNS; run++) {
      block.push(await sample(1));
      if (now() >= end) break;
    }
    medians.push(median(block));
  } while (now() < end && !isStable(medians.slice(-3)));
  return median(medians.slice(-3));
}

/** How often to run inside one sample, so that it lasts at least `sampleMs`. */
export function innerRepeats(steadyMs: number, sampleMs: number): number {
  return Math.max(1, Math.ceil(sampleMs / Math.max(steadyMs, 1e-3)));
}

/**
 * The order of one round: a random one, turned round in every second round and in every second process, so that
 * each of two subjects comes first equally often (a fixed order faked differences of 23 to 40 % elsewhere).
 */
export function roundOrder(slots: readonly string[], at: { seed: number; process: number; round: number }): string[] {
  const pair = Math.floor(at.round / 2);
  const random = uniformStream(at.seed * 1_000_003 + Math.floor(at.process / 2) * 1009 + pair);
  const order = Array.from(permutation(slots.length, random), (index) => slots[index] as string);
  return (at.round + at.process) % 2 === 0 ? order : order.reverse();
}

/** One round of all slots, forth and back (A B B A): what drifts evenly is the same for each. */
export async function interleave(order: readonly string[], sample: (slot: string) => Promise<number>): Promise<Round> {
  const forth = new Map<string, number>();
  for (const slot of order) forth.set(slot, rounded(await sample(slot)));
  const times: Record<string, [number, number]> = {};
  for (const slot of [...order].reverse()) times[slot] = [forth.get(slot) as number, rounded(await sample(slot))];
  return { order, times };
}

/** The pairs of two slots out of rounds that hold both. */
export function pairsOf(rounds: readonly Round[], candidate: string, reference: string) {
  return rounds.map(({ order, times }) => ({
    order: order.indexOf(candidate) < order.indexOf(reference) ? ('ABBA' as const) : ('BAAB' as const),
    candidate: [...(times[candidate] ?? [])],
    reference: [...(times[reference] ?? [])],
  }));
}

/** To 0.1 microseconds: more digits of a timer mean nothing and fill the records. */
function rounded(ms: number): number {
  return Math.max(1e-4, Math.round(ms * 1e4) / 1e4);
}

function isStable(medians: readonly number[]): boolean {
  if (medians.length < 3) return false;
  const low = Math.min(...medians);
  return Math.max(...medians) - low < STABLE_SHARE * low;
}
