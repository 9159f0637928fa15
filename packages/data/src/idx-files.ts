import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastSha256Hex } from './content-hash.js';
import { DataError, reasonOf } from './data-error.js';
import type { ImageDataset } from './dataset.js';
import { download, type DownloadProgress } from './download.js';
import { assembleIdxDataset, type IdxDatasetSpec, type IdxFile, type IdxPart } from './fashion-mnist.js';
import { foreignFormat } from './foreign-format.js';
import { isGzip } from './gunzip.js';
import { unpackIdx } from './idx.js';

/** The places to look at, in the order of the fields, and how to download when none of them has the data. */
export interface IdxPlaces {
  /** A folder the user named; what it holds is used or refused, never passed over in silence. */
  readonly directory?: string;
  /** This program's own folder: downloads go here, damaged files are fetched again. */
  readonly cacheDirectory: string;
  /** Folders of the operating system. */
  readonly systemDirectories: readonly string[];
  readonly download: boolean;
  readonly stallTimeoutMs: number;
  readonly timeoutMs: number;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
}

type Files = Record<IdxPart, Uint8Array>;
type Loaded = ImageDataset & { note?: string };

/**
 * Loads a set of the MNIST family from the first place that has it.
 * @throws DataError what is wrong with the files of `directory`; ERR_DATA_NOT_FOUND that lists every place and why not.
 */
export async function loadIdxDataset(spec: IdxDatasetSpec, places: IdxPlaces): Promise<Loaded> {
  const { directory, cacheDirectory, systemDirectories, signal } = places;
  const reasons: string[] = [];
  const from = async (folder: string, unknown: 'refuse' | 'warn'): Promise<Loaded | undefined> => {
    signal?.throwIfAborted();
    const found = await findFiles(spec, folder);
    if (Array.isArray(found)) {
      reasons.push(`${folder} has ${found.length === spec.files.length ? 'none of the files' : `no ${found.join(', ')}`}`);
      return undefined;
    }
    return assembleIdxDataset(spec, found, { source: folder, unknown });
  };
  const cached = join(cacheDirectory, spec.name);
  const warnings: string[] = [];
  if (directory !== undefined) {
    const loaded = await from(directory, 'warn').catch((error: unknown) => {
      throw error instanceof DataError ? new DataError(error.code, error.message, { file: directory, cause: error }) : error;
    });
    if (loaded) return loaded;
  }
  for (const folder of [cached, ...systemDirectories]) {
    try {
      const loaded = await from(folder, 'refuse');
      if (loaded) return noted(loaded, warnings);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      reasons.push(`${folder} is damaged: ${error.message}`);
      if (folder === cached) await discardDamaged(spec, folder);
      warnings.push(`${folder} was ${folder === cached ? 'damaged and cleared' : 'passed over'}: ${error.message}`);
    }
  }
  if (places.download) {
    const loaded = await fetchFiles(spec, cached, places, reasons, warnings);
    if (loaded) return noted(loaded, warnings);
  } else reasons.push('downloading is switched off');
  throw new DataError('ERR_DATA_NOT_FOUND', `${spec.name} is in none of the places looked at:\n  ${reasons.join('\n  ')}`);
}

async function fetchFiles(spec: IdxDatasetSpec, cached: string, places: IdxPlaces, reasons: string[], warnings: string[]): Promise<Loaded | undefined> {
  // A home folder may be read-only; content is checked whenever it is read, so a temporary folder is as good.
  for (const folder of [cached, join(tmpdir(), 'convkit-datasets', spec.name)]) {
    try {
      for (const file of spec.files) await fetchFile(spec, file, folder, places);
      const found = await findFiles(spec, folder);
      if (Array.isArray(found)) throw new DataError('ERR_DATA_NOT_FOUND', `${folder} lost ${found.join(', ')}`);
      return await assembleIdxDataset(spec, found, { source: folder });
    } catch (error) {
      places.signal?.throwIfAborted();
      reasons.push(reasonOf(error));
      // Only a folder that cannot be written to is worth another folder.
      if (!['EACCES', 'EROFS', 'EPERM', 'ENOTDIR', 'EEXIST'].includes(errorCode(error))) return undefined;
      warnings.push(`downloads cannot be kept in ${folder}: ${reasonOf(error)}`);
    }
  }
  return undefined;
}

async function fetchFile(spec: IdxDatasetSpec, file: IdxFile, folder: string, { stallTimeoutMs, timeoutMs, onProgress, signal }: IdxPlaces): Promise<void> {
  const target = join(folder, `${file.name}.gz`);
  if (await isRight(file, await readIfThere(target))) return;
  const urls = spec.mirrors.map((mirror) => `${mirror}${file.name}.gz`);
  // Packed content is never longer than plain content plus gzip's own few bytes.
  const maxBytes = file.bytes + 65_536;
  const verify = async (path: string) => {
    const bytes = await readFile(path);
    if (!isGzip(bytes)) throw new DataError('ERR_DATA_FORMAT', `must be gzip data; ${foreignFormat(bytes)}`);
    await verifyContent(file, bytes);
  };
  await download({ urls, target, maxBytes, startsRight: isGzip, verify, stallTimeoutMs, timeoutMs, onProgress, signal });
}

async function verifyContent(file: IdxFile, bytes: Uint8Array): Promise<void> {
  const content = await unpackIdx(bytes, { file: file.name, maxBytes: file.bytes });
  const sha256 = await fastSha256Hex(content);
  if (sha256 === file.sha256) return;
  throw new DataError('ERR_DATA_CHECKSUM', `unpacked SHA-256 must be ${file.sha256} (${file.bytes} bytes), got ${sha256} (${content.length} bytes)`);
}

async function isRight(file: IdxFile, bytes: Uint8Array | undefined): Promise<boolean> {
  return bytes !== undefined && verifyContent(file, bytes).then(() => true, () => false);
}

/** Removes what is wrong from the cache, which holds nothing that cannot be had again. */
async function discardDamaged(spec: IdxDatasetSpec, folder: string): Promise<void> {
  for (const file of spec.files) {
    for (const path of candidates(spec, file, folder)) {
      const bytes = await readIfThere(path).catch(() => undefined);
      if (bytes && !(await isRight(file, bytes))) await rm(path, { force: true }).catch(() => undefined);
    }
  }
}

/** The four files in a folder, or in one below it that is named after the set; gzipped or plain. Otherwise the names that are missing. */
async function findFiles(spec: IdxDatasetSpec, folder: string): Promise<Files | string[]> {
  const missing: string[] = [];
  const files: Partial<Files> = {};
  for (const file of spec.files) {
    for (const path of candidates(spec, file, folder)) files[file.part] ??= await readIfThere(path);
    if (!files[file.part]) missing.push(`${file.name}.gz`);
  }
  const { trainImages, trainLabels, testImages, testLabels } = files;
  return trainImages && trainLabels && testImages && testLabels ? { trainImages, trainLabels, testImages, testLabels } : missing;
}

function candidates(spec: IdxDatasetSpec, { name }: IdxFile, folder: string): string[] {
  return [join(folder, `${name}.gz`), join(folder, name), join(folder, spec.name, `${name}.gz`), join(folder, spec.name, name)];
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new DataError('ERR_DATA_READ', `cannot be read (${reasonOf(error)})`, { file: path, cause: error });
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function noted(loaded: Loaded, warnings: readonly string[]): Loaded {
  const notes = [...warnings, ...(loaded.note ? [loaded.note] : [])];
  return notes.length > 0 ? { ...loaded, note: notes.join('\n') } : loaded;
}
