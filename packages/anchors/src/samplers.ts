/** Which anchors a loss is taken of: background is far too common to take all. */
import { option, OptionError, randomStream, readOptions } from '@convkit/core';
import { at, type Boxes } from './boxes.js';
import { BACKGROUND } from './matchers.js';

/** Indices of anchors, rising. */
export interface AnchorSample {
  positives: Int32Array;
  negatives: Int32Array;
}

export interface SampleOptions {
  /** Anchors of an image to draw. */
  size: number;
  /** The share of matched ones at most; where there are fewer, background fills up. */
  positiveShare: number;
  /** Same seed, same draw. */
  seed: number;
}

/** Samples that are in use (torchvision). */
export const SAMPLES = {
  rpn: { size: 256, positiveShare: 0.5 },
  roiHeads: { size: 512, positiveShare: 0.25 },
} as const satisfies Record<string, Omit<SampleOptions, 'seed'>>;

const sampleEntries = { size: option.integer(1), positiveShare: option.number({ min: 0, max: 1 }), seed: option.integer(0, 2 ** 32 - 1) } as const;

const placesOf = (matches: Int32Array, accepts: (match: number) => boolean) => Int32Array.from(matches.keys()).filter((i) => accepts(at(matches, i)));

/** So many of the values at random, each as likely, in their order. */
function draw(values: Int32Array, count: number, random: () => number): Int32Array {
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (values.length - i));
    [values[i], values[j]] = [at(values, j), at(values, i)];
  }
  return values.subarray(0, count).sort();
}

/**
 * Matched anchors and background at random: torchvision's BalancedPositiveNegativeSampler.
 * @param matches [A], of a matcher; ignored anchors are never drawn.
 */
export function sampleAnchors(matches: Int32Array, options: SampleOptions): AnchorSample {
  const { size, positiveShare, seed } = readOptions('sampleAnchors', sampleEntries, options);
  const random = randomStream(seed);
  const [matched, background] = [placesOf(matches, (match) => match >= 0), placesOf(matches, (match) => match === BACKGROUND)];
  const positives = draw(matched, Math.min(matched.length, Math.floor(size * positiveShare)), random);
  return { positives, negatives: draw(background, Math.min(background.length, size - positives.length), random) };
}

const hardEntries = { ratio: option.withDefault(option.number({ min: 0 }), 3) } as const;

/**
 * All matched anchors and the background with the highest loss, `ratio` for each matched one: SSD's hard-negative mining. An image
 * without a match gets no background either, as in torchvision.
 * @param losses [A], of the classes; @param matches [A], of a matcher.
 */
export function mineHardNegatives(losses: Boxes, matches: Int32Array, options: { /** Default 3. */ ratio?: number } = {}): AnchorSample {
  const where = 'mineHardNegatives';
  const { ratio } = readOptions(where, hardEntries, options);
  if (losses.length !== matches.length) throw new OptionError(where, 'losses', losses.length, `one for each of the ${matches.length} anchors`);
  const positives = placesOf(matches, (match) => match >= 0);
  const hardest = placesOf(matches, (match) => match === BACKGROUND).sort((i, j) => at(losses, j) - at(losses, i) || i - j);
  return { positives, negatives: hardest.subarray(0, Math.floor(ratio * positives.length)).sort() };
}
