import type { StateDictEntry } from './load-state-dict.js';
import { fromTimm } from './timm-names.js';

/** What wrappers put in front of every name: DataParallel, Lightning, checkpoints, torch.compile. */
const WRAPPERS = ['module.', 'model.', 'backbone.', 'state_dict.', '_orig_mod.'];

/** The entries of a state_dict by the model's names, and what was done to get there. */
export interface NamedEntries {
  /** In the order of the file; a name may be there twice. */
  readonly entries: readonly (readonly [name: string, entry: StateDictEntry])[];
  /** Left out: by rule and because they were to be ignored. */
  readonly ignored: readonly string[];
  /** Taken off the front of the names; '' for nothing. */
  readonly prefix: string;
  /** Whose names they were, where not the model's own. */
  readonly naming?: 'timm';
}

/** Finds out how the names of a state_dict become those of the model. @param wanted names of the model's weights, in its order. */
export function matchNames(given: Iterable<StateDictEntry>, wanted: readonly string[], options: { prefix?: string | undefined; ignore: readonly string[] }): NamedEntries {
  const ignored: string[] = [];
  const kept: StateDictEntry[] = [];
  for (const entry of given) {
    const { name } = entry;
    // A counter of batch norms that holds no weight.
    const leftOut = /(^|\.)num_batches_tracked$/.test(name) || options.ignore.some((start) => name.startsWith(start));
    if (leftOut) ignored.push(name);
    else kept.push(entry);
  }
  const prefix = options.prefix ?? commonPrefix(kept.map(({ name }) => name), wanted);
  const entries = kept.map((entry) => [entry.name.startsWith(prefix) ? entry.name.slice(prefix.length) : entry.name, entry] as const);
  const renamed = fromTimm(entries.map(([name]) => name), wanted);
  if (renamed === undefined) return { entries, ignored, prefix };
  const own = ([name, entry]: (typeof entries)[number]) => {
    const dot = name.lastIndexOf('.');
    return [`${renamed.get(name.slice(0, dot)) ?? name.slice(0, dot)}${name.slice(dot)}`, entry] as const;
  };
  return { entries: entries.map(own), ignored, prefix, naming: 'timm' };
}

/** What all names have in front of them, as far as wrappers put it there: a model that has such names itself keeps them. */
function commonPrefix(names: readonly string[], wanted: readonly string[]): string {
  let prefix = '';
  for (;;) {
    const wrapper = WRAPPERS.find((candidate) => names.length > 0 && names.every((name) => name.startsWith(prefix + candidate)) && !wanted.some((name) => name.startsWith(candidate)));
    if (wrapper === undefined) return prefix;
    prefix += wrapper;
  }
}

/** A wrapper that only some names have: those with it would fit the model without it. */
export function partialPrefix(names: readonly string[], wanted: ReadonlySet<string>): string | undefined {
  return WRAPPERS.find((candidate) => names.some((name) => name.startsWith(candidate) && wanted.has(name.slice(candidate.length))));
}
