import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { torchParameters, type TorchParameter } from './torch-parameter.js';

/** One tensor of a state_dict, torch's name, shape and row-major values. */
export interface StateDictEntry {
  name: string;
  shape: readonly number[];
  values: Float32Array;
}

/** A state_dict that does not fit the model. The model is unchanged. */
export class StateDictError extends Error {
  override readonly name = 'StateDictError';
  readonly code = 'ERR_STATE_DICT';

  constructor(
    model: string,
    /** Weights of the model that the state_dict lacks. */
    readonly missing: readonly string[],
    /** Entries that the model has no weight for, and further entries of one name. */
    readonly unexpected: readonly string[],
    /** Entries of another shape, as `name: [found] instead of [wanted]`. */
    readonly mismatched: readonly string[],
  ) {
    super([`state_dict does not fit the model "${model}", which is unchanged`, ...[listed('missing', missing), listed('unexpected', unexpected), listed('wrong shape', mismatched)].filter(Boolean)].join('\n'));
  }
}

function listed(title: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const shown = names.slice(0, 10).join(', ');
  return `  ${title} (${names.length}): ${shown}${names.length > 10 ? ', ...' : ''}`;
}

/**
 * Writes a PyTorch state_dict into a model whose layers carry the reference's module paths. All or nothing;
 * `num_batches_tracked`, which holds no weight, is ignored.
 * @throws StateDictError with everything that does not fit, before anything is written.
 */
export function loadStateDict(model: LayersModel, entries: Iterable<StateDictEntry>): void {
  const parameters = new Map(torchParameters(model).map((parameter) => [parameter.name, parameter]));
  const pairs: [TorchParameter, StateDictEntry][] = [];
  const [unexpected, mismatched]: [string[], string[]] = [[], []];
  const found = new Set<string>();
  for (const entry of entries) {
    if (entry.name.endsWith('num_batches_tracked')) continue;
    const parameter = parameters.get(entry.name);
    const repeated = found.has(entry.name);
    found.add(entry.name);
    if (repeated) unexpected.push(`${entry.name} (given again)`);
    else if (parameter === undefined) unexpected.push(entry.name);
    else if (!fits(parameter.shape, entry)) mismatched.push(`${entry.name}: [${entry.shape.join(', ')}] (${entry.values.length} values) instead of [${parameter.shape.join(', ')}]`);
    else pairs.push([parameter, entry]);
  }
  const missing = [...parameters.keys()].filter((name) => !found.has(name));
  if (missing.length + unexpected.length + mismatched.length > 0) throw new StateDictError(model.name, missing, unexpected, mismatched);
  for (const [{ variable, fromTorch }, { values, shape }] of pairs) {
    // Backends may keep the array they are given; a vector, whose layout does not change, would stay the caller's.
    const own = shape.length > 1 ? values : values.slice();
    const tensor = tf.tidy(() => fromTorch(tf.tensor(own, [...shape])));
    variable.write(tensor);
    tensor.dispose();
  }
}

function fits(wanted: readonly number[], { shape, values }: StateDictEntry): boolean {
  const size = wanted.reduce((product, n) => product * n, 1);
  return shape.length === wanted.length && shape.every((n, axis) => n === wanted[axis]) && values.length === size;
}
