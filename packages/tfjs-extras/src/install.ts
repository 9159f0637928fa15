import * as tf from '@tensorflow/tfjs-core';
import type { Patch, Undo } from './patch.js';
import { PATCHES } from './patches/index.js';

/** What was done about one patch on one backend. */
export interface PatchReport {
  readonly name: string;
  /** The backend, or 'any'. */
  readonly backend: string;
  readonly installed: boolean;
  /** What the probe of the stock kernel found. */
  readonly reason: string;
}

export interface InstallOptions {
  /** Backends to mend; each must be registered. Default: the active one. */
  readonly backends?: readonly string[];
  /** What to probe and, where needed, to put in, in this order. Default: all patches of this package. */
  readonly patches?: readonly Patch[];
}

interface Installed {
  readonly report: PatchReport;
  readonly undo: Undo;
}

/** In the order in which they went in. TensorFlow.js' registry of kernels is one for the process, and so is this. */
const installed: Installed[] = [];

/** Calls follow one another: a probe must not see what another call is putting in, and the active backend is one. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Probes what the installed TensorFlow.js lacks or gets wrong, and puts in what is needed; a mended TensorFlow.js is left
 * alone. A second call adds only what is new. All or nothing: when a patch cannot be put in, none of this call stays.
 * @returns one line a patch and backend, also for what was not needed.
 * @throws Error for a backend that cannot be started.
 */
export function install(options: InstallOptions = {}): Promise<PatchReport[]> {
  const call = last.then(() => installAll(options));
  last = call.catch(() => undefined);
  return call;
}

async function installAll({ backends, patches = PATCHES }: InstallOptions): Promise<PatchReport[]> {
  await tf.ready();
  const active = tf.getBackend();
  const already = installed.length;
  const reports: PatchReport[] = [];
  try {
    for (const backend of backends ?? [active]) {
      if (!(await tf.setBackend(backend))) throw new Error(`install: backend ${backend} did not start; import its package first`);
      for (const patch of patches) {
        const target = patch.backends === 'any' ? 'any' : backend;
        if (target !== 'any' && !patch.backends.includes(backend)) continue;
        if (reports.some((report) => report.name === patch.name && report.backend === target)) continue;
        reports.push(await installOne(patch, target, backend));
      }
    }
  } catch (error) {
    removeAfter(already);
    throw error;
  } finally {
    await tf.setBackend(active);
  }
  return reports;
}

async function installOne(patch: Patch, target: string, backend: string): Promise<PatchReport> {
  const before = installed.find(({ report }) => report.name === patch.name && report.backend === target);
  if (before) return before.report;
  const { needed, reason } = await patch.probe(backend);
  const report = { name: patch.name, backend: target, installed: needed, reason };
  if (needed) installed.push({ report, undo: await patch.apply(backend) });
  return report;
}

/** Takes out every patch, the last one first: the kernels are TensorFlow.js' own again. */
export function uninstall(): void {
  removeAfter(0);
}

function removeAfter(count: number): void {
  for (const { undo } of installed.splice(count).reverse()) undo();
}

/** What is in at the moment. */
export function installedPatches(): PatchReport[] {
  return installed.map(({ report }) => report);
}
