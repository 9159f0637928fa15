import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from './main.js';

vi.mock('@convkit/data/node', async (original) => (await import('./few-shapes.js')).fewShapes(original<typeof import('@convkit/data/node')>));

async function run(argv: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await main(argv, { stdout, stderr, cwd: folder, env: {}, signal: new AbortController().signal });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

let folder: string;
let trained: { top1: number; loss: number };
const HERE = ['--data', 'shapes', '--engine', 'onnxruntime', '--threads', '1'];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convkit evaluate '));
  const train = (seed: string, size: string) => run(['train', 'vgg_tiny', ...HERE, '--train-size', size, '--validation-size', '16', '--epochs', '1', '--batch', '16', '--seed', seed, '--out', `net ${seed}`, '--json']);
  const [one, two, other] = [await train('1', '48'), await train('2', '48'), await train('3', '32')];
  expect([one.code, two.code, other.code]).toEqual([0, 0, 0]);
  trained = (JSON.parse(one.out) as { test: typeof trained }).test;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const evaluate = (...more: string[]) => run(['evaluate', 'net 1', ...HERE, '--json', ...more]);
type Report = { top1: number; top5: number; loss: number; views: number; size: number; models: string[] };
const reportOf = ({ code, out, err }: Awaited<ReturnType<typeof run>>) => {
  expect(`${code} ${err}`).toMatch(/^0 /);
  return JSON.parse(out) as Report;
};

describe('convkit evaluate', () => {
  it.each(['onnxruntime', 'wasm'])('without more says of the test set what training said of it, with %s', async (engine) => {
    const report = reportOf(await run(['evaluate', 'net 1', '--data', 'shapes', '--engine', engine, '--json']));
    expect(report).toMatchObject({ models: ['net 1'], size: 20, views: 1, top1: trained.top1 });
    expect(report.loss).toBeCloseTo(trained.loss, 4);
  });

  it('shows windows, the whole image, mirrored, at several scales', async () => {
    const report = reportOf(await evaluate('--views', 'crops,dense', '--scales', '32,36,40', '--flip', '--grid', '2', '--test-size', '10'));
    expect(report).toMatchObject({ size: 10, views: 3 * 2 * (4 + 1) });
    expect(report.loss).not.toBeCloseTo(trained.loss, 4);
  });

  it('asks several networks together', async () => {
    const report = reportOf(await run(['evaluate', 'net 1', join('net 2', 'model.json'), ...HERE, '--json']));
    expect(report).toMatchObject({ models: ['net 1', join('net 2', 'model.json')], views: 2 });
  });

  it('prints a table that fits a terminal', async () => {
    const { code, out } = await run(['evaluate', 'net 1', ...HERE]);
    expect(code).toBe(0);
    expect(out).toMatch(/top-1 +[\d.]+ %\s+top-5 +[\d.]+ %\s+loss +[\d.]+/);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it.each<[string, string[], number, string]>([
    ['a view that does not exist', ['--views', 'center'], 2, '--views must be a list of centre, dense, crops, got "center"'],
    ['a scale below the network', ['--scales', '20'], 2, 'scales must be large enough for the 32 x 32'],
    ['a model that is not there', ['nothing'], 3, 'nothing'],
    ['a file that is no model', ['a-file'], 3, 'a-file'],
    ['more images than there are', ['--test-size', '21'], 2, '--test-size must be at most 20, got 21'],
    ['networks that know other pixels', ['net 3'], 2, 'models must have been trained on the same part of the data'],
    ['a grid of nothing', ['--grid', '0'], 2, '--grid must be an integer from 1 to 64, got "0"'],
  ])('refuses %s', async (_, more, exit, reason) => {
    await writeFile(join(folder, 'a-file'), 'nothing');
    const { code, out, err } = await run(['evaluate', 'net 1', ...more, ...HERE]);
    expect(`${code} ${err}`).toContain(reason);
    expect(code).toBe(exit);
    expect(out).toBe('');
  });
});
