import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { takeTurns } from './turns.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'convkit-turns-'));
afterAll(() => rmSync(folder, { recursive: true }));
const log = path.join(folder, 'log');

/** A process that says it is ready, notes every turn in a file, and answers with as many times as it was asked for. */
const peer = (name: string, ms: number): [string, string[]] => [process.execPath, ['-e', `
  console.log('a line that is no answer'); console.log(JSON.stringify({ ready: {} }));
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    require('node:fs').appendFileSync(${JSON.stringify(log)}, '${name}' + line);
    console.log(JSON.stringify({ ms: Array.from({ length: Number(line) }, (_, i) => ${ms} + i) }));
  });`]];

it('two processes take turns A B B A, and every pair has the medians of both', async () => {
  const pairs = await takeTurns(peer('a', 1), peer('b', 10), { rounds: 2, steps: 3 });
  expect(pairs).toEqual(Array.from({ length: 4 }, () => ({ ours: 2, other: 11 })));
  expect(readFileSync(log, 'utf8')).toBe('a3b3b3a3a3b3b3a3');
});

it('says why a process ended, or that there is none', async () => {
  const broken: [string, string[]] = [process.execPath, ['-e', 'throw new RangeError("too wide")']];
  await expect(takeTurns(peer('a', 1), broken, { rounds: 1, steps: 1 })).rejects.toThrow('it ended with 1: RangeError: too wide');
  await expect(takeTurns(peer('a', 1), [path.join(folder, 'nothing'), []], { rounds: 1, steps: 1 })).rejects.toThrow('ENOENT');
});
