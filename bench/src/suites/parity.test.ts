import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fixtureStream } from '@convkit/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runParity } from './parity.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'convkit parity '));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const shape = [1, 2, 3, 4];
const stream = (name: string) => ({ shape, data: [...fixtureStream(name, shape)] });
/** A shuffle in one group moves nothing: the output is the input, the gradient the cotangent. */
const identity = { name: 'still', op: 'channel_shuffle', attrs: { groups: 1 }, inputs: { x: { shape } }, outputs: { y: stream('still.x') }, grads: { x: stream('still.cotangent') } };

async function compare(cases: object[], options: { without?: string[]; json?: boolean } = {}) {
  const file = path.join(folder, 'ops.json');
  await writeFile(file, JSON.stringify({ format: 'parity-ops/1', computed: 'by hand', cases }));
  return runParity([file], { json: options.json === true, without: options.without ?? [] });
}

it('prints a row for each operator case, its output and gradients compared', async () => {
  const { text, exitCode } = await compare([identity]);
  expect(text).toMatch(/^ok   still: 2 comparisons, largest relative error 0\.00e\+0 \(y\)\n1 of 1 within tolerance$/);
  expect(exitCode).toBe(0);
});

it.each([
  ['an output', { outputs: { y: stream('moved.x') } }, 'y'],
  ['a gradient', { grads: { x: stream('moved.cotangent') } }, 'd x'],
  ['a shape', { outputs: { y: { shape: [1, 2, 4, 3], data: stream('still.x').data } }, grads: {} }, 'y'],
])('fails on %s that differs', async (_, change, name) => {
  const { text, exitCode } = await compare([identity, { ...identity, ...change }]);
  expect(text).toMatch(new RegExp(`FAIL still: .*nearest its limit: ${name} `));
  expect(text).toContain('1 of 2 within tolerance');
  expect(exitCode).toBe(1);
});

it('names an operator that is not there, and fails unless it was listed', async () => {
  const cases = [identity, { ...identity, name: 'fold_a', op: 'fold' }, { ...identity, name: 'fold_b', op: 'fold' }];
  const { text, exitCode } = await compare(cases);
  expect(text).toContain('FAIL fold is not covered (fold_a, fold_b)\n1 of 1 within tolerance; 2 not covered: fold');
  expect(exitCode).toBe(1);

  const listed = await compare(cases, { without: ['fold'] });
  expect(listed.text).toContain('none fold is not covered');
  expect(listed.exitCode).toBe(0);
});

it('is one JSON value on request', async () => {
  const { text } = await compare([identity, { ...identity, name: 'fold_a', op: 'fold' }], { json: true });
  expect(JSON.parse(text)).toMatchObject({
    results: [{ file: 'ops.json', model: 'still', format: 'parity-ops/1', passed: true, checks: 2 }],
    notCovered: [{ operator: 'fold', cases: ['fold_a'], expected: false }],
  });
});
