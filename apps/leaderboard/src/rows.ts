import type { ResultRecord } from '@convkit/bench/records';
import { collectGroups, dataOf, engineOf, machineOf, order, slug, testOf, type Accuracy, type Group, type GroupName, type Speed } from './groups.js';

/** The convention of the cost columns; records that count otherwise show theirs in the details only. */
const CONVENTION = 'matmul-v1';

/** A measurement with the record it came from. */
export interface Measured<T> {
  readonly record: ResultRecord;
  readonly value: T;
}

/** One model in one configuration (input size, classes, options), with everything measured of it. */
export interface Row {
  /** Stable across visits: family/variant@input and options. */
  readonly id: string;
  /** Place in the board: by family, then by size. */
  readonly place: number;
  readonly family: string;
  readonly variant: string;
  /** '224×224×3, 1,000 classes' */
  readonly input: string;
  /** Builder options beyond input and classes, 'alpha 0.5'; '' for none. */
  readonly options: string;
  /** The newest record: the source of the paper, parameters and receptive field. */
  readonly newest: ResultRecord;
  readonly cost?: Measured<NonNullable<ResultRecord['cost']>>;
  /** By `speedKey`: the preferred record of each machine, test and engine. */
  readonly speed: ReadonlyMap<string, Measured<Speed>>;
  /** By data set key: the preferred record of each data set and recipe. */
  readonly accuracy: ReadonlyMap<string, Measured<Accuracy>>;
  /** All its valid records, the preferred one of each group first. */
  readonly records: readonly ResultRecord[];
  /** Lower-case text that the search box looks in. */
  readonly text: string;
}

/** The rows, in order of `place`, and the groups that keep incomparable records apart. */
export interface Board {
  readonly rows: readonly Row[];
  readonly families: readonly string[];
  readonly inputs: readonly Group[];
  readonly machines: readonly Group[];
  readonly tests: readonly Group[];
  readonly engines: readonly Group[];
  readonly datasets: readonly Group[];
}

/** Identifies the measurements of one engine in one test on one machine. */
export function speedKey(machine: string, test: string, engine: string): string {
  return `${machine}|${test}|${engine}`;
}

/**
 * Joins records into rows, sorted by family, parameters and id. Nothing is averaged: where a group holds several records of a
 * row, a full run goes before a quick one, a later one before an earlier one, then by id.
 */
export function buildBoard(records: readonly ResultRecord[]): Board {
  const byRow = new Map<string, ResultRecord[]>();
  for (const record of [...records].sort(prefer)) {
    const key = rowId(record);
    const siblings = byRow.get(key);
    if (siblings === undefined) byRow.set(key, [record]);
    else siblings.push(record);
  }
  const rows = [...byRow]
    .map(([id, siblings]) => buildRow(id, siblings))
    .sort((a, b) => order(a.family, b.family) || paramsOf(a) - paramsOf(b) || order(a.id, b.id))
    .map((row, place) => ({ ...row, place }));
  const speed = records.flatMap((record) => (record.speed === undefined ? [] : [{ record, value: record.speed }]));
  const accuracy = records.flatMap((record) => (record.accuracy === undefined ? [] : [{ record, value: record.accuracy }]));
  return {
    rows,
    families: [...new Set(rows.map(({ family }) => family))],
    inputs: collectGroups(records.map((record) => ({ name: inputOf(record), created: record.created }))),
    machines: collectGroups(speed.map(({ record }) => ({ name: machineOf(record), created: record.created }))),
    tests: collectGroups(speed.map(({ record, value }) => ({ name: testOf(value), created: record.created }))),
    engines: collectGroups(speed.map(({ record, value }) => ({ name: engineOf(record, value.engine), created: record.created }))),
    datasets: collectGroups(accuracy.map(({ record, value }) => ({ name: dataOf(value), created: record.created }))),
  };
}

/** Key of the input group that a row belongs to. */
export function inputKey(row: Row): string {
  return inputOf(row.newest).key;
}

function paramsOf({ newest }: Omit<Row, 'place'>): number {
  return newest.subject.params.trainable;
}

function buildRow(id: string, records: readonly ResultRecord[]): Omit<Row, 'place'> {
  const speed = new Map<string, Measured<Speed>>();
  const accuracy = new Map<string, Measured<Accuracy>>();
  for (const record of records) {
    if (record.speed !== undefined) {
      const key = speedKey(machineOf(record).key, testOf(record.speed).key, engineOf(record, record.speed.engine).key);
      if (!speed.has(key)) speed.set(key, { record, value: record.speed });
    }
    if (record.accuracy !== undefined) {
      const key = dataOf(record.accuracy).key;
      if (!accuracy.has(key)) accuracy.set(key, { record, value: record.accuracy });
    }
  }
  const newest = records.reduce((best, record) => (record.created > best.created ? record : best));
  const { arch: family, variant } = newest.subject;
  const input = inputOf(newest).long;
  const options = optionsOf(newest);
  const paper = newest.subject.paper?.title ?? '';
  return {
    id, family, variant, input, options, newest, speed, accuracy, records,
    cost: newestCost(records),
    text: `${family} ${variant} ${input} ${options} ${paper}`.toLowerCase(),
  };
}

/** A cost record before a cost that came along with another measurement, the newest of them. */
function newestCost(records: readonly ResultRecord[]): Row['cost'] {
  const rank = (record: ResultRecord): number => (record.kind === 'cost' ? 0 : 1);
  const found = records
    .flatMap((record) => (record.cost?.convention === CONVENTION ? [{ record, value: record.cost }] : []))
    .sort((a, b) => rank(a.record) - rank(b.record) || order(b.record.created, a.record.created));
  return found[0];
}

function prefer(a: ResultRecord, b: ResultRecord): number {
  return Number(isQuick(a)) - Number(isQuick(b)) || order(b.created, a.created) || order(a.id, b.id);
}

/** A shortened run: a look, not a result to publish. */
export function isQuick({ speed, accuracy }: ResultRecord): boolean {
  return (speed?.design.quick ?? false) || (accuracy?.quick ?? false);
}

/** What the input group says already, and seeds and start weights: none of it makes another model. */
const NOT_AN_OPTION = new Set(['classes', 'inputShape', 'initialWeights', 'seed', 'name']);

function optionsOf({ subject }: ResultRecord): string {
  return Object.entries(subject.config)
    .filter(([name, value]) => !NOT_AN_OPTION.has(name) && value !== undefined)
    .sort(([a], [b]) => order(a, b))
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

/** Size and number of classes; a model that puts out maps has no classes. */
function inputOf({ input: { shape, classes } }: ResultRecord): GroupName {
  const size = shape.slice(1).join('×');
  const label = classes === undefined ? size : `${size}, ${classes.toLocaleString('en-US')} classes`;
  return { key: slug(`${size} ${classes ?? ''}`), short: label, long: label };
}

/** 'resnet · 224×224×3, 1,000 classes · alpha 0.5' */
export function configurationOf({ family, input, options }: Row): string {
  return [family, input, options].filter((part) => part !== '').join(' · ');
}

function rowId(record: ResultRecord): string {
  const options = optionsOf(record);
  const { arch, variant } = record.subject;
  return `${arch}/${variant}@${inputOf(record).key}${options === '' ? '' : `;${options}`}`;
}
