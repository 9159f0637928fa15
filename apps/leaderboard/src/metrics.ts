import type { Measured, Row } from './rows.js';
import type { Accuracy, Group, Speed } from './groups.js';
import { isQuick } from './rows.js';
import { duration, exact, plain, scaled, significant, type Quantity } from './format.js';

/** What a table cell shows: a quantity, a second line, and marks that ask for care. */
export interface Cell {
  readonly quantity: Quantity;
  readonly note?: string;
  readonly marks?: readonly string[];
  /** All digits, as the tooltip. */
  readonly exact?: string;
}

/** Something that every row may have a number for: a table column, an axis of the plot. */
export interface Metric {
  /** Stable across visits: it stands in links. */
  readonly key: string;
  readonly kind: 'cost' | 'ratio' | 'time' | 'top1';
  readonly title: string;
  /** Which engine, data set or unit: the header's second line. */
  readonly subtitle: string;
  readonly better: 'low' | 'high';
  value(row: Row): number | undefined;
  cell(row: Row): Cell | undefined;
}

interface CostColumn {
  readonly key: string;
  readonly title: string;
  readonly subtitle: string;
  readonly unit: string;
  read(row: Row): number | undefined;
}

const COST_COLUMNS: readonly CostColumn[] = [
  { key: 'params', title: 'Parameters', subtitle: 'trainable', unit: '', read: ({ newest }) => newest.subject.params.trainable },
  { key: 'macs', title: 'MACs', subtitle: 'per image', unit: '', read: ({ cost }) => cost?.value.macs },
  { key: 'peak', title: 'Peak memory', subtitle: 'activations', unit: 'B', read: ({ cost }) => cost?.value.peakActivationBytes },
  { key: 'activations', title: 'Activations', subtitle: 'elements', unit: '', read: ({ cost }) => cost?.value.activations },
  { key: 'weights', title: 'Weights', subtitle: 'memory', unit: 'B', read: ({ cost, newest }) => cost?.value.weightsBytes ?? newest.subject.params.bytes },
  { key: 'field', title: 'Receptive field', subtitle: 'one side', unit: 'px', read: ({ newest }) => newest.subject.receptiveField },
];

/** Counted, the same on every machine. */
export const COST_METRICS: readonly Metric[] = COST_COLUMNS.map(({ key, title, subtitle, unit, read }) => ({
  key, title, subtitle, kind: 'cost', better: 'low',
  value: read,
  cell: (row) => {
    const value = read(row);
    if (value === undefined) return undefined;
    return { quantity: unit === 'px' ? { digits: exact(value), unit } : scaled(value, unit), exact: `${exact(value)} ${unit}`.trim() };
  },
}));

/** Cost columns of a page without a choice in its link. */
export const DEFAULT_COLUMNS: readonly string[] = ['params', 'macs', 'peak'];

type Lookup<T> = (row: Row) => Measured<T> | undefined;

/** Time against the reference workload of the same run, the figure that the table ranks by. */
export function ratioMetric(engine: Group, find: Lookup<Speed>, common: ReadonlySet<string>): Metric {
  return {
    key: `ratio:${engine.key}`, kind: 'ratio', title: engine.label, subtitle: 'time ÷ reference', better: 'low',
    value: (row) => find(row)?.value.ratio.median,
    cell: (row) => {
      const found = find(row);
      if (found === undefined) return undefined;
      const { ratio, resolved, absolute } = found.value;
      return {
        quantity: resolved ? { digits: significant(ratio.median), unit: '×' } : { digits: 'not resolved', unit: '' },
        note: plain(duration(absolute.p50)),
        marks: marksOf(found).filter((mark) => !common.has(mark)),
        exact: `${significant(ratio.median, 4)} × reference, 95 % interval ${significant(ratio.ci95[0], 4)} to ${significant(ratio.ci95[1], 4)}`,
      };
    },
  };
}

/** Milliseconds an image: for the plot; the machine that they hold on is named beside it. */
export function timeMetric(engine: Group, find: Lookup<Speed>): Metric {
  return {
    key: `time:${engine.key}`, kind: 'time', title: engine.label, subtitle: 'ms per image', better: 'low',
    value: (row) => find(row)?.value.absolute.p50,
    cell: (row) => {
      const found = find(row);
      if (found === undefined) return undefined;
      const { p10, p50, p90 } = found.value.absolute;
      return { quantity: duration(p50), note: `${plain(duration(p10))} to ${plain(duration(p90))}` };
    },
  };
}

/** Mean top-1 over seeds. */
export function top1Metric(data: Group, find: Lookup<Accuracy>, common: ReadonlySet<string>): Metric {
  return {
    key: `top1:${data.key}`, kind: 'top1', title: 'Top-1', subtitle: data.label, better: 'high',
    value: (row) => find(row)?.value.top1?.mean,
    cell: (row) => {
      const found = find(row);
      const top1 = found?.value.top1;
      if (found === undefined || top1 === undefined) return undefined;
      const spread = top1.sd === undefined ? '' : ` ± ${top1.sd.toFixed(2)}`;
      return {
        quantity: { digits: `${top1.mean.toFixed(2)}${spread}`, unit: '%' },
        note: seeds(found.value),
        marks: marksOf(found).filter((mark) => !common.has(mark)),
        exact: top1.ci95 === undefined ? undefined : `95 % interval ${top1.ci95[0].toFixed(2)} to ${top1.ci95[1].toFixed(2)} %`,
      };
    },
  };
}

/** '3 seeds', or '2 of 3 seeds' when some did not finish. */
export function seeds({ seeds: planned, top1 }: Accuracy): string {
  const finished = top1?.n ?? 0;
  const word = planned.length === 1 ? 'seed' : 'seeds';
  return finished === planned.length ? `${finished} ${word}` : `${finished} of ${planned.length} ${word}`;
}

/** Marks that every measurement of a list carries: said once beside the table and not in each cell. */
export function commonMarks(found: readonly Pick<Measured<unknown>, 'record'>[]): Set<string> {
  const [first, ...others] = found.map(marksOf);
  return new Set((first ?? []).filter((mark) => others.every((marks) => marks.includes(mark))));
}

/** Words that ask for care: a busy machine, a shortened run. */
function marksOf({ record }: Pick<Measured<unknown>, 'record'>): string[] {
  const marks = [];
  if (record.environment.noisy && record.kind === 'speed') marks.push('noisy');
  if (isQuick(record)) marks.push('quick');
  return marks;
}
