import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { expect, it, vi } from 'vitest';
import { main } from '../cli/main.js';

it('an engine whose wasm file is broken ends with 4, points at the file, and is not replaced', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'convkit-wasm-'));
  for (const build of ['', '-simd', '-threaded-simd']) await writeFile(join(folder, `tfjs-backend-wasm${build}.wasm`), 'no wasm');
  setWasmPaths(`${folder}/`);
  // tfjs prints a stack of its own.
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const runJob = () => {
    throw new Error('nothing must be measured');
  };
  const code = await main(['bench', 'speed', 'resnet_tiny', '--engine', 'wasm'], { stdout, stderr, cwd: folder, env: {}, signal: new AbortController().signal, runJob });
  await rm(folder, { recursive: true });
  expect(`${code} ${String(stderr.read())}`).toContain('4 convkit: --engine wasm is not available here: tfjs backend wasm does not start: is a .wasm file of @tensorflow/tfjs-backend-wasm missing or broken?');
});
