import { cacheDirectory as userCache } from './cache-directory.js';
import { booleanOption, checkOptions, customOption, describeValue, integerOption, nearest, textOption } from './check-options.js';
import { DataError } from './data-error.js';
import type { ImageDataset } from './dataset.js';
import type { DownloadProgress } from './download.js';
import { FASHION_MNIST } from './fashion-mnist.js';
import { loadIdxDataset } from './idx-files.js';
import { IMAGE_FOLDER_RULES, imageFolder, type ImageFolderOptions } from './image-folder.js';
import { shapes } from './shapes.js';

/** Names that `loadDataset` knows. `auto` is Fashion-MNIST where it can be had, else `shapes`. */
export const DATASET_NAMES = ['fashion-mnist', 'shapes', 'auto'] as const;
export type DatasetName = (typeof DATASET_NAMES)[number];

/** What a data set is asked for by: a name, or the path of a folder or archive of images. */
export type DatasetRef = DatasetName | (string & Record<never, never>);

/** Those of `imageFolder` count for a path, `seed` for a path and for `shapes`, the others for Fashion-MNIST. */
export interface LoadDatasetOptions extends ImageFolderOptions {
  /** A folder with the files, or with a folder `fashion-mnist` that has them. Default: the environment variable CONVKIT_DATA. */
  readonly directory?: string;
  /** Where downloads and decoded images are kept. Default: `convkit/datasets` in the user's cache folder. */
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
  /** Stops looking, downloading and decoding. */
  readonly signal?: AbortSignal;
}

const RULES = {
  ...IMAGE_FOLDER_RULES,
  directory: textOption, systemDirectory: textOption, download: booleanOption,
  stallTimeoutMs: integerOption(1, 2 ** 31 - 1), timeoutMs: integerOption(1, 2 ** 31 - 1),
  onProgress: customOption<(progress: DownloadProgress) => void>('a function', (x) => typeof x === 'function'),
};

/** Whether this is a path and not a name: it has a separator, starts with a dot, or ends like an archive. */
export function isDatasetPath(name: string): boolean {
  return /[/\\]|^\.|\.(tar|tgz|tar\.gz)$/i.test(name);
}

/**
 * Loads a data set by name, or the folder or tar archive of images at a path as `imageFolder` does. Fashion-MNIST is looked for in `directory` (CONVKIT_DATA), the cache, Debian's package
 * dataset-fashion-mnist, and then downloaded; `note` says what a user should know (a fallback, a damaged file passed over).
 * @throws DataError ERR_OPTION for an unknown name; for a path as `imageFolder`; for 'fashion-mnist' ERR_DATA_NOT_FOUND when it cannot be had; for both
 *   'fashion-mnist' and 'auto' when the files of `directory` are there but wrong; the reason of `signal` when that was aborted.
 */
export async function loadDataset(name: DatasetRef, options: LoadDatasetOptions = {}): Promise<ImageDataset & { note?: string }> {
  if (typeof name === 'string' && isDatasetPath(name)) {
    const { imageSize, channels, unusable, testShare, seed, cache, cacheDirectory, onDecode, signal } = checkOptions('loadDataset', RULES, options);
    return imageFolder(name, { imageSize, channels, unusable, testShare, seed, cache, cacheDirectory, onDecode, signal });
  }
  if (!isDatasetName(name)) {
    const near = typeof name === 'string' ? nearest(name, DATASET_NAMES) : undefined;
    throw new DataError('ERR_OPTION', `loadDataset: name must be one of ${DATASET_NAMES.join(', ')}, or a path with a /, got ${describeValue(name)}${near ? `. Did you mean ${near}?` : ''}`);
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

function isDatasetName(name: string): name is DatasetName {
  return (DATASET_NAMES as readonly string[]).includes(name);
}
