import { readOptions } from '@convkit/core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { loadStateDict, loadStateDictEntries, type LoadReport, type LoadStateDictOptions } from './load-state-dict.js';
import { openSafetensors } from './safetensors-on-disk.js';
import { findWeights, sourceEntries, type WeightsSourceOptions } from './weights-source.js';

export interface LoadPretrainedOptions extends WeightsSourceOptions, LoadStateDictOptions {}

/** What was loaded, and out of which file. */
export interface PretrainedReport extends LoadReport {
  readonly path: string;
}

/**
 * Loads trained weights into a model whose layers carry the reference's module paths: from a safetensors file, an address or the
 * hub. All or nothing; downloads are kept in a cache and checked by their SHA-256 whenever they are read.
 * @throws PretrainedError, SafetensorsError, StateDictError, OptionError; the model is then unchanged.
 */
export async function loadPretrained(model: LayersModel, options: LoadPretrainedOptions): Promise<PretrainedReport> {
  const { onProgress, signal, ...given } = options ?? {};
  // All at once and first: a misspelt option is found before anything is downloaded.
  readOptions('loadPretrained', { ...sourceEntries, ...loadStateDictEntries }, given);
  const chosen = (entries: object) => Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(entries, name)));
  const { path, notes } = await findWeights({ from: given.from, ...chosen(sourceEntries), onProgress, signal });
  const file = openSafetensors(path);
  try {
    const report = loadStateDict(model, file.tensors.values(), chosen(loadStateDictEntries));
    return { ...report, path, notes: [...notes, ...report.notes] };
  } finally {
    file.close();
  }
}
