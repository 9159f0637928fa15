import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf } from './data-error.js';
import { checkSplit, type ImageShape, type ImageSplit } from './dataset.js';
import { replaceFile } from './replace-file.js';

/** A folder of images once it is decoded. */
export interface DecodedImages {
  readonly classNames: readonly string[];
  readonly imageShape: ImageShape;
  readonly train: ImageSplit;
  /** Absent where the folder has none. */
  readonly test?: ImageSplit;
  /** What was left out, for the user to know. */
  readonly skipped?: string;
}

/** Counts up when the layout below changes or the same files would decode to something else. */
export const CACHE_VERSION = 1;
const HASH_BYTES = 32;

interface Header {
  readonly version: number;
  readonly classNames: readonly string[];
  readonly imageShape: ImageShape;
  readonly trainSize: number;
  readonly testSize: number;
  readonly skipped?: string;
}

/**
 * Writes the pixels so that the file appears whole or not at all: SHA-256 of the rest, length of the header (uint32, little
 * endian), header as JSON, then train's labels and images and test's.
 */
export async function writeDecoded(file: string, { classNames, imageShape, train, test, skipped }: DecodedImages): Promise<void> {
  const header: Header = { version: CACHE_VERSION, classNames, imageShape, trainSize: train.size, testSize: test?.size ?? 0, ...(skipped === undefined ? {} : { skipped }) };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const parts = [length, text, train.labels, train.images, ...(test ? [test.labels, test.images] : [])];
  const content = Buffer.concat([Buffer.alloc(HASH_BYTES), ...parts]);
  hashOf(content).copy(content);
  await mkdir(dirname(file), { recursive: true });
  await replaceFile(file, content);
}

/** What the file holds; 'absent' when there is none, else why it cannot be used. */
export async function readDecoded(file: string): Promise<DecodedImages | 'absent' | { readonly wrong: string }> {
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    return missing ? 'absent' : { wrong: reasonOf(error) };
  }
  if (content.length < HASH_BYTES + 4 || !hashOf(content).equals(content.subarray(0, HASH_BYTES))) return { wrong: 'its checksum is not that of its content' };
  try {
    return parse(content);
  } catch (error) {
    return { wrong: reasonOf(error) };
  }
}

/** The hash was right, so this is what some version of this file wrote. */
function parse(content: Buffer): DecodedImages {
  const start = HASH_BYTES + 4;
  const end = start + content.readUInt32LE(HASH_BYTES);
  const header = JSON.parse(content.toString('utf8', start, end)) as Header;
  if (header.version !== CACHE_VERSION) throw new RangeError(`it is of version ${header.version}, this program writes ${CACHE_VERSION}`);
  const { classNames, imageShape, trainSize, testSize, skipped } = header;
  const [height, width, channels] = imageShape;
  let at = end;
  const take = (bytes: number): Uint8Array => {
    if (at + bytes > content.length) throw new RangeError('it is cut off');
    return new Uint8Array(content.buffer, content.byteOffset + (at += bytes) - bytes, bytes);
  };
  const split = (size: number): ImageSplit => {
    const labels = take(size);
    checkSplit({ imageCount: size, labels }, classNames.length);
    return { size, labels, images: take(size * height * width * channels) };
  };
  return { classNames, imageShape, train: split(trainSize), ...(testSize > 0 && { test: split(testSize) }), ...(skipped === undefined ? {} : { skipped }) };
}

function hashOf(content: Buffer): Buffer {
  return createHash('sha256').update(content.subarray(HASH_BYTES)).digest();
}
