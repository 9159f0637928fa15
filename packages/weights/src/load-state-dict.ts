import { option, OptionError, readOptions } from '@convkit/core';
import { printable } from '@convkit/data';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adaptInputChannels, CHANNEL_ADAPTATIONS, type ChannelAdaptation } from './input-channels.js';
import { headLayers, stemLayers } from './model-ends.js';
import { StateDictError } from './state-dict-error.js';
import { matchNames, partialPrefix } from './state-dict-names.js';
import { torchParameters, type TorchParameter } from './torch-parameter.js';

/** One tensor of a state_dict, torch's name, shape and row-major values. */
export interface StateDictEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** Number of values, where asking for them costs. Default: `values.length`. */
  readonly size?: number;
  readonly values: Float32Array;
}

export interface LoadStateDictOptions {
  /** What stands in front of the names. Default: `module.`, `model.`, `backbone.`, `state_dict.`, `_orig_mod.`, where all have it. */
  prefix?: string;
  /** Names, or what they start with, of entries to leave out, such as 'AuxLogits.'. */
  ignore?: readonly string[];
  /** 'skip' leaves the classifier as it is, for another number of classes. Default 'load'. */
  head?: 'load' | 'skip';
  /** How the first convolution is made where the model's input has other channels. Default: another number is an error. */
  inputChannels?: ChannelAdaptation;
  /** What NaN and infinite values are. Default 'warn'. */
  nonFinite?: 'warn' | 'refuse';
}

/** What was loaded, and what else a person should know. */
export interface LoadReport {
  /** Names of the weights that were written. */
  readonly loaded: readonly string[];
  /** Number of values written. */
  readonly values: number;
  /** Entries that were left out, by rule or as asked. */
  readonly ignored: readonly string[];
  /** Weights of the model that kept their values: the classifier's, with `head: 'skip'`. */
  readonly kept: readonly string[];
  /** A sentence for everything that was not loaded just as it is: prefixes, other names, adapted shapes. */
  readonly notes: readonly string[];
  /** A sentence for everything that may be wrong. */
  readonly warnings: readonly string[];
}

export const loadStateDictEntries = {
  prefix: option.optional(option.text()),
  ignore: option.withDefault(option.list(option.text(), 0), []),
  head: option.withDefault(option.oneOf(['load', 'skip']), 'load'),
  inputChannels: option.optional(option.oneOf(CHANNEL_ADAPTATIONS)),
  nonFinite: option.withDefault(option.oneOf(['warn', 'refuse']), 'warn'),
} as const;

/** One weight and where its values come from. */
interface Pair {
  readonly parameter: TorchParameter;
  readonly entry: StateDictEntry;
  readonly adaptation?: ChannelAdaptation;
}

/**
 * Writes a PyTorch state_dict into a model whose layers carry the reference's module paths. All or nothing: every entry is
 * checked, read and converted before the first weight is written. `num_batches_tracked`, which holds no weight, is ignored.
 * @throws StateDictError with everything that does not fit; OptionError; what reading an entry's values throws.
 */
export function loadStateDict(model: LayersModel, entries: Iterable<StateDictEntry>, options: LoadStateDictOptions = {}): LoadReport {
  const { prefix, ignore, head, inputChannels, nonFinite } = readOptions('loadStateDict', loadStateDictEntries, options);
  const parameters = new Map(torchParameters(model).map((parameter) => [parameter.name, parameter]));
  const named = matchNames(entries, [...parameters.keys()], { prefix, ignore });
  const [heads, stems] = [headLayers(model), stemLayers(model)];
  if (head === 'skip' && heads.size === 0) throw new OptionError('loadStateDict', 'head', head, "'load': the model ends without a classifier");
  const isHead = (name: string) => heads.has(layerOf(name));

  const pairs: Pair[] = [];
  const [unexpected, mismatched, hints, notes]: [string[], string[], Set<string>, string[]] = [[], [], new Set(), []];
  const found = new Set<string>();
  for (const [name, entry] of named.entries) {
    const parameter = parameters.get(name);
    const repeated = found.has(name);
    found.add(name);
    if (repeated) unexpected.push(`${entry.name} (given again)`);
    else if (parameter === undefined) unexpected.push(entry.name);
    else if (head === 'skip' && isHead(name)) continue;
    else if (sameShape(entry, parameter.shape)) pairs.push({ parameter, entry });
    else if (inputChannels !== undefined && stems.has(layerOf(name)) && differsIn(entry, parameter.shape, 1)) {
      const channels = parameter.shape[1] as number;
      if (inputChannels !== 'repeat' && channels !== 1) throw new OptionError('loadStateDict', 'inputChannels', inputChannels, `'repeat' for a model of ${channels} channels`);
      notes.push(`${name}: ${entry.shape[1]} input channels became ${channels} by '${inputChannels}'`);
      pairs.push({ parameter, entry, adaptation: inputChannels });
    } else {
      mismatched.push(`${entry.name}: [${entry.shape.join(', ')}] (${sizeOf(entry)} values) instead of [${parameter.shape.join(', ')}]`);
      if (isHead(name) && differsIn(entry, parameter.shape, 0)) {
        hints.add(`The file has ${entry.shape[0]} classes, the model ${parameter.shape[0]}: build it with as many, or pass head: 'skip' to leave its classifier as it is.`);
      }
      if (stems.has(layerOf(name)) && differsIn(entry, parameter.shape, 1)) {
        hints.add(`The file's first convolution takes ${entry.shape[1]} channels, the model's ${parameter.shape[1]}: pass inputChannels: ${parameter.shape[1] === 1 ? "'sum'" : "'repeat'"} to adapt it.`);
      }
    }
  }
  const kept = [...parameters.keys()].filter((name) => head === 'skip' && isHead(name));
  const missing = [...parameters.keys()].filter((name) => !found.has(name) && !kept.includes(name));
  if (missing.length + unexpected.length + mismatched.length > 0) {
    const partial = missing.length > 0 ? partialPrefix(unexpected, new Set(missing)) : undefined;
    if (partial !== undefined) hints.add(`Some names only start with "${partial}": pass prefix: '${partial}', and in ignore what the others start with.`);
    if (missing.length + mismatched.length === 0) hints.add(`The model has no weights for these; to leave them out: ignore: [${beginnings(unexpected)}].`);
    throw new StateDictError(model.name, { missing, unexpected, mismatched, nonFinite: [] }, [...hints]);
  }

  const spoilt = writeAll(model, pairs, nonFinite);
  if (named.prefix !== '') notes.unshift(`"${named.prefix}" was taken off the front of the names`);
  if (named.naming !== undefined) notes.push(`the names are ${named.naming}'s, matched with the model's`);
  return {
    loaded: pairs.map(({ parameter }) => parameter.name),
    values: pairs.reduce((sum, { entry }) => sum + sizeOf(entry), 0),
    ignored: named.ignored,
    kept,
    notes,
    warnings: [...spoilt.map((weight) => `NaN or infinite: ${weight}`), ...(named.naming === 'timm' ? otherEpsilon(model) : [])],
  };
}

/** Converts all, then writes all. @returns the weights with values that are no finite numbers. */
function writeAll(model: LayersModel, pairs: readonly Pair[], nonFinite: 'warn' | 'refuse'): string[] {
  const tensors: tf.Tensor[] = [];
  const spoilt: string[] = [];
  try {
    for (const { parameter, entry, adaptation } of pairs) {
      const { values } = entry;
      const bad = values.reduce((count, value) => (Number.isFinite(value) ? count : count + 1), 0);
      if (bad > 0) spoilt.push(`${entry.name}: ${bad} of ${values.length} values`);
      // Backends may keep the array they are given; the caller's stays the caller's.
      const own = adaptation === undefined ? values.slice() : adaptInputChannels(values, entry.shape, parameter.shape[1] as number, adaptation);
      tensors.push(tf.tidy(() => parameter.fromTorch(tf.tensor(own, parameter.shape))));
    }
    if (nonFinite === 'refuse' && spoilt.length > 0) throw new StateDictError(model.name, { missing: [], unexpected: [], mismatched: [], nonFinite: spoilt });
    pairs.forEach(({ parameter }, i) => parameter.variable.write(tensors[i] as tf.Tensor));
  } finally {
    tf.dispose(tensors);
  }
  return spoilt;
}

/** timm's networks that are renamed here have PyTorch's default; torchvision's MobileNetV3 does not, and computes something else. */
function otherEpsilon(model: LayersModel): string[] {
  const epsilons = model.layers.map((layer) => layer.getConfig()['epsilon']).filter((epsilon) => typeof epsilon === 'number');
  const other = epsilons.find((epsilon) => Math.abs(epsilon - 1e-5) > 1e-9);
  return other === undefined ? [] : [`timm trained with a batch-norm epsilon of 1e-5, the model has ${other}: outputs differ a little from timm's`];
}

const layerOf = (name: string) => name.slice(0, name.lastIndexOf('.'));

/** What some names start with, quoted, the first few. */
function beginnings(names: readonly string[]): string {
  const starts = [...new Set(names.map((name) => `'${printable(name.split('.', 1)[0] ?? '', 40)}.'`))];
  return starts.slice(0, 5).join(', ') + (starts.length > 5 ? ', ...' : '');
}

const product = (shape: readonly number[]) => shape.reduce((sum, n) => sum * n, 1);

const sizeOf = (entry: StateDictEntry) => entry.size ?? entry.values.length;

/** Also for a kernel that covers its whole map, [F, C, kh, kw], and the dense layer behind a flattening that is the same, [F, C kh kw]. */
function sameShape(entry: StateDictEntry, wanted: readonly number[]): boolean {
  const { shape } = entry;
  if (sizeOf(entry) !== product(wanted) || product(shape) !== sizeOf(entry)) return false;
  if (shape.length === wanted.length) return shape.every((n, axis) => n === wanted[axis]);
  return shape[0] === wanted[0] && [shape.length, wanted.length].sort().join() === '2,4';
}

function differsIn({ shape }: StateDictEntry, wanted: readonly number[], axis: number): boolean {
  return shape.length === wanted.length && shape.length > axis && shape.every((n, i) => (n === wanted[i]) !== (i === axis));
}
