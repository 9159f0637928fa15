import type { ResultRecord } from '@convkit/bench/records';

export type Speed = NonNullable<ResultRecord['speed']>;
export type Accuracy = NonNullable<ResultRecord['accuracy']>;

/** Records that may be compared with one another: same machine, or same test, engine, data set and recipe. */
export interface Group {
  /** Stable across visits: made of everything that tells the group apart. */
  readonly key: string;
  /** What the selectors show: short, long only where two groups share the short one. */
  readonly label: string;
  /** Everything that tells the group apart, for people. */
  readonly detail: string;
  /** Creation time of its newest record. */
  readonly newest: string;
  readonly count: number;
}

/** A group as one record describes it. */
export interface GroupName {
  readonly key: string;
  readonly short: string;
  readonly long: string;
}

/** The computer and runtime: milliseconds and ratios of different ones are never ranked together. */
export function machineOf({ environment: env }: ResultRecord): GroupName {
  const short = `${env.cpu}, ${env.cores} ${env.cores === 1 ? 'core' : 'cores'}`;
  return named(short, [short, env.os, env.arch, env.runtime]);
}

/** What was timed: mode, batch and the reference workload that the ratio is against. */
export function testOf({ mode, batch, reference }: Speed): GroupName {
  const short = `${mode === 'infer' ? 'inference' : 'training'}, batch ${batch}`;
  return named(short, [short, `reference ${reference.id} v${reference.version} on ${reference.backend}`]);
}

/** The engine with all that changes its speed on the same machine: versions, threads, adapter, flags. */
export function engineOf({ environment: env }: ResultRecord, engine: string): GroupName {
  const flags = Object.entries(env.flags).sort(([a], [b]) => (a < b ? -1 : 1));
  return named(engine, [
    engine,
    env.tfjs === undefined ? '' : `tfjs ${env.tfjs}`,
    env.threads === undefined ? '' : `${env.threads} threads`,
    env.simd === undefined ? '' : env.simd ? 'SIMD' : 'no SIMD',
    env.adapter ?? '',
    ...flags.map(([name, value]) => `${name} ${value}`),
  ]);
}

/** Data set, split sizes, recipe and engine: a difference in any of them makes another table. */
export function dataOf({ dataset, recipe, selectedOn, engine }: Accuracy): GroupName {
  const short = `${dataset.name}, ${recipe.epochs} ${recipe.epochs === 1 ? 'epoch' : 'epochs'}`;
  return named(short, [
    short,
    `${integer(dataset.nTrain)} training, ${integer(dataset.nVal)} validation and ${integer(dataset.nTest)} test images`,
    `${recipe.optimizer} ${recipe.learningRate}`,
    recipe.schedule,
    `batch ${recipe.batch}`,
    (recipe.momentum ?? 0) === 0 ? '' : `momentum ${recipe.momentum}`,
    (recipe.weightDecay ?? 0) === 0 ? '' : `weight decay ${recipe.weightDecay}`,
    (recipe.labelSmoothing ?? 0) === 0 ? '' : `label smoothing ${recipe.labelSmoothing}`,
    recipe.augment === '' || recipe.augment === 'none' ? 'no augmentation' : recipe.augment,
    selectedOn === 'val' ? 'epoch chosen on validation' : '',
    `trained on ${engine}`,
    dataset.sha256 === undefined ? '' : `sha256 ${dataset.sha256.slice(0, 12)}`,
  ]);
}

/** Counts the groups of a list of names; short labels that collide become long. Newest group first, ties by key. */
export function collectGroups(entries: Iterable<{ readonly name: GroupName; readonly created: string }>): Group[] {
  const groups = new Map<string, { name: GroupName; newest: string; count: number }>();
  for (const { name, created } of entries) {
    const group = groups.get(name.key);
    if (group === undefined) groups.set(name.key, { name, newest: created, count: 1 });
    else {
      group.count += 1;
      if (created > group.newest) group.newest = created;
    }
  }
  const shared = new Map<string, number>();
  for (const { name } of groups.values()) shared.set(name.short, (shared.get(name.short) ?? 0) + 1);
  return [...groups.values()]
    .map(({ name, newest, count }) => ({
      key: name.key,
      label: shared.get(name.short) === 1 ? name.short : name.long,
      detail: name.long,
      newest,
      count,
    }))
    .sort((a, b) => order(b.newest, a.newest) || order(a.key, b.key));
}

/** Lower-case words joined by '-': readable in a link. '+' stays, so that 'wasm+compiled' is not 'wasm-compiled'. */
export function slug(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}+.]+/gu, '-').replace(/^-|-$/g, '');
}

/** Compares by code unit, the same in every locale. */
export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function named(short: string, parts: readonly string[]): GroupName {
  const long = parts.filter((part) => part !== '').join(', ');
  return { key: slug(long), short, long };
}

function integer(value: number): string {
  return value.toLocaleString('en-US');
}
