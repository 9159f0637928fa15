import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DataError, reasonOf } from './data-error.js';
import { archiveSource } from './image-archive.js';
import { directorySource } from './image-directory.js';

/** One thing in a folder or an archive; `path` is relative to its root, with `/` between the parts, in Unicode form NFC. */
export interface SourceEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'other';
  /** Bytes of a file. */
  readonly size: number;
}

/** A file's content. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Where image files come from. */
export interface ImageSource {
  /** The folder or the archive, as an absolute path. */
  readonly location: string;
  /** A hash that changes when any content does. */
  fingerprint(signal?: AbortSignal): Promise<string>;
  /** Everything there is, in no particular order. */
  list(signal?: AbortSignal): Promise<SourceEntry[]>;
  /** The content of the named files, in any order. */
  read(paths: ReadonlySet<string>, signal?: AbortSignal): AsyncGenerator<SourceFile>;
}

/**
 * Opens a folder or a tar archive (plain or gzipped: the content counts, not the name).
 * @throws DataError ERR_DATA_NOT_FOUND when there is nothing at `path`, ERR_DATA_READ when it must not be read, ERR_DATA_FORMAT
 *   for a file that is no tar archive.
 */
export async function openImageSource(path: string): Promise<ImageSource> {
  const location = resolve(path);
  const found = await stat(location).catch((error: unknown) => {
    const missing = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    throw new DataError(missing ? 'ERR_DATA_NOT_FOUND' : 'ERR_DATA_READ', missing ? 'there is no such folder or file' : `cannot be read (${reasonOf(error)})`, { file: location, cause: error });
  });
  if (found.isDirectory()) return directorySource(location);
  if (found.isFile()) return archiveSource(location);
  throw new DataError('ERR_DATA_FORMAT', 'must be a folder or a tar archive, this is neither', { file: location });
}
