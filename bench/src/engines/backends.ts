import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { messageOf } from '../errors.js';
import { PACKAGE_ROOT } from '../package-root.js';
import type { Device, Runtime, Unavailable } from './engine.js';
import { addonAvailable, startAddon, tensorflowRuntime, type AddonId } from './tensorflow.js';
import { startWebgpu, webgpuAdapter, webgpuAvailable, webgpuFault, webgpuRuntime } from './webgpu.js';

/** A tfjs backend that runs in Node: out of npm alone, on a GPU through Dawn, or TensorFlow's library behind an addon. */
export type Backend = 'cpu' | 'wasm' | 'wasm-threads' | 'webgpu' | AddonId;

export interface StartOptions {
  /** Of a backend that has threads. */
  threads?: number | undefined;
}

/** How a backend is found, started and described. */
export interface NodeBackend {
  /** By which name tfjs knows it. */
  readonly name: string;
  readonly threaded: boolean;
  available(): Promise<true | Unavailable>;
  /** Registers it with this process' tfjs; nothing happens when it is there already. */
  register(options: StartOptions): Promise<void>;
  device?(): Promise<Device | undefined>;
  /** Why nothing that it computed counts any more. */
  fault?(): string | undefined;
  /** What a record says of what is below it, once it runs, where it is not tfjs itself that computes. */
  runtime?(): Runtime;
}

/** Not bundled, like the other backends of plain JavaScript beside it. */
const threadsModule = () => import(pathToFileURL(join(PACKAGE_ROOT, 'src', 'engines', 'wasm-threads.mjs')).href) as Promise<typeof import('./wasm-threads.mjs')>;
let threads: number | undefined;
let threadsAnswer: Promise<true | Unavailable> | undefined;

/** What runs in this process can simply be started. */
const startable = (backend: Backend) => async (): Promise<true | Unavailable> => {
  try {
    await useBackend(backend);
    return true;
  } catch (error) {
    return { reason: messageOf(error) };
  }
};

const addon = (id: AddonId): NodeBackend => ({
  name: 'tensorflow',
  threaded: true,
  available: () => addonAvailable(id),
  register: (options) => startAddon(id, options),
  runtime: tensorflowRuntime,
});

/** The backends, by id. */
export const BACKENDS: Readonly<Record<Backend, NodeBackend>> = {
  'tensorflow-gpu': addon('tensorflow-gpu'),
  tensorflow: addon('tensorflow'),
  webgpu: {
    name: 'webgpu',
    threaded: false,
    available: webgpuAvailable,
    register: startWebgpu,
    device: webgpuAdapter,
    fault: webgpuFault,
    runtime: webgpuRuntime,
  },
  wasm: {
    name: 'wasm',
    threaded: false,
    available: startable('wasm'),
    // Imported here: a backend registers itself on import and takes its time.
    register: async () => void (await import('@tensorflow/tfjs-backend-wasm')),
  },
  'wasm-threads': {
    name: 'wasm-threads',
    threaded: true,
    available: async () => (threadsAnswer ??= threadsModule().then(({ threadsAvailable }) => threadsAvailable())),
    async register(options) {
      threads = (await threadsModule()).registerThreads(options);
    },
    runtime: () => ({ ...(threads === undefined ? {} : { threads }), flags: { WASM_THREADS: String(threads) } }),
  },
  cpu: {
    name: 'cpu',
    threaded: false,
    available: startable('cpu'),
    register: async () => void (await import('@tensorflow/tfjs-backend-cpu')),
  },
};

/** What to look at when a backend of npm's does not start; tfjs itself prints a stack and says no more. */
const BROKEN: Partial<Record<Backend, string>> = {
  wasm: ': is a .wasm file of @tensorflow/tfjs-backend-wasm missing or broken?',
  'wasm-threads': ': is a .wasm file of @tensorflow/tfjs-backend-wasm missing or broken?',
};

/** Makes `backend` the current one. Throws with the backend's name when it does not start. */
export async function useBackend(backend: Backend, options: StartOptions = {}): Promise<void> {
  const { name, register } = BACKENDS[backend];
  // An addon or a GPU may be held already, and then by the other build of it.
  if (tf.findBackendFactory(name) === null || name === 'tensorflow' || options.threads !== undefined) await register(options);
  if (tf.getBackend() === name) return;
  const started = await tf.setBackend(name).catch(() => false);
  if (!started) throw new Error(`tfjs backend ${name} does not start${BROKEN[backend] ?? ''}`);
  if (backend === 'cpu') useQuietly();
}

/** The cpu backend prints an advertisement at its first use, unless in production mode. */
function useQuietly(): void {
  const before = tf.env().getBool('PROD');
  tf.env().set('PROD', true);
  tf.scalar(0).dispose();
  tf.env().set('PROD', before);
}

/** What a record says of the runtime below a backend, where it is not tfjs itself that computes. */
export function backendRuntime(backend: Backend): { runtime?: Runtime } {
  const { runtime } = BACKENDS[backend];
  return runtime === undefined ? {} : { runtime: runtime() };
}

/** Some backend, for building a model that is not going to run. */
export async function ensureBackend(): Promise<void> {
  if (!tf.getBackend()) await useBackend('cpu');
}

/** The flags of the tfjs runtime that change how fast it is. */
export async function tfjsFlags(): Promise<Record<string, boolean>> {
  // Known once the wasm backend is loaded.
  const names = tf.findBackendFactory('wasm') === null ? [] : ['WASM_HAS_SIMD_SUPPORT', 'WASM_HAS_MULTITHREAD_SUPPORT'];
  const known = await Promise.all(names.map(async (name): Promise<[string, boolean]> => [name, Boolean(await tf.env().getAsync(name))]));
  return Object.fromEntries(known);
}
