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
  const find = (engine: Group) => {
    const key = speedKey(machine?.key ?? '', test?.key ?? '', engine.key);
    return (row: Row) => row.speed.get(key);
  };
  const enginesToChoose = board.engines.filter((engine) => board.rows.some(isTimed(find(engine))));
  const engine = enginesToChoose.find(({ key }) => key === state.engine);
  const data = board.datasets.find(({ key }) => key === state.data);
  const engines = engine === undefined ? byLabel(enginesToChoose) : [engine];
  const datasets = data === undefined ? board.datasets : [data];

  const marks = {
    speed: commonMarks(engines.flatMap((group) => board.rows.flatMap(withoutMissing(find(group))))),
    accuracy: commonMarks(datasets.flatMap(({ key }) => board.rows.flatMap((row) => row.accuracy.get(key) ?? []))),
  };
  const ratios = engines.map((group) => ratioMetric(group, find(group), marks.speed));
  const times = engines.map((group) => timeMetric(group, find(group)));
  const accuracies = datasets.map((group) => top1Metric(group, (row) => row.accuracy.get(group.key), marks.accuracy));
  const shown = new Set(state.columns === '' ? DEFAULT_COLUMNS : state.columns.split(','));
  const columns = [...accuracies, ...ratios, ...COST_METRICS.filter(({ key }) => shown.has(key))];
  const xAxes = COST_METRICS.filter(({ key }) => key === 'params' || key === 'macs' || key === 'peak');
  const yAxes = [...accuracies, ...ratios, ...times];

  const filters = [textFilter(state.query), choiceFilter(board, state)];
  if (engine !== undefined) filters.push(isTimed(find(engine)));
  if (data !== undefined) filters.push(({ accuracy }) => accuracy.has(data.key));
  const rows = resultsFirst(board.rows.filter((row) => filters.every((passes) => passes(row))), [...ratios, ...accuracies]);
  const x = xAxes.find(({ key }) => key === state.x) ?? xAxes.find(({ key }) => key === 'macs') ?? xAxes[0];
  if (x === undefined) throw new Error('resolveView: the cost metrics must hold an x axis');
  const y = yAxes.find(({ key }) => key === state.y) ?? mostMeasured(accuracies, rows) ?? mostMeasured(ratios, rows);
  return { machine, test, tests, engines, enginesToChoose, datasets, columns, xAxes, yAxes, x, y, rows, marks, sort: sortOf(state, columns, rows) };
}

/** All words of the query occur in the row's text. */
function textFilter(query: string): (row: Row) => boolean {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return ({ text }) => words.every((word) => text.includes(word));
}

/** Family and input as selected; a name that the results lack selects all. */
function choiceFilter(board: Board, state: ViewState): (row: Row) => boolean {
  const family = board.families.includes(state.family) ? state.family : '';
  const input = board.inputs.some(({ key }) => key === state.input) ? state.input : '';
  return (row) => (family === '' || row.family === family) && (input === '' || inputKey(row) === input);
}

function isTimed(find: (row: Row) => unknown): (row: Row) => boolean {
  return (row) => find(row) !== undefined;
}

/** Rows with a value for one of the metrics before the others; both keep their order. */
function resultsFirst(rows: readonly Row[], metrics: readonly Metric[]): Row[] {
  const [first, rest]: [Row[], Row[]] = [[], []];
  for (const row of rows) (metrics.some((metric) => metric.value(row) !== undefined) ? first : rest).push(row);
  return first.concat(rest);
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

/** For `flatMap`: the value, or nothing. */
function withoutMissing<T>(find: (row: Row) => T | undefined): (row: Row) => T[] {
  return (row) => {
    const found = find(row);
    return found === undefined ? [] : [found];
  };
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
