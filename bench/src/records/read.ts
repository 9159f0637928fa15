import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { recordId } from './identity.js';
import { parseRecord, type ResultRecord } from './schema.js';

/** A file that was left out, and why. `file` is relative to the folder read. */
export interface ReadWarning {
  readonly file: string;
  readonly reason: string;
}

/** Everything readable below a results folder, oldest first. */
export interface ReadResults {
  readonly records: readonly ResultRecord[];
  readonly warnings: readonly ReadWarning[];
}

const LARGEST_RECORD_BYTES = 16 * 2 ** 20;

/**
 * Reads every `*.json` below `folder`. A broken file becomes a warning and never hides the others; a record whose
 * content no longer matches its id is left out as edited; the same id twice counts once.
 * A folder that does not exist holds no results.
 */
export async function readResults(folder: string): Promise<ReadResults> {
  const records = new Map<string, ResultRecord>();
  const warnings: ReadWarning[] = [];
  for (const path of await jsonFiles(folder)) {
    const file = relative(folder, path);
    const outcome = await readRecord(path);
    if (outcome === undefined) continue;
    if (typeof outcome === 'string') warnings.push({ file, reason: outcome });
    else if (records.has(outcome.id)) warnings.push({ file, reason: `the same record as another file (id ${outcome.id.slice(0, 8)}), counted once` });
    else records.set(outcome.id, outcome);
  }
  const sorted = [...records.values()].sort((a, b) => compare(a.created, b.created) || compare(a.id, b.id));
  return { records: sorted, warnings };
}

/** The record, the reason why there is none, or undefined when the file is gone. */
async function readRecord(path: string): Promise<ResultRecord | string | undefined> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > LARGEST_RECORD_BYTES) return `${size} bytes, more than a record may have (${LARGEST_RECORD_BYTES})`;
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? undefined : message;
  }
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    return `not JSON: ${(error as Error).message}`;
  }
  const parsed = parseRecord(value);
  if (!parsed.ok) return parsed.problems.slice(0, 3).map(({ path: at, message }) => `${at}: ${message}`).join('; ');
  if (recordId(parsed.record) !== parsed.record.id) return 'its content does not match its id: edited after it was written';
  return parsed.record;
}

async function jsonFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json') && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
