import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from '@convkit/data';
import { download, fileSha256, replaceFile, type DownloadProgress } from '@convkit/data/node';
import { PretrainedError } from './pretrained-error.js';
import { openSafetensors } from './safetensors-on-disk.js';
import type { FoundWeights } from './weights-source.js';

/** A file elsewhere, and where it is kept here. */
export interface Remote {
  /** Folders below the cache's, for people. */
  readonly key: readonly string[];
  /** What tells it from all others. */
  readonly unique: string;
  readonly name: string;
  /** For people. */
  readonly url: string;
  readonly sha256?: string | undefined;
  /** Asks where the file is now, and what it must be. */
  locate(): Promise<{ readonly url: string; readonly bytes?: number; readonly sha256?: string | undefined; readonly headers?: Readonly<Record<string, string>> }>;
}

export interface CacheOptions {
  readonly directory: string;
  readonly refresh: boolean;
  readonly stallTimeoutMs: number;
  readonly timeoutMs: number;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where nobody says how long a file is. */
const MAX_BYTES = 2 ** 34;
/** What a folder that cannot be written says; another folder is worth a try only then. */
const NOT_WRITABLE = ['EACCES', 'EROFS', 'EPERM', 'ENOTDIR', 'EEXIST', 'ENOENT'];

/**
 * The file from the cache, if its SHA-256 is the one that was noted when it came; else from where it is, into the cache.
 * A file appears there complete and checked, or not at all; what arrived before a failure stays as `.part` and is gone on with.
 * @throws PretrainedError ERR_WEIGHTS_DOWNLOAD that names the address and the way out.
 */
export async function cachedFile(remote: Remote, options: CacheOptions): Promise<FoundWeights> {
  const notes: string[] = [];
  const unique = createHash('sha256').update(remote.unique).digest('hex').slice(0, 12);
  const fallback = join(tmpdir(), 'convkit-weights');
  for (const directory of [options.directory, fallback]) {
    const target = join(directory, ...remote.key, unique, remote.name);
    if (!options.refresh && (await isIntact(target, remote, notes))) return { path: target, notes };
    try {
      await fetchInto(target, remote, options);
      return { path: target, notes };
    } catch (error) {
      options.signal?.throwIfAborted();
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (directory === fallback || !NOT_WRITABLE.includes(code)) throw explained(error, remote, target);
      notes.push(`downloads cannot be kept in ${directory} (${reasonOf(error)}), using ${fallback}`);
    }
  }
  throw new Error('unreachable: the last folder returns or throws');
}

const noteOf = (target: string) => `${target}.sha256`;

/** Whether the cache has the file as it came. A damaged one is removed, and said. */
async function isIntact(target: string, remote: Remote, notes: string[]): Promise<boolean> {
  if (!(await stat(target).then((found) => found.isFile(), () => false))) return false;
  const noted = await readFile(noteOf(target), 'utf8').then((text) => text.slice(0, 64), () => undefined);
  const found = await fileSha256(target).catch(() => undefined);
  if (noted !== undefined && found === noted && (remote.sha256 === undefined || remote.sha256 === found)) return true;
  notes.push(`${target} was damaged or another version, and was fetched again`);
  await rm(target, { force: true }).catch(() => undefined);
  return false;
}

async function fetchInto(target: string, remote: Remote, { stallTimeoutMs, timeoutMs, onProgress, signal }: CacheOptions): Promise<void> {
  const { url, bytes, sha256 = remote.sha256, headers } = await remote.locate();
  signal?.throwIfAborted();
  let arrived = '';
  await download({
    urls: [url], target, maxBytes: bytes ?? MAX_BYTES, stallTimeoutMs, timeoutMs, onProgress, signal, headers,
    // The header's { behind the 8 bytes of its length.
    startsRight: (head) => head[8] === 0x7b,
    verify: async (part) => {
      openSafetensors(part).close();
      arrived = await fileSha256(part);
      if (sha256 !== undefined && arrived !== sha256) throw new PretrainedError('ERR_WEIGHTS_DOWNLOAD', `SHA-256 must be ${sha256}`);
    },
  });
  // In the form of sha256sum, which can check it too.
  await replaceFile(noteOf(target), `${arrived}  ${remote.name}\n`);
}

function explained(error: unknown, { url, name }: Remote, target: string): unknown {
  if (error instanceof PretrainedError && error.code !== 'ERR_WEIGHTS_DOWNLOAD') return error;
  const reason = error instanceof PretrainedError ? error.message : `${url} could not be downloaded: ${reasonOf(error)}`;
  return new PretrainedError('ERR_WEIGHTS_DOWNLOAD', `${reason}\nWithout a network: fetch ${url} elsewhere, and give ${name} as a file (from: './${name}'). Downloads are kept in ${target}`, { cause: error });
}
