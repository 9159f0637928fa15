import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../jobs.js';
import type { ProgressEvent } from '../progress/protocol.js';
import { childRunner } from './child.js';

// A stand-in for the worker: the job's fields say what it does.
const FAKE_WORKER = `
process.once('message', async ({ job }) => {
  const send = (message) => new Promise((resolve) => process.send(message, undefined, undefined, resolve));
  await send({ type: 'event', event: { type: 'note', line: 'begun' } });
  console.error('last words of the child');
  if (job.does === 'answer') await send({ type: 'result', result: { doubled: 2 * job.value } });
  if (job.does === 'throw') await send({ type: 'error', message: 'no such layer', exitCode: 2 });
  if (job.does === 'exit') process.exit(7);
  if (job.does === 'kill') process.kill(process.pid, 'SIGSEGV');
  if (job.does === 'heap') { console.error('FATAL ERROR: JavaScript heap out of memory'); process.exit(134); }
  if (job.does === 'array') await send({ type: 'error', message: 'Array buffer allocation failed', exitCode: 1 });
  if (job.does === 'hang') setInterval(() => {}, 1000);
  else process.disconnect();
});
`;

let folder: string;
let entry: URL;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convkit-child-'));
  await writeFile(join(folder, 'worker.mjs'), FAKE_WORKER);
  entry = pathToFileURL(join(folder, 'worker.mjs'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(does: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}) {
  const events: ProgressEvent[] = [];
  const outcome = await childRunner(entry)({ does, value: 21 } as unknown as Job, {
    onEvent: (event) => events.push(event),
    signal: options.signal ?? new AbortController().signal,
    timeoutMs: options.timeoutMs ?? 20_000,
  });
  return { outcome, events };
}

describe('a job in a child process', () => {
  it('gives its events and its result', async () => {
    const { outcome, events } = await run('answer');
    expect(outcome).toEqual({ status: 'ok', result: { doubled: 42 } });
    expect(events).toEqual([{ type: 'note', line: 'begun' }]);
  });

  it.each([
    ['throw', 'failed', { message: 'no such layer', exitCode: 2 }],
    ['exit', 'crashed', { message: 'the measuring process ended without a result (exit code 7)', exitCode: 7 }],
    ['kill', 'crashed', { message: 'the measuring process ended without a result (signal SIGSEGV)', signal: 'SIGSEGV' }],
    ['heap', 'out of memory', { exitCode: 134 }],
    ['array', 'out of memory', { message: 'Array buffer allocation failed' }],
  ])('that does %s ends as %s, with its last lines', async (does, status, failure) => {
    const { outcome } = await run(does);
    expect(outcome).toMatchObject({ status, failure });
    expect(JSON.stringify(outcome)).toContain('last words of the child');
  });

  it('that never ends is stopped at the time limit', async () => {
    const { outcome } = await run('hang', { timeoutMs: 300 });
    expect(outcome).toMatchObject({ status: 'timeout', failure: { message: 'no result within 0.3 s' } });
  });

  it('is stopped at once when the parent is interrupted', async () => {
    const controller = new AbortController();
    const started = performance.now();
    setTimeout(() => controller.abort('SIGINT'), 200);
    const { outcome } = await run('hang', { signal: controller.signal });
    expect(outcome).toMatchObject({ status: 'interrupted', failure: { message: 'interrupted by SIGINT' } });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('does not start after an interruption', async () => {
    const { outcome, events } = await run('answer', { signal: AbortSignal.abort('SIGTERM') });
    expect(outcome.status).toBe('interrupted');
    expect(events).toEqual([]);
  });
});
