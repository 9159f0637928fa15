import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chooseEngines, engineById } from './catalog.js';
import { findAddon, tryAddon } from './tensorflow-addon.mjs';

let parent: string;
let folder: string;
let made = 0;

beforeEach(async () => {
  parent ??= await mkdtemp(join(tmpdir(), 'convkit-addon-'));
  // A fresh one each: what is found in a place is asked once.
  folder = join(parent, String(++made));
  await mkdir(folder);
  vi.stubEnv('CONVKIT_TFJS_NODE', folder);
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => rm(parent, { recursive: true, force: true }));

/** A stand-in for the package whose main file is `code`. */
async function install(code: string, { name = '@tensorflow/tfjs-node', binary = true } = {}): Promise<void> {
  const root = join(folder, 'node_modules', name);
  await mkdir(join(root, 'dist'), { recursive: true });
  await writeFile(join(root, 'package.json'), JSON.stringify({ name, main: 'dist/index.js' }));
  await writeFile(join(root, 'dist', 'index.js'), code);
  if (!binary) return;
  await mkdir(join(root, 'lib', 'napi-v8'), { recursive: true });
  await writeFile(join(root, 'lib', 'napi-v8', 'tfjs_binding.node'), 'no library');
}

/** The cpu backend under TensorFlow's name. It finds tfjs only if that is resolved to ours: there is none beside it. */
const working = (gpu: boolean) => `
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
tf.env().set('PROD', true);
tf.copyRegisteredKernels('cpu', 'tensorflow');
tf.registerBackend('tensorflow', () => Object.assign(tf.findBackend('cpu'), { isUsingGpuDevice: ${gpu}, binding: { TF_Version: '2.99.0' } }));
if (require('util').isNullOrUndefined === undefined) throw new Error('not mended');
`;

describe('the engine tensorflow', () => {
  it.each<[string, string, object | undefined, RegExp]>([
    ['is not there', '', undefined, /is not installed where CONVKIT_TFJS_NODE points/],
    ['has no addon', '', { binary: false }, /is installed without its native addon/],
    ['does not find its library', "throw new Error('libtensorflow.so.2: cannot open shared object file')", {}, /tfjs-node: libtensorflow\.so\.2: cannot open/],
    ['is no addon that the system loads', "require('../lib/napi-v8/tfjs_binding.node')", {}, /tfjs_binding\.node/],
    ['ends its process', "console.error('F tensorflow: no'); process.abort()", {}, /ended its process \((signal|exit code) \S+\)/],
    ['brings no backend', '', {}, /Backend name 'tensorflow' not found/],
  ])('whose package %s is refused with exit code 4 and the reason', async (_, code, how, reason) => {
    if (how !== undefined) await install(code, how);
    await expect(chooseEngines(['tensorflow'])).rejects.toMatchObject({ exitCode: 4, message: expect.stringMatching(reason) });
    await expect(chooseEngines(['tensorflow'])).rejects.toThrow('--engine tensorflow is not available here');
  });

  it('that does not load in the measuring process is an error with exit code 4 there too', async () => {
    await install("throw new Error('libtensorflow.so.2: cannot open shared object file')");
    const start = engineById('tensorflow').start?.({});
    await expect(start).rejects.toMatchObject({ exitCode: 4, message: expect.stringContaining('libtensorflow.so.2') });
  });

  it('computes on our copy of tfjs, in a child process, and says its version', async () => {
    await install(working(false));
    const addon = findAddon('tensorflow');
    expect('reason' in addon ? addon : await tryAddon('tensorflow', addon)).toEqual({ tensorflow: '2.99.0', gpu: false });
    expect((await chooseEngines(['tensorflow', 'tensorflow+compiled'])).engines.map(({ id }) => id)).toEqual(['tensorflow', 'tensorflow+compiled']);
  });

  it('on a GPU is not available where TensorFlow computes on the processor', async () => {
    await install(working(false), { name: '@tensorflow/tfjs-node-gpu' });
    await expect(chooseEngines(['tensorflow-gpu'])).rejects.toMatchObject({ exitCode: 4, message: expect.stringContaining('found no GPU') });
  });

  it('is not measured beside its twin: a process holds one of them', async () => {
    await install(working(false));
    await install(working(true), { name: '@tensorflow/tfjs-node-gpu' });
    await expect(chooseEngines(['tensorflow', 'tensorflow-gpu'])).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('got both') });
    const { engines } = await chooseEngines(['all']);
    expect(engines.map(({ id }) => id).filter((id) => id.startsWith('tensorflow'))).toEqual(['tensorflow-gpu', 'tensorflow-gpu+compiled']);
  });
});
