import { booleanOption, checkOptions, integerOption } from './check-options.js';
import { DataError } from './data-error.js';
import type { ImageSplit } from './dataset.js';
import { mixSeeds, randomStream, shuffledIndices } from './random.js';

export interface BatchOptions {
  /** Images a batch, >= 1. Above the number of images: one smaller batch, said in `note`. */
  readonly batchSize: number;
  /** Order by chance instead of as stored. Default true. */
  readonly shuffle?: boolean;
  /** 0 to 2^32-1. Default 0. The same seed and epoch give the same order on every machine. */
  readonly seed?: number;
  /** Which pass over the data this is; each has an order of its own. Default 0. */
  readonly epoch?: number;
  /** Leave out a last batch that is not full. Default false. */
  readonly dropRemainder?: boolean;
}

/** Some records of a split: `indices` says which, in order. */
export interface Batch extends ImageSplit {
  readonly indices: Uint32Array;
}

/** One pass over a split; iterate it as often as you like, the order stays. */
export interface Batches extends Iterable<Batch> {
  /** Number of batches. */
  readonly count: number;
  /** Images a full batch really holds. */
  readonly batchSize: number;
  /** Set when something differs from what was asked for. */
  readonly note?: string;
}

const RULES = {
  batchSize: integerOption(1, 2 ** 31 - 1),
  shuffle: booleanOption,
  seed: integerOption(0, 2 ** 32 - 1),
  epoch: integerOption(0, 2 ** 32 - 1),
  dropRemainder: booleanOption,
};

/**
 * Cuts a split into batches, shuffled from a seed.
 * @throws DataError ERR_OPTION for impossible options, or when `dropRemainder` would leave no batch.
 */
export function batches(split: ImageSplit, options: BatchOptions): Batches {
  const { batchSize: wanted, shuffle = true, seed = 0, epoch = 0, dropRemainder = false } = checkOptions('batches', RULES, options);
  if (wanted === undefined) throw new DataError('ERR_OPTION', `batches: batchSize must be ${RULES.batchSize.allowed}, got nothing (undefined)`);
  if (dropRemainder && wanted > split.size) {
    throw new DataError('ERR_OPTION', `batches: batchSize must be at most the ${split.size} records when dropRemainder is set, got ${wanted} (number)`);
  }
  const batchSize = Math.min(wanted, split.size);
  const count = dropRemainder ? Math.floor(split.size / batchSize) : Math.ceil(split.size / batchSize);
  const order = shuffle
    ? shuffledIndices(split.size, randomStream(mixSeeds(seed, epoch)))
    : Uint32Array.from({ length: split.size }, (_, i) => i);
  return {
    count,
    batchSize,
    ...(wanted > split.size && { note: `batches: batchSize ${wanted} is above the ${split.size} records; one batch of ${split.size}` }),
    *[Symbol.iterator]() {
      for (let b = 0; b < count; b++) {
        const indices = order.subarray(b * batchSize, Math.min((b + 1) * batchSize, split.size));
        yield { ...takeRecords(split, indices), indices };
      }
    },
  };
}

/**
 * A new split of the records with these indices, in this order; records may repeat.
 * @throws DataError ERR_OPTION for an index outside the split.
 */
export function takeRecords(split: ImageSplit, indices: ArrayLike<number>): ImageSplit {
  const pixels = split.images.length / split.size;
  const size = indices.length;
  const images = new Uint8Array(size * pixels);
  const labels = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const index = indices[i];
    const label = index === undefined ? undefined : split.labels[index];
    if (index === undefined || label === undefined) {
      throw new DataError('ERR_OPTION', `takeRecords: indices[${i}] must be an integer from 0 to ${split.size - 1}, got ${String(index)}`);
    }
    images.set(split.images.subarray(index * pixels, (index + 1) * pixels), i * pixels);
    labels[i] = label;
  }
  return { images, labels, size };
}

/** Mean and standard deviation of pixels in units of the [0, 1] scale: one number, or one a channel. */
export interface PixelScale {
  /** Default 0. */
  readonly mean?: number | readonly number[];
  /** Default 1. */
  readonly std?: number | readonly number[];
}

/**
 * Pixels as network input: `(value / 255 - mean) / std`, mean and std in units of the [0, 1] scale, one number or one a channel
 * (channel last). Default mean 0, std 1.
 */
export function normalizeImages(images: Uint8Array, { mean = 0, std = 1 }: PixelScale = {}): Float32Array {
  const means = typeof mean === 'number' ? [mean] : mean;
  const stds = typeof std === 'number' ? [std] : std;
  const channels = Math.max(means.length, stds.length);
  // 256 possible values a channel: a table is exact and faster than the arithmetic.
  const tables = Array.from({ length: channels }, (_, c) => {
    const [m, s] = [means[c % means.length], stds[c % stds.length]];
    if (m === undefined || !Number.isFinite(m)) throw new DataError('ERR_OPTION', `normalizeImages: mean must be finite numbers, got ${String(m)}`);
    if (s === undefined || !Number.isFinite(s) || s <= 0) throw new DataError('ERR_OPTION', `normalizeImages: std must be numbers > 0, got ${String(s)}`);
    return Float32Array.from({ length: 256 }, (_, value) => (value / 255 - m) / s);
  });
  const output = new Float32Array(images.length);
  for (let i = 0; i < images.length; i++) output[i] = tables[i % channels]?.[images[i] ?? 0] ?? 0;
  return output;
}
