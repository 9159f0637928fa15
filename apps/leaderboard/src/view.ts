import type { Group } from './groups.js';
import { commonMarks, COST_METRICS, DEFAULT_COLUMNS, ratioMetric, timeMetric, top1Metric, type Metric } from './metrics.js';
import { inputKey, speedKey, type Board, type Row } from './rows.js';
import { decodeSort, type ViewState } from './state.js';

/** The board as one state shows it: every choice made, names that the results lack replaced by a default. */
export interface View {
  readonly machine?: Group;
  readonly test?: Group;
  /** Engines measured on this machine in this test; the selected one alone when one is selected. */
  readonly engines: readonly Group[];
  readonly datasets: readonly Group[];
  /** Choices for the selectors. */
  readonly tests: readonly Group[];
  readonly enginesToChoose: readonly Group[];
  /** Table columns, left to right. */
  readonly columns: readonly Metric[];
  readonly xAxes: readonly Metric[];
  readonly yAxes: readonly Metric[];
  readonly x: Metric;
  /** Undefined while nothing has been timed or trained. */
  readonly y?: Metric;
  readonly sort: { readonly key: string; readonly descending: boolean };
  /** Rows that pass the filters: those with a time or an accuracy first, then in the board's order. */
  readonly rows: readonly Row[];
  /** Marks that all shown measurements of a kind carry. */
  readonly marks: { readonly speed: ReadonlySet<string>; readonly accuracy: ReadonlySet<string> };
}

/** The sort key of the model's name. */
export const NAME = 'name';

/** Everything the table, the plot and the selectors need. Pure. */
export function resolveView(board: Board, state: ViewState): View {
  const machine = choose(board.machines, state.machine);
  const tests = machine === undefined ? [] : board.tests.filter(({ key }) => measured(board.rows, machine.key, key));
  // The newest test of this machine, not of another one.
  const test = choose(tests, state.test);
  const find = (engine: Group) => (row: Row) => row.speed.get(speedKey(machine?.key ?? '', test?.key ?? '', engine.key));
  const enginesToChoose = board.engines.filter((engine) => board.rows.some((row) => find(engine)(row) !== undefined));
  const engine = enginesToChoose.find(({ key }) => key === state.engine);
  const data = board.datasets.find(({ key }) => key === state.data);
  const engines = engine === undefined ? byLabel(enginesToChoose) : [engine];
  const datasets = data === undefined ? board.datasets : [data];

  const marks = {
    speed: commonMarks(board.rows.flatMap((row) => engines.flatMap((group) => find(group)(row) ?? []))),
    accuracy: commonMarks(board.rows.flatMap((row) => datasets.flatMap(({ key }) => row.accuracy.get(key) ?? []))),
  };
  const ratios = engines.map((group) => ratioMetric(group, find(group), marks.speed));
  const times = engines.map((group) => timeMetric(group, find(group)));
  const accuracies = datasets.map((group) => top1Metric(group, (row) => row.accuracy.get(group.key), marks.accuracy));
  const shown = new Set(state.columns === '' ? DEFAULT_COLUMNS : state.columns.split(','));
  const columns = [...COST_METRICS.filter(({ key }) => shown.has(key)), ...ratios, ...accuracies];
  const xAxes = COST_METRICS.filter(({ key }) => key === 'params' || key === 'macs' || key === 'peak');
  const yAxes = [...accuracies, ...ratios, ...times];

  const words = state.query.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const matching = board.rows.filter(
    (row) =>
      words.every((word) => row.text.includes(word)) &&
      (state.family === '' || !board.families.includes(state.family) || row.family === state.family) &&
      (state.input === '' || !board.inputs.some(({ key }) => key === state.input) || inputKey(row) === state.input) &&
      (engine === undefined || find(engine)(row) !== undefined) &&
      (data === undefined || row.accuracy.has(data.key)),
  );
  const hasResult = (row: Row): boolean => [...ratios, ...accuracies].some((metric) => metric.value(row) !== undefined);
  const rows = [...matching.filter(hasResult), ...matching.filter((row) => !hasResult(row))];
  const x = xAxes.find(({ key }) => key === state.x) ?? xAxes.find(({ key }) => key === 'macs') ?? xAxes[0];
  if (x === undefined) throw new Error('resolveView: the cost metrics must hold an x axis');
  const y = yAxes.find(({ key }) => key === state.y) ?? mostMeasured(accuracies, rows) ?? mostMeasured(ratios, rows);
  return { machine, test, tests, engines, enginesToChoose, datasets, columns, xAxes, yAxes, x, y, rows, marks, sort: sortOf(state, columns, rows) };
}

/** Ascending or descending by a metric; rows without a value always last, ties in the board's order. */
export function sortRows(rows: readonly Row[], metric: Metric | undefined, descending: boolean): Row[] {
  const sign = descending ? -1 : 1;
  if (metric === undefined) return descending ? rows.toReversed() : [...rows];
  return rows
    .map((row) => ({ row, value: metric.value(row) }))
    .sort((a, b) => compareValues(a.value, b.value, sign))
    .map(({ row }) => row);
}

function compareValues(a: number | undefined, b: number | undefined, sign: number): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return sign * (a - b);
}

/** Best accuracy first; without accuracy fastest first; without either by name. */
function sortOf(state: ViewState, columns: readonly Metric[], rows: readonly Row[]): View['sort'] {
  const wanted = decodeSort(state.sort);
  if (wanted !== undefined && (wanted.key === NAME || columns.some(({ key }) => key === wanted.key))) return wanted;
  const best = mostMeasured(columns.filter(({ kind }) => kind === 'top1'), rows) ?? mostMeasured(columns.filter(({ kind }) => kind === 'ratio'), rows);
  return best === undefined ? { key: NAME, descending: false } : { key: best.key, descending: best.better === 'high' };
}

/** The metric that most rows have; the earlier one of equals. */
function mostMeasured(metrics: readonly Metric[], rows: readonly Row[]): Metric | undefined {
  let best: Metric | undefined;
  let most = 0;
  for (const metric of metrics) {
    const count = rows.filter((row) => metric.value(row) !== undefined).length;
    if (count > most) [best, most] = [metric, count];
  }
  return best;
}

function measured(rows: readonly Row[], machine: string, test: string): boolean {
  const prefix = speedKey(machine, test, '');
  return rows.some(({ speed }) => [...speed.keys()].some((key) => key.startsWith(prefix)));
}

function choose(groups: readonly Group[], key: string): Group | undefined {
  return groups.find((group) => group.key === key) ?? groups[0];
}

function byLabel(groups: readonly Group[]): Group[] {
  return [...groups].sort((a, b) => (a.label < b.label ? -1 : 1));
}
