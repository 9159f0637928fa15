import * as nodeFs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile } from '@convkit/data/node';
import { recordId } from './identity.js';
import { parseRecord, type RecordDraft, type ResultRecord } from './schema.js';

/** The file system calls that writing needs; tests make them fail one by one. */
export type RecordFileSystem = Pick<typeof nodeFs, 'mkdir' | 'open' | 'readdir' | 'rename' | 'unlink'>;

/** Where a record went. */
export interface WrittenRecord {
  readonly record: ResultRecord;
  readonly file: string;
}

const TEMPORARY = /^\..+\.(\d+)-[0-9a-f]+\.tmp$/;

/**
 * Adds one record below `folder`, never touching another: `<YYYY-MM-DD>/<kind>-<variant>-<engine>-<id8>.json`.
 * The file appears whole or not at all. Throws when the draft is no valid record, naming the first fault.
 */
export async function writeRecord(
  folder: string,
  draft: RecordDraft,
  fs: RecordFileSystem = nodeFs,
): Promise<WrittenRecord> {
  // Through JSON first, so that what is hashed and checked is exactly what a reader will see.
  const plain = JSON.parse(JSON.stringify(draft)) as RecordDraft;
  const parsed = parseRecord({ ...plain, id: recordId(plain) });
  if (!parsed.ok) {
    const [first] = parsed.problems;
    throw new TypeError(`writeRecord: ${first?.path ?? 'record'}: ${first?.message ?? 'invalid'}`);
  }
  const { record } = parsed;
  const file = join(folder, record.created.slice(0, 10), recordFileName(record));
  await fs.mkdir(dirname(file), { recursive: true });
  await replaceFile(file, `${JSON.stringify(record, undefined, 1)}\n`, fs);
  return { record, file };
}

/** `<kind>-<variant>-<engine>-<id8>.json`; a cost has no engine. */
function recordFileName(record: ResultRecord): string {
  const engine = record.speed?.engine ?? record.accuracy?.engine;
  const parts = [record.kind, record.subject.variant, ...(engine === undefined ? [] : [engine]), record.id.slice(0, 8)];
  return `${parts.map((part) => part.replace(/[^\w.+]/g, '_').slice(0, 80)).join('-')}.json`;
}

/** Removes the temporary files that a killed process left below `folder`. Returns how many there were. */
export async function sweepTemporaries(folder: string, fs: RecordFileSystem = nodeFs): Promise<number> {
  let removed = 0;
  for (const day of await namesIn(folder, fs)) {
    for (const name of await namesIn(join(folder, day), fs)) {
      const pid = TEMPORARY.exec(name)?.[1];
      if (pid === undefined || isAlive(Number(pid))) continue;
      await fs.unlink(join(folder, day, name)).catch(ignoreMissing);
      removed++;
    }
  }
  return removed;
}

async function namesIn(folder: string, fs: RecordFileSystem): Promise<string[]> {
  return fs.readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ignoreMissing(): void {
  // Already gone, or not ours to remove: the caller reports the first error, not this one.
}
