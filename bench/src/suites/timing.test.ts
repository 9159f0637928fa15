import { describe, expect, it } from 'vitest';
import { innerRepeats, interleave, pairsOf, roundOrder, warmUp } from './timing.js';

describe('warming up', () => {
  const clockOf = (durations: (run: number) => number) => {
    let time = 0;
    let run = 0;
    const sample = async () => {
      const duration = durations(run++);
      time += duration;
      return duration;
    };
    return { sample, now: () => time, runs: () => run };
  };

  it('ends when three blocks agree', async () => {
    const clock = clockOf((run) => (run < 9 ? 100 - 5 * run : 20));
    expect(await warmUp(clock.sample, 1e6, clock.now)).toBe(20);
    expect(clock.runs()).toBe(18);
  });

  it('ends at the limit when nothing settles', async () => {
    const clock = clockOf((run) => 100 + 50 * (Math.floor(run / 3) % 2));
    await warmUp(clock.sample, 3000, clock.now);
    expect(clock.now()).toBeGreaterThanOrEqual(3000);
    expect(clock.now()).toBeLessThan(3200);
  });

  it('runs a slow model once', async () => {
    const clock = clockOf(() => 9000);
    expect(await warmUp(clock.sample, 3000, clock.now)).toBe(9000);
    expect(clock.runs()).toBe(1);
  });

  it('is followed by samples of at least 20 ms', () => {
    expect(innerRepeats(3, 20)).toBe(7);
    expect(innerRepeats(50, 20)).toBe(1);
    expect(innerRepeats(0, 20)).toBe(20_000);
  });
});

describe('the order of rounds', () => {
  const slots = ['reference', 'twin', 'wasm', 'wasm+compiled'];
  const orders = (process: number) => Array.from({ length: 10 }, (_, round) => roundOrder(slots, { seed: 7, process, round }));

  it('puts each of two first equally often', () => {
    const first = orders(0).filter((order) => order.indexOf('wasm') < order.indexOf('reference')).length;
    expect(first).toBe(5);
  });

  it('is turned round from one process to the next', () => {
    expect(orders(1)[0]).toEqual([...(orders(0)[0] ?? [])].reverse());
  });

  it('is the same for the same seed and different for another', () => {
    expect(orders(0)).toEqual(orders(0));
    expect(roundOrder(slots, { seed: 8, process: 4, round: 2 })).toHaveLength(4);
  });
});

it('a round runs forth and back, and an even drift cancels', async () => {
  const ran: string[] = [];
  const round = await interleave(['a', 'b', 'c'], async (slot) => {
    ran.push(slot);
    return 100 + 10 * ran.length;
  });
  expect(ran).toEqual(['a', 'b', 'c', 'c', 'b', 'a']);
  const [pair] = pairsOf([round], 'b', 'a');
  expect(pair).toEqual({ order: 'BAAB', candidate: [120, 150], reference: [110, 160] });
});
