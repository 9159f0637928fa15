import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, Readable, type Readable as NodeReadable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { createTarDecoder } from 'modern-tar';
import { DataError, printable, reasonOf } from './data-error.js';
import { fileSha256 } from './download.js';
import { recognizeFormat } from './foreign-format.js';
import { isGzip } from './gunzip.js';
import type { ImageSource, SourceEntry, SourceFile } from './image-source.js';

/** A set of 256 classes cannot need more; a list of names stays in memory. */
const MAX_ENTRIES = 5_000_000;

/**
 * A tar archive, plain or gzipped, read as a stream and never unpacked to disk. A name that leads out of the archive
 * (`..`, an absolute path) is refused; links and devices are listed as 'other'.
 */
export function archiveSource(location: string): ImageSource {
  return {
    location,
    // Hashing the archive is many times as fast as unpacking it.
    fingerprint: () => fileSha256(location),
    async list(signal) {
      const entries: SourceEntry[] = [];
      for await (const { entry } of entriesOf(location, signal)) {
        if (entry.path !== '') entries.push(entry);
        if (entries.length > MAX_ENTRIES) throw new DataError('ERR_DATA_LIMIT', `must have at most ${MAX_ENTRIES} entries, this has more`, { file: location });
      }
      return entries;
    },
    async *read(paths, signal): AsyncGenerator<SourceFile> {
      for await (const { entry, body } of entriesOf(location, signal)) {
        if (entry.kind === 'file' && paths.has(entry.path)) yield { path: entry.path, bytes: await bytesOf(body, entry.size) };
      }
    },
  };
}

/** The entries in order. A body that nobody has read is passed over. */
async function* entriesOf(location: string, signal?: AbortSignal): AsyncGenerator<{ entry: SourceEntry; body: ReadableStream<Uint8Array> }> {
  const plain = await plainStream(location, signal);
  try {
    const reader = (Readable.toWeb(plain) as ReadableStream<Uint8Array>).pipeThrough(createTarDecoder({ strict: true })).getReader();
    let found = false;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      signal?.throwIfAborted();
      found = true;
      const { header, body } = next.value;
      const kind = header.type === undefined || header.type === 'file' ? 'file' : header.type === 'directory' ? 'directory' : 'other';
      yield { entry: { path: containedPath(header.name, location), kind, size: kind === 'file' ? header.size : 0 }, body };
      // The archive is one stream: what is not read has to be passed over.
      if (!body.locked) await body.cancel();
    }
    if (!found) throw new DataError('ERR_DATA_COUNT', 'holds no entries', { file: location });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DataError) throw error;
    throw new DataError('ERR_DATA_FORMAT', `is no tar archive, or damaged or cut off (${reasonOf(error)})`, { file: location, cause: error });
  } finally {
    plain.destroy();
  }
}

async function plainStream(location: string, signal?: AbortSignal): Promise<NodeReadable> {
  const head = new Uint8Array(64);
  const file = await open(location, 'r').catch((error: unknown) => {
    throw new DataError('ERR_DATA_READ', `cannot be read (${reasonOf(error)})`, { file: location, cause: error });
  });
  const { bytesRead } = await file.read(head, 0, head.length, 0).finally(() => file.close());
  if (bytesRead === 0) throw new DataError('ERR_DATA_FORMAT', 'must be a tar archive, this file is empty', { file: location });
  const packed = createReadStream(location, { ...(signal === undefined ? {} : { signal }) });
  if (isGzip(head)) return pipeline(packed, createGunzip(), () => undefined);
  const foreign = recognizeFormat(head.subarray(0, bytesRead));
  if (foreign === undefined) return packed;
  packed.destroy();
  throw new DataError('ERR_DATA_FORMAT', `must be a folder or a tar archive (plain or gzipped), this is ${foreign}`, { file: location });
}

/** The path without `./` and a last `/`. */
function containedPath(name: string, location: string): string {
  const parts = name.normalize('NFC').split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || /^[a-z]:/i.test(name) || name.includes('\\') || name.includes('\0') || parts.includes('..')) {
    throw new DataError('ERR_DATA_FORMAT', `entry ${JSON.stringify(printable(name))} leads out of the archive; nothing of it is used`, { file: location });
  }
  return parts.join('/');
}

async function bytesOf(body: ReadableStream<Uint8Array>, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  const reader = body.getReader();
  for (let at = 0; ;) {
    const { done, value } = await reader.read();
    if (!done) {
      bytes.set(value, at);
      at += value.length;
    } else if (at === size) return bytes;
    else throw new RangeError(`${at} of ${size} bytes are there`);
  }
}
