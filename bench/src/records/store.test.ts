import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readResults } from './read.js';
import { sampleCost, sampleSpeed } from './sample-record.js';
import { sweepTemporaries, writeRecord, type RecordFileSystem } from './write.js';

let folder: string;
beforeEach(async () => { folder = await fs.mkdtemp(join(tmpdir(), 'convkit-results-')); });
afterEach(() => fs.rm(folder, { recursive: true, force: true }));

const day = () => join(folder, '2026-01-02');

describe('writing a record', () => {
  it('puts it under its day, kind, variant and engine, and reads back equal', async () => {
    const { file, record } = await writeRecord(folder, sampleSpeed());
    expect(file).toBe(join(day(), `speed-resnet18-wasm-${record.id.slice(0, 8)}.json`));
    expect(await readResults(folder)).toEqual({ records: [record], warnings: [] });
  });

  it('keeps every record when many are written at once', async () => {
    const drafts = Array.from({ length: 40 }, (_, i) => ({ ...sampleCost(), notes: [`run-${i}`] }));
    await Promise.all(drafts.map((draft) => writeRecord(folder, draft)));
    expect((await readResults(folder)).records).toHaveLength(40);
  });

  it('refuses a draft that is no valid record and leaves nothing behind', async () => {
    const draft = sampleCost();
    draft.cost!.macs = Number.NaN;
    await expect(writeRecord(folder, draft)).rejects.toThrow('writeRecord: cost.macs');
    expect(await fs.readdir(folder)).toEqual([]);
  });

  it('keeps earlier records and leaves no temporary file when any call fails', async () => {
    const { record } = await writeRecord(folder, sampleCost());
    for (const code of ['ENOSPC', 'EIO', 'EACCES']) {
      for (let failing = 1; ; failing++) {
        const faulty = failAtCall(failing, code);
        const outcome = await writeRecord(folder, sampleSpeed(), faulty.fs).then(() => 'written', (error: NodeJS.ErrnoException) => error.code);
        if (!faulty.reached()) break;
        expect(outcome).toBe(code);
        const names = await fs.readdir(day());
        expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
        expect((await readResults(folder)).records).toContainEqual(record);
        for (const name of names) if (name.startsWith('speed')) await fs.unlink(join(day(), name));
      }
      await fs.rm(day(), { recursive: true });
      await writeRecord(folder, sampleCost());
    }
  });

  it('sweeps the temporary files of dead processes only', async () => {
    await fs.mkdir(day());
    const dead = await pidOfAnEndedProcess();
    await fs.writeFile(join(day(), `.cost-a-b.json.${dead}-00ff.tmp`), '{');
    await fs.writeFile(join(day(), `.cost-a-b.json.${process.pid}-00ff.tmp`), '{');
    expect(await sweepTemporaries(folder)).toBe(1);
    expect(await fs.readdir(day())).toEqual([`.cost-a-b.json.${process.pid}-00ff.tmp`]);
  });
});

describe('reading results', () => {
  it('finds nothing in a folder that does not exist', async () => {
    expect(await readResults(join(folder, 'none'))).toEqual({ records: [], warnings: [] });
  });

  it.each([
    ['a torn file', (text: string) => text.slice(0, -40), 'not JSON'],
    ['an empty file', () => '', 'not JSON'],
    ['two objects in one file', (text: string) => text + text, 'not JSON'],
    ['binary rubbish', () => '\u0000\u0001\u0002', 'not JSON'],
    ['null', () => 'null', 'Invalid type'],
    ['an edited figure', (text: string) => text.replace('"trainable": 11689512', '"trainable": 11689511'), 'does not match its id'],
    ['a newer schema', (text: string) => text.replace('"schema": 1', '"schema": 7'), 'schema version 7 is newer than 1'],
  ])('keeps the others and names the file and the reason for %s', async (_, spoil, reason) => {
    const { file } = await writeRecord(folder, sampleCost());
    const good = await writeRecord(folder, sampleSpeed());
    await fs.writeFile(file, spoil(await fs.readFile(file, 'utf8')));
    const { records, warnings } = await readResults(folder);
    expect(records).toEqual([good.record]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.file).toMatch(/^2026-01-02.cost-resnet18-/);
    expect(warnings[0]!.reason).toContain(reason);
  });

  it('accepts a byte order mark and CRLF', async () => {
    const { file, record } = await writeRecord(folder, sampleCost());
    const text = await fs.readFile(file, 'utf8');
    await fs.writeFile(file, `\uFEFF${text.replaceAll('\n', '\r\n')}`);
    expect((await readResults(folder)).records).toEqual([record]);
  });

  it('counts a copied record once and says so', async () => {
    const { file, record } = await writeRecord(folder, sampleCost());
    await fs.copyFile(file, join(folder, 'copy.json'));
    const { records, warnings } = await readResults(folder);
    expect(records).toEqual([record]);
    expect(warnings[0]!.reason).toContain('counted once');
  });
});

/** A file system whose n-th call fails; `reached` tells whether there was such a call. */
function failAtCall(failing: number, code: string): { fs: RecordFileSystem; reached(): boolean } {
  let calls = 0;
  const step = () => {
    if (++calls === failing) throw Object.assign(new Error(`${code}: injected`), { code });
  };
  const wrapHandle = (handle: fs.FileHandle): fs.FileHandle =>
    new Proxy(handle, {
      get(target, key) {
        if (key === 'writeFile' || key === 'sync') return async (data: string) => { step(); return target[key](data as never); };
        // A failing close still closes, as in the kernel.
        if (key === 'close') return async () => { await target.close(); step(); };
        return Reflect.get(target, key);
      },
    });
  return {
    reached: () => calls >= failing,
    fs: {
      mkdir: (async (...args: Parameters<typeof fs.mkdir>) => { step(); return fs.mkdir(...args); }) as typeof fs.mkdir,
      open: async (...args) => { step(); return wrapHandle(await fs.open(...args)); },
      rename: async (...args) => { step(); return fs.rename(...args); },
      readdir: fs.readdir,
      unlink: fs.unlink,
    },
  };
}

async function pidOfAnEndedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  return child.pid!;
}
