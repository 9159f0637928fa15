/** Engines that are asked for and cannot run: exit code 4 and the reason, never another engine. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../cli/main.js';
import type { RunJob } from '../process/messages.js';
import { ENGINES } from './catalog.js';
import { findWebgpu, tryWebgpu } from './webgpu-device.mjs';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convkit-faults-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const never: RunJob = () => {
  throw new Error('nothing must be measured');
};

async function bench(...argv: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await main(argv, { stdout, stderr, cwd: folder, env: {}, signal: new AbortController().signal, runJob: never });
  return { code, err: String(stderr.read() ?? '') };
}

describe('an engine that is asked for by name', () => {
  it('and is not here ends speed and accuracy with 4, whichever it is', async () => {
    const absent = [];
    for (const engine of ENGINES) if ((await engine.available()) !== true) absent.push(engine.id);
    expect(absent).toEqual(expect.arrayContaining(['webgl', 'onnxruntime-web', 'tensorflow', 'tensorflow-gpu']));
    for (const id of absent) {
      const { code, err } = await bench('bench', 'speed', 'resnet_tiny', '--engine', id);
      expect(`${code} ${err}`).toMatch(new RegExp(`^4 .*--engine ${id.replaceAll('+', '\\+')} is not available here: \\S`));
    }
    expect((await bench('bench', 'accuracy', 'resnet_tiny', '--engine', 'tensorflow')).code).toBe(4);
  });
});

describe('WebGPU', () => {
  it('whose package is not installed says what to install', () => {
    expect(findWebgpu([join(folder, 'package.json')])).toEqual({ reason: 'the package webgpu is not installed', hint: 'npm install webgpu' });
  });

  it.each<[string, string, RegExp]>([
    ['finds no adapter', 'export const globals = {}; export const create = () => ({ requestAdapter: async () => null });', /^webgpu: no adapter: it needs a GPU with a Vulkan/],
    ['has no build for the platform', "throw new Error('Cannot find module dawn.node')", /^webgpu: Cannot find module dawn\.node$/],
    ['ends its process', 'process.abort();', /^webgpu ended its process \((signal|exit code) \S+\)/],
    ['finds no driver', "export const globals = {}; console.error(\"Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file: No such file or directory\"); export const create = () => ({ requestAdapter: async () => null });", /^no adapter: libvulkan\.so\.1: cannot open shared object$/],
  ])('that %s is unavailable with that reason', async (what, code, reason) => {
    const entry = join(folder, `${what.replaceAll(' ', '-')}.mjs`);
    await writeFile(entry, code);
    expect(await tryWebgpu({ entry, version: '0.0.0' })).toMatchObject({ reason: expect.stringMatching(reason), hint: expect.stringContaining('Vulkan') });
  });
});
