import { booleanOption, checkOptions, integerOption, numberOption } from './check-options.js';
import { takeRecords } from './batches.js';
import { DataError } from './data-error.js';
import type { ImageSplit } from './dataset.js';
import { mixSeeds, randomStream, shuffledIndices } from './random.js';

export interface SplitOptions {
  /** Share of the records held out to choose by, in (0, 1). Default 0.1. */
  readonly validation?: number;
  /** Share of the records held out to report on, in (0, 1); absent: none, for data that bring a test set of their own. */
  readonly test?: number;
  /** Take the same share of every class. Default true. */
  readonly stratify?: boolean;
  /** 0 to 2^32-1. Default 0. */
  readonly seed?: number;
}

export interface SplitRecords {
  readonly train: ImageSplit;
  readonly validation: ImageSplit;
  /** Present when `test` was asked for. */
  readonly test?: ImageSplit;
}

const share = numberOption(0, 1, { above: true, below: true });
const RULES = { validation: share, test: share, stratify: booleanOption, seed: integerOption(0, 2 ** 32 - 1) };

/**
 * Deals the records of one split out to disjoint parts by chance from a seed; every record goes to exactly one part.
 * @throws DataError ERR_OPTION when a share is outside (0, 1), the shares leave nothing to train on, or a part would be empty.
 */
export function splitRecords(split: ImageSplit, options: SplitOptions = {}): SplitRecords {
  const { validation = 0.1, test, stratify = true, seed = 0 } = checkOptions('splitRecords', RULES, options);
  const order = shuffledIndices(split.size, randomStream(mixSeeds(seed)));
  const sizes = partSizes(split.size, validation, test);
  // Stable sort by class keeps chance within a class; every k-th record then is the same share of every class.
  const dealt = stratify ? spreadByClass(order, split.labels) : order;
  const part = (start: number, size: number) => takeRecords(split, dealt.subarray(start, start + size).toSorted());
  return {
    validation: part(0, sizes.validation),
    ...(test !== undefined && { test: part(sizes.validation, sizes.test) }),
    train: part(sizes.validation + sizes.test, sizes.train),
  };
}

function partSizes(size: number, validation: number, test: number | undefined) {
  const sizes = { validation: Math.round(size * validation), test: Math.round(size * (test ?? 0)) };
  const train = size - sizes.validation - sizes.test;
  const asked = `validation ${validation}${test === undefined ? '' : ` and test ${test}`}`;
  if (validation + (test ?? 0) >= 1) throw new DataError('ERR_OPTION', `splitRecords: validation + test must be below 1, got ${asked}`);
  if (sizes.validation < 1 || train < 1 || (test !== undefined && sizes.test < 1)) {
    throw new DataError('ERR_OPTION', `splitRecords: every part must get at least 1 of the ${size} records, got train ${train}, validation ${sizes.validation}${test === undefined ? '' : `, test ${sizes.test}`} from ${asked}`);
  }
  return { ...sizes, train };
}

/** The same records so ordered that every prefix holds the classes in nearly the proportions of the whole. */
function spreadByClass(order: Uint32Array, labels: Uint8Array): Uint32Array {
  const totals = new Uint32Array(256);
  for (const label of labels) totals[label] = (totals[label] ?? 0) + 1;
  const seen = new Uint32Array(256);
  // Record k of n of its class belongs at (k + 1/2) / n of the whole.
  const ranked = Array.from(order, (index) => {
    const label = labels[index] ?? 0;
    const rank = seen[label] ?? 0;
    seen[label] = rank + 1;
    return { index, position: (rank + 0.5) / (totals[label] ?? 1) };
  });
  return Uint32Array.from(ranked.sort((a, b) => a.position - b.position), ({ index }) => index);
}
