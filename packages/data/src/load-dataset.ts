import { cacheDirectory as userCache } from './cache-directory.js';
import { booleanOption, checkOptions, customOption, describeValue, integerOption, nearest, textOption } from './check-options.js';
import { DataError } from './data-error.js';
import type { ImageDataset } from './dataset.js';
import type { DownloadProgress } from './download.js';
import { FASHION_MNIST } from './fashion-mnist.js';
import { loadIdxDataset } from './idx-files.js';
import { shapes } from './shapes.js';

/** Names that `loadDataset` knows. `auto` is Fashion-MNIST where it can be had, else `shapes`. */
export const DATASET_NAMES = ['fashion-mnist', 'shapes', 'auto'] as const;
export type DatasetName = (typeof DATASET_NAMES)[number];

export interface LoadDatasetOptions {
  /** A folder with the files, or with a folder `fashion-mnist` that has them. Default: the environment variable CONVKIT_DATA. */
  readonly directory?: string;
  /** Where downloads are kept. Default: `convkit/datasets` in the user's cache folder. */
  readonly cacheDirectory?: string;
  /** Folder of the operating system's package. Default: Debian's /usr/share/datasets/fashion-mnist. */
  readonly systemDirectory?: string;
  /** Fetch what is nowhere else. Default true. */
  readonly download?: boolean;
  /** Longest time without a byte while downloading, in ms. Default 15000. */
  readonly stallTimeoutMs?: number;
  /** Longest time for the download of one file from one address, in ms. Default 600000. */
  readonly timeoutMs?: number;
  /** Called for every piece that arrives. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Stops looking and downloading. */
  readonly signal?: AbortSignal;
  /** Seed of the `shapes` set. Default 0. */
  readonly seed?: number;
}

const RULES = {
  directory: textOption, cacheDirectory: textOption, systemDirectory: textOption, download: booleanOption,
  stallTimeoutMs: integerOption(1, 2 ** 31 - 1), timeoutMs: integerOption(1, 2 ** 31 - 1), seed: integerOption(0, 2 ** 32 - 1),
  onProgress: customOption<(progress: DownloadProgress) => void>('a function', (x) => typeof x === 'function'),
  signal: customOption<AbortSignal>('an AbortSignal', (x) => x instanceof AbortSignal),
};

/**
 * Loads a data set by name. Fashion-MNIST is looked for in `directory` (CONVKIT_DATA), the cache, Debian's package
 * dataset-fashion-mnist, and then downloaded; `note` says what a user should know (a fallback, a damaged file passed over).
 * @throws DataError ERR_OPTION for an unknown name; for 'fashion-mnist' ERR_DATA_NOT_FOUND when it cannot be had; for both
 *   'fashion-mnist' and 'auto' when the files of `directory` are there but wrong; the reason of `signal` when that was aborted.
 */
export async function loadDataset(name: DatasetName, options: LoadDatasetOptions = {}): Promise<ImageDataset & { note?: string }> {
  if (!DATASET_NAMES.includes(name)) {
    const near = typeof name === 'string' ? nearest(name, DATASET_NAMES) : undefined;
    throw new DataError('ERR_OPTION', `loadDataset: name must be one of ${DATASET_NAMES.join(', ')}, got ${describeValue(name)}${near ? `. Did you mean ${near}?` : ''}`);
  }
  const { directory, cacheDirectory, systemDirectory, download = true, stallTimeoutMs = 15_000, timeoutMs = 600_000, seed = 0, onProgress, signal } = checkOptions('loadDataset', RULES, options);
  if (name === 'shapes') return shapes({ seed });
  try {
    return await loadIdxDataset(FASHION_MNIST, {
      // An empty variable is how a shell says "not set".
      directory: directory ?? (process.env['CONVKIT_DATA'] || undefined),
      cacheDirectory: cacheDirectory ?? userCache('datasets'),
      systemDirectories: [systemDirectory ?? '/usr/share/datasets/fashion-mnist'],
      download, stallTimeoutMs, timeoutMs, onProgress, signal,
    });
  } catch (error) {
    if (name !== 'auto' || !(error instanceof DataError) || error.code !== 'ERR_DATA_NOT_FOUND') throw error;
    // Same size and channels as Fashion-MNIST, so that the same models fit.
    const standIn = shapes({ seed, imageSize: 28, channels: 1, train: 10_000, test: 2_000 });
    return { ...standIn, note: `using the built-in shapes set: ${error.message}` };
  }
}
