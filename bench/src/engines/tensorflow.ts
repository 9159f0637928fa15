import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { CommandError, messageOf } from '../errors.js';
import { PACKAGE_ROOT } from '../package-root.js';
import type { Runtime, Unavailable } from './engine.js';
import type { AddonId } from './tensorflow-addon.mjs';

export type { AddonId };

/** The addon that this process holds: a second one would bring a second TensorFlow. */
let held: AddonId | undefined;
const answers = new Map<string, Promise<true | Unavailable>>();

/** Not bundled: the trial starts that file as it is. */
const addons = () => import(pathToFileURL(join(PACKAGE_ROOT, 'src', 'engines', 'tensorflow-addon.mjs')).href) as Promise<typeof import('./tensorflow-addon.mjs')>;

/** Whether the addon loads and computes, found out in a child process; asked once a place to look for it. */
export async function addonAvailable(id: AddonId): Promise<true | Unavailable> {
  if (held === id) return true;
  const key = `${id} ${process.env['CONVKIT_TFJS_NODE'] ?? ''}`;
  const answer = answers.get(key) ?? ask(id);
  answers.set(key, answer);
  return answer;
}

async function ask(id: AddonId): Promise<true | Unavailable> {
  const { findAddon, tryAddon } = await addons();
  const addon = findAddon(id);
  if ('reason' in addon) return addon;
  const trial = await tryAddon(id, addon);
  return 'reason' in trial ? trial : true;
}

/**
 * Loads the addon into this process, which registers the backend 'tensorflow'; nothing happens when it is there already.
 * `threads` bounds those inside an operation (TF_NUM_INTRAOP_THREADS, read when TensorFlow starts). Throws a CommandError
 * with exit code 4 when it cannot be had, or when the process holds the other addon.
 */
export async function startAddon(id: AddonId, { threads }: { threads?: number | undefined } = {}): Promise<void> {
  if (held === id) return;
  if (held !== undefined) throw new CommandError('environment', `engine ${id} cannot run beside ${held} in one process`, 'measure them with two commands');
  const { findAddon, loadAddon } = await addons();
  const addon = findAddon(id);
  if ('reason' in addon) throw new CommandError('environment', `engine ${id} is not available here: ${addon.reason}`, addon.hint);
  if (threads !== undefined) process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  try {
    loadAddon(addon);
  } catch (error) {
    throw new CommandError('environment', `engine ${id} is not available here: ${messageOf(error).split('\n')[0]}`);
  }
  held = id;
  if (id === 'tensorflow-gpu' && !nodeBackend().isUsingGpuDevice) throw new CommandError('environment', `engine ${id} is not available here: TensorFlow found no GPU that it can use`);
}

/** What a record says of TensorFlow, once the addon is loaded. */
export function tensorflowRuntime(): Runtime {
  const { isUsingGpuDevice, binding } = nodeBackend();
  const threads = Number(process.env['TF_NUM_INTRAOP_THREADS']);
  return {
    threads: threads > 0 ? threads : availableParallelism(),
    flags: { TENSORFLOW_VERSION: binding.TF_Version, TENSORFLOW_DEVICE: isUsingGpuDevice ? 'gpu' : 'cpu' },
  };
}

function nodeBackend(): { isUsingGpuDevice: boolean; binding: { TF_Version: string } } {
  return tf.findBackend('tensorflow') as unknown as ReturnType<typeof nodeBackend>;
}
