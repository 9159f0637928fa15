import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { loadModel } from '@convkit/weights/node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from './main.js';

vi.mock('@convkit/data/node', async (original) => (await import('./few-shapes.js')).fewShapes(original<typeof import('@convkit/data/node')>));

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'convkit train ')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(argv: string[], options: { stopAt?: string } = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const stop = new AbortController();
  if (options.stopAt !== undefined) stderr.on('data', (text) => { if (String(text).includes(options.stopAt as string)) stop.abort('SIGINT'); });
  let err = '';
  stderr.on('data', (text) => { err += String(text); });
  const code = await main(argv, { stdout, stderr, cwd: folder, env: {}, signal: stop.signal });
  return { code, out: String(stdout.read() ?? ''), err };
}

const SMALL = ['--data', 'shapes', '--train-size', '48', '--validation-size', '16', '--batch', '16', '--threads', '1', '--augment', 'none'];
const train = (...more: string[]) => ['train', 'mobilenet_v2_tiny', ...SMALL, ...more];
const bytes = (...path: string[]) => readFile(join(folder, ...path));

describe.each(['onnxruntime', 'wasm'])('convkit train with %s', (engine) => {
  it('writes a model that loads; 3 steps and 3 more are 6 to the bit', async () => {
    const fixed = ['--schedule', 'constant', '--engine', engine];
    const through = await run(train(...fixed, '--epochs', '2', '--out', `${engine} 6`));
    expect(`${through.code} ${through.err}`).toMatch(/^0 /);
    expect(through.out).toMatch(/mobilenet_v2_tiny: [\d.]+ % of the test set after 6 steps/);
    expect(Math.max(...through.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect((await readdir(join(folder, `${engine} 6`))).sort()).toEqual(['model.json', 'state.safetensors', 'weights.bin']);
    expect((await run(train(...fixed, '--epochs', '1', '--out', `${engine} 3`))).code).toBe(0);
    const resumed = await run(['train', 'mobilenet_v2_tiny', '--engine', engine, '--threads', '1', '--resume', join(`${engine} 3`, 'state.safetensors'), '--epochs', '2', '--out', `${engine} 3+3`]);
    expect(`${resumed.code} ${resumed.err}`).toMatch(/^0 /);
    expect((await bytes(`${engine} 3+3`, 'weights.bin')).equals(await bytes(`${engine} 6`, 'weights.bin'))).toBe(true);
    expect((await bytes(`${engine} 3+3`, 'state.safetensors')).equals(await bytes(`${engine} 6`, 'state.safetensors'))).toBe(true);
    expect((await bytes(`${engine} 3`, 'weights.bin')).equals(await bytes(`${engine} 6`, 'weights.bin'))).toBe(false);
    (await loadModel(join(folder, `${engine} 6`))).dispose();
  });

  it('ends with 1 at a loss that is no number, and keeps the epoch before', async () => {
    const out = `${engine} wild`;
    expect((await run(train('--engine', engine, '--epochs', '1', '--out', out))).code).toBe(0);
    const before = await bytes(out, 'state.safetensors');
    const { code, err } = await run(['train', 'mobilenet_v2_tiny', '--engine', engine, '--resume', join(out, 'state.safetensors'), '--epochs', '2', '--schedule', 'constant', '--learning-rate', '1e30', '--out', out]);
    expect(`${code} ${err}`).toMatch(/^1 [^]*convkit: the (validation )?loss .* is (NaN|-?Infinity)/);
    expect((await bytes(out, 'state.safetensors')).equals(before)).toBe(true);
  });
});

it('an interruption writes the state in the middle of an epoch, and a run goes on from there', async () => {
  const fixed = ['--engine', 'onnxruntime', '--epochs', '2'];
  await run(train(...fixed, '--out', 'whole'));
  const { code } = await run(train(...fixed, '--out', 'halves'), { stopAt: 'started' });
  expect(code).toBe(130);
  const resumed = await run(['train', 'mobilenet_v2_tiny', '--threads', '1', '--engine', 'onnxruntime', '--resume', join('halves', 'state.safetensors'), '--out', 'halves']);
  expect(`${resumed.code} ${resumed.err}`).toMatch(/^0 /);
  expect((await bytes('halves', 'weights.bin')).equals(await bytes('whole', 'weights.bin'))).toBe(true);
});

describe('a command line that is wrong', () => {
  it.each<[string, string[], number, string]>([
    ['an optimizer that does not exist', train('--optimizer', 'sdg'), 2, '--optimizer must be one of sgd, adam, adamw, got "sdg"'],
    ['an engine that cannot train', train('--engine', 'webgl'), 2, '--engine must be one of'],
    ['a model that does not exist', ['train', 'resnet19'], 2, 'resnet19'],
    ['a state that is not there', train('--resume', 'nothing.safetensors'), 3, 'nothing.safetensors cannot be read'],
    ['a state that is none', train('--resume', 'a-file'), 3, 'a-file'],
    ['another batch than the state has', ['train', 'mobilenet_v2_tiny', '--resume', join('whole', 'state.safetensors'), '--batch', '8'], 2, '--batch must be'],
    ['a state that is done', ['train', 'mobilenet_v2_tiny', '--resume', join('whole', 'state.safetensors')], 2, '--epochs must be above the 2 that the state has'],
    ['a state of another model', ['train', 'resnet_tiny', '--resume', join('whole', 'state.safetensors')], 2, '--resume must be a state of resnet_tiny, got one of mobilenet_v2_tiny'],
    ['a folder that has a model', train('--out', 'whole'), 2, '--out must be a folder without a model'],
  ])('is refused with the reason: %s', async (_, argv, exit, reason) => {
    await writeFile(join(folder, 'a-file'), 'nothing');
    const { code, out, err } = await run(argv);
    expect(`${code} ${err}`).toContain(reason);
    expect(code).toBe(exit);
    expect(out).toBe('');
  });
});
