import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { cacheDirectory as userCache } from './cache-directory.js';
import { booleanOption, checkOptions, customOption, integerOption, numberOption, oneOfOption, textOption } from './check-options.js';
import { fastSha256Hex, listingSha256 } from './content-hash.js';
import { DataError, reasonOf } from './data-error.js';
import type { ImageDataset, ImageSplit } from './dataset.js';
import { decodeImages, type DecodeProgress } from './decode-images.js';
import { openImageDecoder, type DecodeOptions } from './decode-image.js';
import { CACHE_VERSION, readDecoded, writeDecoded, type DecodedImages } from './decoded-cache.js';
import { openImageSource } from './image-source.js';
import { splitRecords } from './split-records.js';

export interface ImageFolderOptions {
  /** Scale every image to this height and width, one number or [H, W]; absent: all must have one size. Sides are stretched. */
  readonly imageSize?: number | readonly [height: number, width: number];
  /** 1: grey, 3: RGB; absent: all must have the same. */
  readonly channels?: 1 | 3;
  /** Files that are no usable images: refuse them all by name (default) or leave them out with a `note`. */
  readonly unusable?: 'refuse' | 'skip';
  /** Share of every class taken for testing where the folder has no test images, in (0, 1). Default 0.2. */
  readonly testShare?: number;
  /** Of that choice, 0 to 2^32-1. Default 0. */
  readonly seed?: number;
  /** Keep the decoded pixels for the next time. Default true. */
  readonly cache?: boolean;
  /** Where they are kept, in a folder `images`. Default: `convkit/datasets` in the user's cache folder. */
  readonly cacheDirectory?: string;
  /** Called after every image. */
  readonly onDecode?: (progress: DecodeProgress) => void;
  readonly signal?: AbortSignal;
}

const isSide = (x: unknown) => Number.isInteger(x) && Number(x) >= 1 && Number(x) <= 4096;

/** How the options of a folder are checked. */
export const IMAGE_FOLDER_RULES = {
  imageSize: customOption<number | readonly [number, number]>('one integer or [H, W], from 1 to 4096', (x) => isSide(x) || (Array.isArray(x) && x.length === 2 && x.every(isSide))),
  channels: oneOfOption([1, 3]),
  unusable: oneOfOption(['refuse', 'skip']),
  testShare: numberOption(0, 1, { above: true, below: true }),
  seed: integerOption(0, 2 ** 32 - 1),
  cache: booleanOption,
  cacheDirectory: textOption,
  onDecode: customOption<(progress: DecodeProgress) => void>('a function', (x) => typeof x === 'function'),
  signal: customOption<AbortSignal>('an AbortSignal', (x) => x instanceof AbortSignal),
};

/**
 * Loads a folder of images, or a tar archive of one (plain or gzipped), as a data set: `train/<class>/*.jpg` and
 * `test/<class>/*.jpg`, or `<class>/*.jpg` of which a share is taken for testing. JPEG and PNG, decoded by the package sharp.
 * The set's hash is that of pixels, labels and class names, so a folder and its archive have the same.
 * @throws DataError ERR_OPTION; ERR_DATA_NOT_FOUND; ERR_DATA_READ; ERR_DATA_FORMAT and ERR_DATA_COUNT for a wrong layout (no
 *   class, one class, an empty class) or archive; ERR_DATA_LIMIT above 256 classes or 2 GiB of pixels; ERR_DATA_IMAGE for files
 *   that are no usable images, by name and with their number, and for images that differ in size or channels; ERR_DATA_DECODER.
 */
export async function imageFolder(path: string, options: ImageFolderOptions = {}): Promise<ImageDataset & { note?: string }> {
  const { imageSize, testShare = 0.2, seed = 0, channels, unusable = 'refuse', cache = true, cacheDirectory, onDecode, signal } = checkOptions('imageFolder', IMAGE_FOLDER_RULES, options);
  const size = typeof imageSize === 'number' ? [imageSize, imageSize] as const : imageSize;
  const source = await openImageSource(path);
  const decoder = await openImageDecoder();
  const decode: DecodeOptions = { ...(size && { size }), ...(channels && { channels }) };
  const notes: string[] = [];
  const content = cache ? await source.fingerprint(signal) : undefined;
  const kept = content === undefined ? undefined : cacheFile(cacheDirectory ?? userCache('datasets'), [content, decoder.version, JSON.stringify({ decode, unusable })]);
  const found = kept === undefined ? 'absent' : await readDecoded(kept);
  if (typeof found === 'object' && 'wrong' in found) notes.push(`${kept} was damaged and is written anew: ${found.wrong}`);
  let decoded: DecodedImages;
  if (typeof found === 'object' && !('wrong' in found)) decoded = found;
  else {
    decoded = await decodeImages(source, decoder.decode, { ...decode, unusable, ...(onDecode && { onDecode }), ...(signal && { signal }) });
    if (content !== undefined && (await source.fingerprint(signal)) !== content) throw new DataError('ERR_DATA_READ', 'changed while it was read', { file: source.location });
    // A home folder may be read-only: the data are there all the same.
    if (kept !== undefined) await writeDecoded(kept, decoded).catch((error: unknown) => notes.push(`decoded images cannot be kept in ${kept}: ${reasonOf(error)}`));
  }
  if (decoded.skipped !== undefined) notes.push(decoded.skipped);
  const { train, test } = decoded.test ? { train: decoded.train, test: decoded.test } : divided(decoded.train, testShare, seed);
  const { classNames, imageShape } = decoded;
  return {
    name: basename(source.location).replace(/\.(tar|tgz|tar\.gz)$/i, '') || 'images',
    classNames, imageShape, train, test,
    sha256: await identity(classNames, { train, test }),
    source: source.location,
    ...(notes.length > 0 && { note: notes.join('\n') }),
  };
}

function cacheFile(folder: string, parts: readonly string[]): string {
  const key = createHash('sha256').update([CACHE_VERSION, ...parts].join('\n')).digest('hex');
  return join(folder, 'images', `${key}.pixels`);
}

function divided(all: ImageSplit, testShare: number, seed: number): { train: ImageSplit; test: ImageSplit } {
  const taken = Math.round(all.size * testShare);
  if (taken < 1 || taken >= all.size) throw new DataError('ERR_OPTION', `imageFolder: testShare must leave images to train and to test on, testShare ${testShare} takes ${taken} of ${all.size} images`);
  // One part is held out, whatever it is called.
  const { train, validation } = splitRecords(all, { validation: testShare, seed });
  return { train, test: validation };
}

async function identity(classNames: readonly string[], splits: Record<'train' | 'test', ImageSplit>): Promise<string> {
  const parts = [{ name: 'class-names', sha256: await fastSha256Hex(new TextEncoder().encode(classNames.map((name) => `${name}\n`).join(''))) }];
  for (const [name, { images, labels }] of Object.entries(splits)) {
    parts.push({ name: `${name}-images`, sha256: await fastSha256Hex(images) }, { name: `${name}-labels`, sha256: await fastSha256Hex(labels) });
  }
  return listingSha256(parts);
}
