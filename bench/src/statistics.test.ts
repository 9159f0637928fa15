import { describe, expect, it } from 'vitest';
import {
  estimateRatio, isResolved, meanInterval95, median, noiseFloor, quantile, ratioMedian, standardDeviation,
  type ProcessSamples,
} from './statistics.js';

describe('order statistics', () => {
  it('take the middle, or between the two middle values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([0, 10], 0.25)).toBe(2.5);
  });

  it('refuse an empty list', () => {
    expect(() => median([])).toThrow('must hold at least one number');
  });

  it('leave the list as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('a mean over few seeds', () => {
  it('has an interval by Student, wide for two values', () => {
    expect(standardDeviation([1, 3])).toBeCloseTo(Math.SQRT2, 12);
    const [low, high] = meanInterval95([1, 3])!;
    expect(high - 2).toBeCloseTo(12.706, 3);
    expect(2 - low).toBeCloseTo(12.706, 3);
  });

  it('has no interval for one value', () => {
    expect(meanInterval95([90])).toBeUndefined();
  });
});

describe('an interleaved ratio', () => {
  it('is exact without noise', () => {
    const samples = simulate({ processes: 3, pairs: 4, effect: 0.5, between: 0, within: 0, seed: 1 });
    expect(ratioMedian(samples)).toBeCloseTo(0.5, 12);
    expect(estimateRatio(samples).ci99[1]).toBeCloseTo(0.5, 12);
  });

  it('is untouched by one wild pair', () => {
    const samples = simulate({ processes: 5, pairs: 5, effect: 1, between: 0, within: 0, seed: 1 });
    const spoiled = samples.map((p, i) => (i === 0 ? { pairs: [{ candidate: [1e6], reference: [1] }, ...p.pairs.slice(1)] } : p));
    expect(ratioMedian(spoiled)).toBeCloseTo(1, 12);
  });

  it('gives the same interval for the same samples and seed', () => {
    const samples = simulate({ processes: 4, pairs: 5, effect: 1.1, between: 0.01, within: 0.02, seed: 3 });
    expect(estimateRatio(samples, { seed: 9 })).toEqual(estimateRatio(samples, { seed: 9 }));
  });

  it('covers the true ratio in its 95 % interval at least nine times in ten', () => {
    // Noise as measured on a shared machine: processes differ by 1 %, pairs within them by 3 %.
    const trials = 120;
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      const samples = simulate({ processes: 8, pairs: 10, effect: 1.05, between: 0.01, within: 0.03, seed: 100 + trial });
      const { ci95 } = estimateRatio(samples, { resamples: 300, seed: trial });
      if (ci95[0] <= 1.05 && 1.05 <= ci95[1]) covered++;
    }
    expect(covered / trials).toBeGreaterThanOrEqual(0.9);
  });

  it('calls identical code different in at most one trial of ten, and a planted 10 % in nine of ten', () => {
    const rate = (effect: number) => {
      let resolved = 0;
      for (let trial = 0; trial < 60; trial++) {
        const noise = { processes: 8, pairs: 10, between: 0.01, within: 0.03 };
        const floor = noiseFloor(simulate({ ...noise, effect: 1, seed: 5000 + trial }), { resamples: 200 });
        const ratio = estimateRatio(simulate({ ...noise, effect, seed: trial }), { resamples: 200, seed: trial });
        if (isResolved(ratio, floor)) resolved++;
      }
      return resolved / 60;
    };
    expect(rate(1)).toBeLessThanOrEqual(0.1);
    expect(rate(1.1)).toBeGreaterThanOrEqual(0.9);
  });

  it('is not resolved below the floor or below 2 %, however tight the interval', () => {
    expect(isResolved({ median: 1.015, ci95: [1.01, 1.02], ci99: [1.01, 1.02] }, 0)).toBe(false);
    expect(isResolved({ median: 1.05, ci95: [1.04, 1.06], ci99: [1.03, 1.07] }, 0.08)).toBe(false);
    expect(isResolved({ median: 1.05, ci95: [1.04, 1.06], ci99: [1.03, 1.07] }, 0.03)).toBe(true);
    expect(isResolved({ median: 0.7, ci95: [0.6, 1.01], ci99: [0.5, 1.1] }, 0.03)).toBe(false);
  });
});

interface Simulation {
  processes: number;
  pairs: number;
  effect: number;
  between: number;
  within: number;
  seed: number;
}

/** Pairs with a log-normal share per process and per pair. */
function simulate({ processes, pairs, effect, between, within, seed }: Simulation): ProcessSamples[] {
  let state = seed * 7919 + 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  return Array.from({ length: processes }, () => {
    const shift = between * normal();
    return { pairs: Array.from({ length: pairs }, () => ({ candidate: [effect * Math.exp(shift + within * normal())], reference: [1] })) };
  });
}
