import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { reasonOf } from '@convkit/data';
import { repeatedKey } from './repeated-key.js';
import { quoted, SafetensorsError } from './safetensors-error.js';
import { MAX_HEADER_BYTES } from './safetensors-header.js';
import { openSource, type SafetensorsFile, type SafetensorsTensor } from './safetensors.js';

/** A safetensors file on disk. Tensors are read when their values are asked for, one at a time. */
export interface SafetensorsOnDisk extends SafetensorsFile {
  /** Gives the file back; tensors cannot be read any more. */
  close(): void;
}

/** One call of read(2) moves less than 2 GiB. */
const READ_BYTES = 2 ** 30;

/**
 * Opens a safetensors file, or the shards of a `.safetensors.index.json` (which must lie beside it). The headers are checked
 * completely; memory is needed for one tensor at a time.
 * @throws SafetensorsError; reading a tensor throws ERR_WEIGHTS_CHANGED when the file is no longer the one that was opened.
 */
export function openSafetensors(path: string): SafetensorsOnDisk {
  return path.endsWith('.index.json') ? openShards(path) : openOne(path);
}

function openOne(file: string): SafetensorsOnDisk {
  const descriptor = openRegular(file);
  try {
    const opened = fstatSync(descriptor);
    const read = (begin: number, end: number): Uint8Array => {
      const now = fstatSync(descriptor);
      const changed = () => new SafetensorsError('ERR_WEIGHTS_CHANGED', `changed while it was read: it had ${opened.size} bytes and has ${now.size}`, { file });
      if (now.size !== opened.size || now.mtimeMs !== opened.mtimeMs) throw changed();
      const bytes = allocate(end - begin, file);
      for (let at = 0; at < bytes.length;) {
        const got = readSync(descriptor, bytes, at, Math.min(READ_BYTES, bytes.length - at), begin + at);
        if (got === 0) throw changed();
        at += got;
      }
      return bytes;
    };
    return { ...openSource({ file, size: opened.size, read }), close: () => closeSync(descriptor) };
  } catch (error) {
    closeSync(descriptor);
    throw error instanceof SafetensorsError ? error : unreadable(file, error);
  }
}

function openRegular(file: string): number {
  try {
    // Before it is opened: opening a pipe waits for its other end.
    const found = statSync(file);
    if (!found.isFile()) throw new SafetensorsError('ERR_WEIGHTS_FORMAT', `must be a safetensors file; this is ${found.isDirectory() ? 'a folder' : 'a pipe or a device'}`, { file });
    return openSync(file, 'r');
  } catch (error) {
    throw error instanceof SafetensorsError ? error : unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): SafetensorsError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return new SafetensorsError('ERR_WEIGHTS_READ', `cannot be read: ${code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : reasonOf(cause)}`, { file, cause });
}

function allocate(bytes: number, file: string): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new SafetensorsError('ERR_WEIGHTS_MEMORY', `a tensor needs ${bytes} bytes, which are not to be had`, { file, cause });
  }
}

/** All tensors of an index, from the shards it names. */
function openShards(index: string): SafetensorsOnDisk {
  const places = readIndex(index);
  const shards = new Map<string, SafetensorsOnDisk>();
  const close = () => {
    for (const shard of shards.values()) shard.close();
  };
  const refuse = (message: string, tensor?: string, cause?: unknown): never => {
    throw new SafetensorsError('ERR_WEIGHTS_SHARD', message, { file: index, tensor, cause });
  };
  try {
    const tensors = new Map<string, SafetensorsTensor>();
    for (const shard of new Set(places.values())) {
      try {
        shards.set(shard, openOne(join(dirname(index), shard)));
      } catch (cause) {
        if (cause instanceof SafetensorsError && cause.code === 'ERR_WEIGHTS_READ') refuse(`the shard ${quoted(shard)} ${cause.message.slice(cause.message.indexOf('cannot be read'))}`, undefined, cause);
        throw cause;
      }
    }
    for (const [shard, { tensors: inside }] of shards) {
      for (const name of inside.keys()) {
        const wanted = places.get(name);
        if (wanted === undefined) refuse(`the index does not have it, the shard ${quoted(shard)} does`, name);
        if (wanted !== shard) refuse(`is in the shard ${quoted(shard)} and, by the index, in ${quoted(wanted ?? '')}`, name);
      }
    }
    for (const [name, shard] of places) tensors.set(name, shards.get(shard)?.tensors.get(name) ?? refuse(`is not in the shard ${quoted(shard)}`, name));
    const metadata = new Map([...shards.values()].flatMap((shard) => [...shard.metadata]));
    return { metadata, tensors, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** `weight_map` of an index: tensor names and the file each is in. */
function readIndex(file: string): Map<string, string> {
  const refuse = (message: string, tensor?: string): never => {
    throw new SafetensorsError('ERR_WEIGHTS_SHARD', message, { file, tensor });
  };
  const descriptor = openRegular(file);
  let text: string;
  try {
    const { size } = fstatSync(descriptor);
    if (size > MAX_HEADER_BYTES) return refuse(`an index must have at most ${MAX_HEADER_BYTES} bytes, got ${size}`);
    text = readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    return refuse(`the index must be JSON: ${reasonOf(error)}`);
  }
  const map: unknown = typeof root === 'object' && root !== null && 'weight_map' in root ? root.weight_map : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return refuse('the index must be an object with a weight_map');
  const repeated = repeatedKey(text);
  if (repeated !== undefined) return refuse('must be there once in its object, got it twice', repeated);
  return new Map(Object.entries(map).map(([name, shard]): [string, string] => {
    if (typeof shard !== 'string' || !/^[^/\\\0]+\.safetensors$/.test(shard)) return refuse(`its shard must be a .safetensors file beside the index, got ${quoted(String(shard))}`, name);
    return [name, shard];
  }));
}
