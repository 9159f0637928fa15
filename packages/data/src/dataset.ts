import { DataError } from './data-error.js';

/** Height, width and channels of one image. */
export type ImageShape = readonly [height: number, width: number, channels: number];

/** Labelled images of one size: `images` is [size, H, W, C] row major, 0 to 255; `labels` is [size]. */
export interface ImageSplit {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly size: number;
}

/** A classification data set in memory. */
export interface ImageDataset {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly imageShape: ImageShape;
  readonly train: ImageSplit;
  readonly test: ImageSplit;
  /** Identity of the content: the SHA-256 of the `sha256sum` listing of its parts (`listingSha256`). */
  readonly sha256: string;
  /** Where it came from: a folder, an address or the generator with its options. */
  readonly source: string;
}

/**
 * Checks that images and labels belong together: as many of one as of the other, and every label below `classes`.
 * @throws DataError ERR_DATA_COUNT with both counts; ERR_DATA_LABEL with the value, the range and the record's index.
 */
export function checkSplit(split: { imageCount: number; labels: Uint8Array; imagesFile?: string; labelsFile?: string }, classes: number): void {
  const { imageCount, labels, imagesFile, labelsFile: file } = split;
  if (imageCount !== labels.length) {
    throw new DataError('ERR_DATA_COUNT', `${labels.length} labels do not go with ${imageCount} images${imagesFile ? ` of ${imagesFile}` : ''}`, { file });
  }
  if (imageCount === 0) throw new DataError('ERR_DATA_COUNT', 'holds no records, at least 1 is needed', { file });
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) throw new DataError('ERR_DATA_LABEL', `label must be an integer from 0 to ${classes - 1}, got ${labels[wrong]} in record ${wrong}`, { file });
}
