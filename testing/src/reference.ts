import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import type { BuildOptions, Family } from '@convkit/core';
import { profile } from '@convkit/profile';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, it } from 'vitest';

export { testOperators } from './operator-tests.js';

/** A network that someone else defined, and its counts. */
export interface ReferenceRow {
  model: string;
  note: string;
  /** Height and width. */
  input: number;
  params: number;
  macs: number;
  activations: number;
  source: string;
}

/** Says which network a row speaks of. The first rule whose model and note match a row decides. */
export type ReferenceRule = {
  model: RegExp;
  /** Tested on note and source. */
  note?: RegExp;
} & (
  /** A variant's id, or how the row gives it: `sameName`. */
  | { variant: string | ((row: ReferenceRow) => string) }
  /** A network that is no variant: the row as an edit of a spec. */
  | { build: (options: BuildOptions, row: ReferenceRow) => LayersModel }
  /** Why there is no counterpart. */
  | { none: string }
);

export interface Reference {
  /** The package's `reference/models.csv`. */
  rows: URL;
  families: readonly Family[];
  rules: readonly ReferenceRule[];
  /** Every row without a counterpart, `model: first part of its note`: so that no rule leaves out more than is meant. */
  leftOut?: readonly string[];
}

/** The rule of a row that is called as our variant is. */
export const sameName = ({ model }: ReferenceRow): string => model;

const HEAD = 'model,variant_note,input_size,params,gmacs,mactivations,top1,top5,source';

/** Fields of one line of CSV; a quoted field may hold commas. */
const fields = (line: string) => [...line.matchAll(/(?:^|,)(?:"([^"]*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

function readRows(file: URL): ReferenceRow[] {
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  if (head !== HEAD) throw new Error(`${file.pathname}: the head must be ${HEAD}, got ${head}`);
  return lines.map((line) => {
    const [model = '', note = '', input, params, gmacs, mactivations, , , source = ''] = fields(line);
    return { model, note, input: Number(input), params: Number(params), macs: Math.round(Number(gmacs) * 1e9), activations: Math.round(Number(mactivations) * 1e6), source };
  });
}

const label = (row: ReferenceRow) => `${row.model} at ${row.input} (${[row.note, row.source].filter(Boolean).join('; ')})`;

/** Classes of the data set in a row's name. */
function classesOf({ model }: ReferenceRow): number {
  if (/_(cifar10|svhn)$/.test(model)) return 10;
  return model.endsWith('_cifar100') ? 100 : 1000;
}

/**
 * Tests that every counted row of a package's reference values agrees exactly with the network it speaks of: parameters,
 * multiply-accumulates, activations and, where its note has them, running statistics. Every row has a rule, no rule
 * decides nothing, and what is left out is named.
 */
export function testReference({ rows: file, families, rules, leftOut = [] }: Reference): void {
  const rows = readRows(file);
  const ruleOf = (row: ReferenceRow) => rules.find(({ model, note }) => model.test(row.model) && (note === undefined || note.test(`${row.note}; ${row.source}`)));
  const buildOf = (row: ReferenceRow, rule: Exclude<ReferenceRule, { none: string }>): LayersModel => {
    const options: BuildOptions = { initialWeights: 'zeros', inputShape: [row.input, row.input, 3], classes: classesOf(row) };
    if ('build' in rule) return rule.build(options, row);
    const id = typeof rule.variant === 'string' ? rule.variant : rule.variant(row);
    const family = families.find(({ variants }) => Object.hasOwn(variants, id));
    if (family === undefined) throw new Error(`no family of this package has the variant ${id}`);
    return family.build(id, options);
  };

  beforeAll(() => tf.setBackend('cpu'));

  it('has a rule for every counted row', () => {
    expect(rows.filter((row) => ruleOf(row) === undefined).map(label)).toEqual([]);
    expect(rows.filter(({ input, params, macs }) => !(input > 0 && params > 0 && macs > 0)).map(label)).toEqual([]);
  });

  it('has no rule that decides nothing', () => {
    const used = new Set(rows.map(ruleOf));
    expect(rules.filter((rule) => !used.has(rule)).map(({ model, note }) => `${model} ${note}`)).toEqual([]);
  });

  it('leaves out only what has no counterpart here', () => {
    const none = rows.filter((row) => 'none' in (ruleOf(row) ?? {}));
    expect(none.map((row) => `${row.model}: ${row.note.split(';')[0]}`)).toEqual(leftOut);
  });

  const counted = rows.flatMap((row) => {
    const rule = ruleOf(row);
    return rule === undefined || 'none' in rule ? [] : [[label(row), row, rule] as const];
  });

  it.each(counted)('%s', (_, row, rule) => {
    const model = buildOf(row, rule);
    const { params, macs, activations, runningStats } = profile(model);
    model.dispose();
    expect({ params, macs, activations }).toEqual({ params: row.params, macs: row.macs, activations: row.activations });
    const statistics = /bn_running_stats=(\d+)/.exec(row.note)?.[1];
    if (statistics !== undefined) expect(runningStats).toBe(Number(statistics));
  });
}
