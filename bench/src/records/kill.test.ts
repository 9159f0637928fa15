import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readResults } from './read.js';
import { sweepTemporaries } from './write.js';

const LOADER = new URL('../../../testing/src/typescript-loader.mjs', import.meta.url).href;

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'convkit-kill-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

it('a writer that is killed leaves whole records only, and nothing after the sweep', async () => {
  const trials = 2;
  for (let trial = 0; trial < trials; trial++) {
    const child = spawn(process.execPath, ['--conditions=@convkit/source', '--import', LOADER, '--input-type=module', '--eval', writer(trial)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, 30 + 60 * trial));
    child.kill('SIGKILL');
    await closed;
  }
  const { records, warnings } = await readResults(folder);
  expect(warnings).toEqual([]);
  expect(records.length).toBeGreaterThan(trials);
  await sweepTemporaries(folder);
  expect(await sweepTemporaries(folder)).toBe(0);
});

/** Writes records until it is stopped; says when it has begun. */
function writer(trial: number): string {
  const at = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  return `
    const { writeRecord } = await import(${at('./write.ts')});
    const { sampleSpeed } = await import(${at('./sample-record.ts')});
    for (let i = 0; ; i++) {
      await writeRecord(${JSON.stringify(folder)}, { ...sampleSpeed(), notes: ['trial-${trial}-' + i] });
      if (i === 0) console.log('begun');
    }`;
}
