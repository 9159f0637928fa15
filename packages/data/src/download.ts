import { createHash, randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, mkdir, open, readdir, rename, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, reasonOf } from './data-error.js';

/** How far a download is. `total` is missing where the server does not say. */
export interface DownloadProgress {
  readonly file: string;
  readonly url: string;
  readonly received: number;
  readonly total?: number;
}

export interface DownloadOptions {
  /** Addresses of the same file, tried in order. */
  readonly urls: readonly string[];
  /** Where the file goes; `<target>.part` until it is complete and checked. */
  readonly target: string;
  /** More bytes than this are not read. */
  readonly maxBytes: number;
  /** Whether these, the first 64 bytes or fewer, can be the file's: a piece that starts otherwise is not gone on with. */
  readonly startsRight: (head: Uint8Array) => boolean;
  /** Accepts the complete file at this path or throws. */
  readonly verify: (path: string) => Promise<void>;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest time without a byte, in ms. */
  readonly stallTimeoutMs: number;
  /** Longest time for one address, in ms. */
  readonly timeoutMs: number;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Fetches a file so that `target` either does not change or holds verified content. What arrived before a failure stays in
 * `<target>.part`; the next attempt goes on from there (HTTP range) and starts over when the result is wrong. Several processes
 * may fetch the same target: each works on a part file of its own.
 * @throws DataError ERR_DATA_DOWNLOAD that lists what happened at every address; the reason of `signal` when that was aborted.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { target, signal } = options;
  await mkdir(dirname(target), { recursive: true });
  await access(dirname(target), constants.W_OK);
  const part = await takePart(target);
  try {
    const failures = await tryAddresses(part, options);
    if (failures.length > 0) throw new DataError('ERR_DATA_DOWNLOAD', `could not be downloaded: ${failures.join('; ')}`, { file: target });
    await rename(part, target);
  } catch (error) {
    // Nothing may have arrived at all.
    await rename(part, `${target}.part`).catch(() => undefined);
    signal?.throwIfAborted();
    throw error;
  }
}

/** @returns nothing once the part file is complete and right, else what happened. */
async function tryAddresses(part: string, options: DownloadOptions): Promise<string[]> {
  const failures: string[] = [];
  for (const url of options.urls) {
    for (const resume of [true, false]) {
      try {
        const got = await fetchPart(url, part, resume, options);
        if (got === 'cannot resume') continue;
        const wrong = await checkPart(url, part, options);
        if (!wrong) return [];
        failures.push(wrong);
        // A wrong result that was pieced together says nothing about the server: once more from the start.
        if (got === 'whole') break;
      } catch (error) {
        options.signal?.throwIfAborted();
        failures.push(`${url}: ${reasonOf(error)}`);
        break;
      }
    }
  }
  return failures;
}

/**
 * A name for this attempt's part file, with what earlier attempts left moved to it: renaming is atomic, so two processes never
 * get the same piece. A process that was killed could not move its piece back; its number in the name tells that it is gone.
 */
async function takePart(target: string): Promise<string> {
  const own = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.part`;
  const names = await readdir(dirname(target));
  const orphans = names.filter((name) => {
    const owner = name.startsWith(`${basename(target)}.`) ? /\.(\d+)-[0-9a-f]{8}\.part$/.exec(name)?.[1] : undefined;
    return owner !== undefined && !isRunning(Number(owner));
  });
  for (const name of [...orphans, `${basename(target)}.part`]) await rename(join(dirname(target), name), own).catch(() => undefined);
  return own;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

type Fetched = 'whole' | 'resumed' | 'cannot resume';

/** Appends to the part file, or writes it anew where the server or `resume` says so. */
async function fetchPart(url: string, path: string, resume: boolean, options: DownloadOptions): Promise<Fetched> {
  const { target, maxBytes, startsRight, stallTimeoutMs, timeoutMs, onProgress, signal } = options;
  const limits = new AbortController();
  const late = (what: string) => () => limits.abort(new Error(`time limit: ${what}`));
  const overall = setTimeout(late(`not complete after ${timeoutMs} ms`), timeoutMs);
  const stall = setTimeout(late(`no data for ${stallTimeoutMs} ms`), stallTimeoutMs);
  let part: FileHandle | undefined;
  let received = 0;
  try {
    const kept = resume ? await resumableBytes(path, startsRight) : 0;
    // identity: a server that packs on the way would turn the .gz file into something else.
    const headers = { ...options.headers, 'accept-encoding': 'identity', ...(kept > 0 && { range: `bytes=${kept}-` }) };
    const response = await fetch(url, { headers, signal: signal ? AbortSignal.any([signal, limits.signal]) : limits.signal });
    const goesOn = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${kept}-`) === true;
    // 416: the part file is no shorter than the whole, so it cannot be a part of it.
    if (response.status === 416 && kept > 0) return 'cannot resume';
    if (!goesOn && response.status !== 200) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
    if (!response.body) throw new Error('the server sent no body');
    received = goesOn ? kept : 0;
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const total = Number.isSafeInteger(length) && length > 0 ? received + length : undefined;
    part = await open(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o644);
    if (!goesOn) await part.truncate(0);
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      stall.refresh();
      if (received + value.length > maxBytes) throw new Error(`the server sends more than the ${maxBytes} bytes that the file can have`);
      for (let at = 0; at < value.length;) at += (await part.write(value, at, value.length - at, received + at)).bytesWritten;
      received += value.length;
      onProgress?.({ file: target, url, received, ...(total !== undefined && { total }) });
    }
    await part.sync();
    return goesOn ? 'resumed' : 'whole';
  } catch (error) {
    const reason = reasonOf(limits.signal.aborted ? limits.signal.reason : error);
    throw new Error(received > 0 ? `${reason} (${received} bytes kept in ${target}.part)` : reason);
  } finally {
    clearTimeout(overall);
    clearTimeout(stall);
    // Ends a connection that is still open; does nothing to a complete one.
    limits.abort();
    await part?.close();
  }
}

/** @returns what is wrong with a complete part file, if anything. */
async function checkPart(url: string, path: string, { target, verify }: DownloadOptions): Promise<string | undefined> {
  try {
    await verify(path);
    return undefined;
  } catch (error) {
    return `${url}: wrong content, ${(await stat(path)).size} bytes with SHA-256 ${await fileSha256(path)}: ${reasonOf(error)} (kept in ${target}.part, not used)`;
  }
}

/** SHA-256 of a file in hexadecimal, whatever its size. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Length of a part file worth going on with. */
async function resumableBytes(path: string, startsRight: DownloadOptions['startsRight']): Promise<number> {
  const part = await open(path, 'r').catch(() => undefined);
  if (!part) return 0;
  try {
    const head = new Uint8Array(64);
    const { bytesRead } = await part.read(head, 0, head.length, 0);
    return startsRight(head.subarray(0, bytesRead)) ? (await part.stat()).size : 0;
  } finally {
    await part.close();
  }
}
