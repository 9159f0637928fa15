import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CommandError, messageOf } from '../errors.js';
import { PACKAGE_ROOT } from '../package-root.js';
import type { Device, Runtime, Unavailable } from './engine.js';
import type { Adapter, Device as Held } from './webgpu-device.mjs';

/** The device that this process holds. */
let held: Held | undefined;
let answer: Promise<Adapter | Unavailable> | undefined;

/** Not bundled: the trial starts that file as it is. */
const devices = () => import(pathToFileURL(join(PACKAGE_ROOT, 'src', 'engines', 'webgpu-device.mjs')).href) as Promise<typeof import('./webgpu-device.mjs')>;

/** Asked once, in a child process: a driver may end the process that loads it. */
const ask = (): Promise<Adapter | Unavailable> => (answer ??= devices().then(async ({ findWebgpu, tryWebgpu }) => {
  const found = findWebgpu();
  return 'reason' in found ? found : tryWebgpu(found);
}));

/** Whether the package `webgpu` is here, finds an adapter and computes on it. */
export async function webgpuAvailable(): Promise<true | Unavailable> {
  const found = await ask();
  return 'reason' in found ? found : true;
}

/** The adapter that it computes on. */
export async function webgpuAdapter(): Promise<Device | undefined> {
  const found = await ask();
  return 'reason' in found ? undefined : { name: found.name, software: found.software };
}

/**
 * Loads Dawn into this process, which registers tfjs' backend 'webgpu' on its adapter; nothing happens when it is there already.
 * Throws a CommandError with exit code 4 when it cannot be had.
 */
export async function startWebgpu(): Promise<void> {
  if (held !== undefined) return;
  const { findWebgpu, loadWebgpu } = await devices();
  const found = findWebgpu();
  if ('reason' in found) throw new CommandError('environment', `engine webgpu is not available here: ${found.reason}`, found.hint);
  try {
    held = await loadWebgpu(found);
  } catch (error) {
    throw new CommandError('environment', `engine webgpu is not available here: ${messageOf(error).split('\n')[0]}`);
  }
}

/** Why nothing that the device computes counts any more: it is lost, or has refused a program. */
export function webgpuFault(): string | undefined {
  return held?.fault();
}

/** What a record says of the GPU, once it is started. */
export function webgpuRuntime(): Runtime {
  const { name = 'unknown', vendor = 'unknown', version = 'unknown', software = false } = held?.adapter ?? {};
  return { flags: { WEBGPU_ADAPTER: `${vendor} ${name}`, WEBGPU_PACKAGE: version, WEBGPU_SOFTWARE: String(software) } };
}
