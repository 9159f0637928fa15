import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { StateDictError } from '@convkit/weights';
import { loadPretrained, saveModel, type LoadPretrainedOptions } from '@convkit/weights/node';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { CommandError, errorCode, messageOf } from '../errors.js';
import type { Emit } from '../progress/protocol.js';
import { openSubject, type SubjectRef } from './subject.js';

/** What an import did. */
export interface ImportReport {
  readonly model: string;
  readonly from: string;
  /** Number of weights that were loaded, and of the values in them. */
  readonly loaded: number;
  readonly values: number;
  /** Number of entries of the file that were left out. */
  readonly ignored: number;
  /** Weights of the model that were not loaded. */
  readonly kept: readonly string[];
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  readonly files: readonly string[];
}

const TASK = 'download';

/**
 * Builds a network, loads trained weights into it and writes it as tfjs artifacts. Nothing is written before everything has
 * been loaded; files appear whole.
 */
export async function importWeights({ from, cwd, subject: ref, folder, force, emit, signal, options }: {
  from: string;
  cwd: string;
  subject: SubjectRef;
  folder: string;
  force: boolean;
  emit: Emit;
  signal: AbortSignal;
  options: Omit<LoadPretrainedOptions, 'from'>;
}): Promise<ImportReport> {
  const subject = await openSubject(ref);
  await checkTarget(folder, force);
  // A classifier that is not loaded starts as that of a new network.
  const model = await subject.build({ initialWeights: options.head === 'skip' ? 'random' : 'zeros', seed: 0 });
  const local = resolve(cwd, from);
  let started = false;
  try {
    const report = await loadPretrained(model, {
      ...options,
      from: (await stat(local).catch(() => undefined)) === undefined ? from : local,
      signal,
      onProgress: ({ url, received, total = received }) => {
        if (!started) emit({ type: 'start', task: TASK, label: url.split('/').at(-1) ?? url, total });
        started = true;
        emit({ type: 'advance', task: TASK, done: received, detail: `${(received / 1e6).toFixed(1)} MB` });
      },
    });
    if (started) emit({ type: 'end', task: TASK, outcome: 'downloaded' });
    signal.throwIfAborted();
    const files = await writeModel(model, folder).catch((error: unknown) => {
      throw new CommandError('environment', `the model could not be written to ${shown(folder, cwd)}: ${messageOf(error)}`);
    });
    const { loaded, values, ignored, kept, notes, warnings } = report;
    return { model: subject.variant, from, loaded: loaded.length, values, ignored: ignored.length, kept, notes, warnings, files: files.map((file) => shown(file, cwd)) };
  } catch (error) {
    if (started) emit({ type: 'end', task: TASK, outcome: 'failed' });
    if (error instanceof StateDictError) throw new CommandError('input', `${from}: ${error.message}`, error.hints.length > 0 ? 'As flags: --head skip, --input-channels sum, --prefix model., --ignore aux1.,aux2.' : undefined);
    throw error;
  } finally {
    model.dispose();
  }
}

async function writeModel(model: LayersModel, folder: string): Promise<string[]> {
  // Not recursive: Node never returns from that below /proc.
  await mkdir(folder).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  return saveModel(model, folder);
}

/** Refuses a folder that has a model or cannot be written, before anything is read. */
async function checkTarget(folder: string, force: boolean): Promise<void> {
  const exists = (path: string) => stat(path).then(() => true, () => false);
  if (!force && ((await exists(join(folder, 'model.json'))) || (await exists(join(folder, 'weights.bin'))))) {
    throw new CommandError('usage', `--out must be a folder without a model, ${folder} has one`, '--force replaces it');
  }
  try {
    await access((await exists(folder)) ? folder : dirname(folder), constants.W_OK);
  } catch (error) {
    throw new CommandError('environment', `--out must be a folder that can be written: ${messageOf(error)}`);
  }
}

/** A path as a person would name it from here. */
function shown(path: string, cwd: string): string {
  const short = relative(cwd, path) || '.';
  return short.startsWith('..') ? path : short;
}
