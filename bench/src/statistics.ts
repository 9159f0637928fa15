/**
 * The statistics of an interleaved timing run. Runs in Node and in the browser.
 *
 * Pairs of one process are not independent (they share a heap layout, a JIT state, a neighbour on the machine), so the
 * process is the unit: the point estimate is the median over processes of each process' median log ratio, and its
 * interval comes from resampling processes first and pairs within them second. Measured on a noisy 2-core machine with
 * identical code on both sides, a flat bootstrap over the pairs called 11 of 60 runs different, this one 1 of 60.
 */
import { uniformStream } from './random.js';

/** One interleaved round: milliseconds of each of the two subjects' samples (ABBA gives two of each). */
export interface Pair {
  readonly candidate: readonly number[];
  readonly reference: readonly number[];
}

/** The pairs of one fresh process. */
export interface ProcessSamples {
  readonly pairs: readonly Pair[];
}

/** A ratio time(candidate) / time(reference), below 1 is faster, with its bootstrap intervals. */
export interface RatioEstimate {
  readonly median: number;
  readonly ci95: readonly [number, number];
  readonly ci99: readonly [number, number];
}

/** Effects smaller than this share are never called resolved, however tight the interval. */
export const SMALLEST_EFFECT = 0.02;

const DEFAULT_RESAMPLES = 2000;

/** The middle value, or the mean of the two middle values. Throws on an empty list. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Quantile with linear interpolation between order statistics (Hyndman and Fan's type 7). `share` is in [0, 1]. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('quantile: values must hold at least one number, got none');
  return quantileOfSorted([...values].sort((a, b) => a - b), share);
}

/** Arithmetic mean. Throws on an empty list. */
export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('mean: values must hold at least one number, got none');
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Sample standard deviation (n - 1 below the line); undefined for fewer than two values. */
export function standardDeviation(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const center = mean(values);
  let squares = 0;
  for (const value of values) squares += (value - center) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/** The log of mean(candidate) / mean(reference) within one pair; the palindrome ABBA cancels a linear drift. */
export function logRatio(pair: Pair): number {
  return Math.log(mean(pair.candidate) / mean(pair.reference));
}

/** The headline number: exp of the median over processes of the median log ratio of each. */
export function ratioMedian(processes: readonly ProcessSamples[]): number {
  return Math.exp(median(logRatios(processes).map((ratios) => median(ratios))));
}

/**
 * The ratio with its 95 % and 99 % intervals by hierarchical bootstrap (processes, then pairs).
 * The same samples and seed always give the same intervals.
 */
export function estimateRatio(
  processes: readonly ProcessSamples[],
  options: { resamples?: number; seed?: number } = {},
): RatioEstimate {
  const draws = bootstrapMedians(logRatios(processes), options).sort((a, b) => a - b);
  const interval = (outside: number): [number, number] => [
    Math.exp(quantileOfSorted(draws, outside / 2)),
    Math.exp(quantileOfSorted(draws, 1 - outside / 2)),
  ];
  return { median: ratioMedian(processes), ci95: interval(0.05), ci99: interval(0.01) };
}

/**
 * The noise floor of a session: the 95th percentile of |effect| that identical code showed against itself,
 * over the bootstrap draws of an A/A run. A share: 0.02 is 2 %.
 */
export function noiseFloor(
  identical: readonly ProcessSamples[],
  options: { resamples?: number; seed?: number } = {},
): number {
  const effects = bootstrapMedians(logRatios(identical), options).map((draw) => Math.abs(Math.expm1(draw)));
  return quantile(effects, 0.95);
}

/** Whether a difference stands: its 95 % interval excludes 1 and its size exceeds the noise floor and 2 %. */
export function isResolved(ratio: RatioEstimate, floor: number): boolean {
  const excludesOne = ratio.ci95[0] > 1 || ratio.ci95[1] < 1;
  return excludesOne && Math.abs(ratio.median - 1) > Math.max(floor, SMALLEST_EFFECT);
}

/**
 * Two-sided 95 % interval of a mean over few runs by Student's t: mean +- t(n - 1) * sd / sqrt(n).
 * Undefined for fewer than two values: one seed has no interval.
 */
export function meanInterval95(values: readonly number[]): [number, number] | undefined {
  const deviation = standardDeviation(values);
  if (deviation === undefined) return undefined;
  const half = (studentT975(values.length - 1) * deviation) / Math.sqrt(values.length);
  const center = mean(values);
  return [center - half, center + half];
}

function logRatios(processes: readonly ProcessSamples[]): number[][] {
  return processes.map((process) => process.pairs.map(logRatio));
}

function bootstrapMedians(
  processes: readonly (readonly number[])[],
  { resamples = DEFAULT_RESAMPLES, seed = 1 }: { resamples?: number; seed?: number },
): number[] {
  if (processes.length === 0 || processes.some((ratios) => ratios.length === 0)) {
    throw new RangeError('bootstrap: every process must hold at least one pair');
  }
  const random = uniformStream(seed);
  const draws: number[] = [];
  for (let draw = 0; draw < resamples; draw++) {
    const medians: number[] = [];
    for (let i = 0; i < processes.length; i++) medians.push(median(resample(pick(processes, random), random)));
    draws.push(median(medians));
  }
  return draws;
}

function resample(values: readonly number[], random: () => number): number[] {
  return values.map(() => pick(values, random));
}

function pick<T>(values: readonly T[], random: () => number): T {
  // The index is inside the list: random() is below 1 and callers refuse empty lists.
  return values[Math.floor(random() * values.length)] as T;
}

function quantileOfSorted(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below + (above - below) * (position - Math.floor(position));
}

/** 97.5 % points of Student's t for 1 to 30 degrees of freedom; a standard table, tends to 1.96. */
const T_975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
] as const;

function studentT975(freedom: number): number {
  return T_975[freedom - 1] ?? 1.96 + 2.4 / freedom;
}
