import { readdir, readFile, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { fastSha256Hex, listingSha256 } from './content-hash.js';
import { DataError, reasonOf } from './data-error.js';
import { byBytes } from './image-layout.js';
import type { ImageSource, SourceEntry, SourceFile } from './image-source.js';

/** Deeper folders than train/<class>/ with one around it are no layout; this also ends whatever pretends to be endless. */
const MAX_DEPTH = 6;

interface Found extends SourceEntry {
  /** The path as the file system spells it; `path` is its normal form. */
  readonly stored: string;
}

/** A folder of the file system. Links below it are not followed: they are listed as 'other'. */
export function directorySource(location: string): ImageSource {
  let listing: Promise<Found[]> | undefined;
  const list = (signal?: AbortSignal): Promise<Found[]> => (listing ??= walk(location, '', 0, signal));
  async function* read(paths: ReadonlySet<string>, signal?: AbortSignal): AsyncGenerator<SourceFile> {
    const wanted = (await list(signal)).filter(({ path, kind }) => kind === 'file' && paths.has(path));
    for (const { path, stored } of wanted.sort((a, b) => byBytes(a.path, b.path))) {
      signal?.throwIfAborted();
      yield { path, bytes: await reading(join(location, stored), (path) => readFile(path)) };
    }
  }
  return {
    location,
    list,
    read,
    async fingerprint(signal) {
      const entries = (await list(signal)).sort((a, b) => byBytes(a.path, b.path));
      const files = entries.filter(({ kind }) => kind === 'file');
      // An empty folder is a mistake to report and a link is something left out: both are content.
      const parts = entries.filter(({ kind }) => kind !== 'file').map(({ path, kind }): { name: string; sha256: string } => ({ name: path, sha256: kind }));
      for await (const { path, bytes } of read(new Set(files.map(({ path }) => path)), signal)) parts.push({ name: path, sha256: await fastSha256Hex(bytes) });
      return listingSha256(parts);
    },
  };
}

async function walk(root: string, folder: string, depth: number, signal?: AbortSignal): Promise<Found[]> {
  signal?.throwIfAborted();
  const found: Found[] = [];
  for (const entry of await reading(join(root, folder), (path) => readdir(path, { withFileTypes: true }))) {
    const stored = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const kind = entry.isDirectory() ? 'directory' : entry.isFile() ? 'file' : 'other';
    const size = kind === 'file' ? (await reading(join(root, stored), (path) => lstat(path))).size : 0;
    found.push({ path: stored.normalize('NFC'), stored, kind, size });
    if (kind === 'directory' && depth < MAX_DEPTH) found.push(...(await walk(root, stored, depth + 1, signal)));
  }
  return found;
}

async function reading<T>(path: string, action: (path: string) => Promise<T>): Promise<T> {
  try {
    return await action(path);
  } catch (error) {
    throw new DataError('ERR_DATA_READ', `cannot be read (${reasonOf(error)})`, { file: path, cause: error });
  }
}
