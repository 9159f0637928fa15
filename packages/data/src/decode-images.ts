import { availableParallelism } from 'node:os';
import { DataError, printable, reasonOf } from './data-error.js';
import type { ImageShape, ImageSplit } from './dataset.js';
import type { DecodedImage, DecodeOptions, ImageDecoder } from './decode-image.js';
import type { DecodedImages } from './decoded-cache.js';
import { arrangeImages, type ImageLayout, type PlacedFile, type UnusableFile } from './image-layout.js';
import type { ImageSource } from './image-source.js';

/** How far the decoding is, in files. */
export interface DecodeProgress {
  readonly done: number;
  readonly total: number;
}

export interface DecodeImagesOptions extends DecodeOptions {
  readonly unusable: 'refuse' | 'skip';
  readonly onDecode?: (progress: DecodeProgress) => void;
  readonly signal?: AbortSignal;
}

/** Everything is in memory, and one buffer holds it all on its way to the cache. */
const MAX_BYTES = 2 ** 31 - 2 ** 24;
const NAMED = 5;

/**
 * Decodes what is in a folder or an archive, several images at a time. The order of the records is that of the paths' bytes.
 * @throws DataError as `imageFolder` says.
 */
export async function decodeImages(source: ImageSource, decode: ImageDecoder, options: DecodeImagesOptions): Promise<DecodedImages> {
  const layout = arrangeImages(await source.list(options.signal), source.location);
  const unusable = [...layout.unusable];
  const total = layout.files.length + unusable.length;
  const { images, shape } = await decodeAll(source, layout, decode, options, unusable);
  unusable.sort((a, b) => (a.path < b.path ? -1 : 1));
  const skipped = unusable.length === 0 ? undefined : `${unusable.length} of ${total} files`;
  const names = `${unusable.slice(0, NAMED).map(({ path, reason }) => `\n  ${printable(path)} ${reason}`).join('')}${unusable.length > NAMED ? `\n  and ${unusable.length - NAMED} more` : ''}`;
  if (skipped !== undefined && (options.unusable === 'refuse' || shape === undefined)) {
    throw new DataError('ERR_DATA_IMAGE', `${skipped} cannot be used as images:${names}${shape === undefined ? '' : "\nunusable: 'skip' leaves them out"}`, { file: source.location });
  }
  if (shape === undefined) throw new DataError('ERR_DATA_COUNT', 'holds no images', { file: source.location });
  const { classNames, files } = layout;
  const part = (name: 'train' | 'test') => collect(files.filter(({ split, path }) => split === name && images.has(path)), images, shape);
  const [train, test] = [part('train'), part('test')];
  refuseEmptied(layout, images, source.location);
  if (layout.divided && test.size === 0) throw new DataError('ERR_DATA_COUNT', 'holds no usable images in test', { file: source.location });
  return { classNames, imageShape: shape, train, ...(layout.divided && { test }), ...(skipped !== undefined && { skipped: `${skipped} are left out:${names}` }) };
}

async function decodeAll(
  source: ImageSource, { files, unusable: passed }: ImageLayout, decode: ImageDecoder, { size, channels, onDecode, signal }: DecodeImagesOptions, unusable: UnusableFile[],
): Promise<{ images: Map<string, Uint8Array>; shape: ImageShape | undefined }> {
  const images = new Map<string, Uint8Array>();
  const queue = source.read(new Set(files.map(({ path }) => path)), signal);
  const total = files.length + passed.length;
  let [done, bytes] = [passed.length, 0];
  let first: { path: string; shape: ImageShape } | undefined;
  let failed = false;
  const keep = (path: string, { pixels, shape }: DecodedImage): void => {
    first ??= { path, shape };
    if (first.shape.join() !== shape.join()) {
      const what = first.shape[2] === shape[2] ? 'imageSize' : 'channels';
      throw new DataError('ERR_DATA_IMAGE', `has ${shape.join(' x ')} (height x width x channels), but ${printable(first.path)} has ${first.shape.join(' x ')}; the option ${what} makes them alike`, { file: path });
    }
    bytes += pixels.length;
    if (bytes > MAX_BYTES) throw new DataError('ERR_DATA_LIMIT', `must stay below ${MAX_BYTES} bytes of pixels, has more at ${shape.join(' x ')} an image; imageSize makes them smaller`, { file: source.location });
    images.set(path, pixels);
  };
  const lane = async (once: boolean): Promise<void> => {
    while (!failed) {
      const next = await queue.next();
      if (next.done) return;
      signal?.throwIfAborted();
      const { path, bytes: content } = next.value;
      const result = await decode(content, { ...(size && { size }), ...(channels && { channels }) }).catch((error: unknown) => reasonOf(error));
      if (typeof result === 'string') unusable.push({ path, reason: `cannot be decoded: ${result.split('\n')[0]}` });
      else keep(path, result);
      onDecode?.({ done: ++done, total });
      if (once && first !== undefined) return;
    }
  };
  try {
    // The first image alone says what the others must be like.
    await lane(true);
    await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, () => lane(false).catch((error: unknown) => {
      failed = true;
      throw error;
    })));
  } finally {
    await queue.return(undefined);
  }
  return { images, shape: first?.shape };
}

function collect(files: readonly PlacedFile[], images: ReadonlyMap<string, Uint8Array>, shape: ImageShape): ImageSplit {
  const pixels = shape[0] * shape[1] * shape[2];
  const split = { images: new Uint8Array(files.length * pixels), labels: new Uint8Array(files.length), size: files.length };
  files.forEach(({ path, label }, i) => {
    split.images.set(images.get(path) ?? [], i * pixels);
    split.labels[i] = label;
  });
  return split;
}

/** A class may have lost all its images to `unusable: 'skip'`. */
function refuseEmptied({ classNames, files }: ImageLayout, images: ReadonlyMap<string, Uint8Array>, location: string): void {
  const left = new Set(files.filter(({ path, split }) => split === 'train' && images.has(path)).map(({ label }) => label));
  const empty = classNames.find((_, label) => !left.has(label));
  if (empty !== undefined) throw new DataError('ERR_DATA_COUNT', `class ${printable(empty)} has no usable images in train`, { file: location });
}
