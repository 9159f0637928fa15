import * as Plot from '@observablehq/plot';
import { duration, plain, scaled, significant } from './format.js';
import type { Metric } from './metrics.js';
import { paretoFront } from './pareto.js';
import { configurationOf, type Row } from './rows.js';
import type { View } from './view.js';

interface Point {
  readonly row: Row;
  readonly x: number;
  readonly y: number;
  /** y minus and plus one standard deviation over seeds. */
  readonly low: number;
  readonly high: number;
}

/** Readable in both colour schemes; families beyond the tenth share a colour but not a symbol. */
const COLORS = ['#4269d0', '#e08b00', '#e5484d', '#2fa39a', '#3a9a4b', '#d6569b', '#8b5cf6', '#5b9bd5', '#9c6b4e', '#84888f'];
const SYMBOLS = ['circle', 'triangle', 'square', 'diamond', 'star', 'wye', 'cross', 'times', 'plus', 'asterisk', 'hexagon'] as const;

const MARGIN = { left: 52, right: 24 };

/** SVG stays quick up to here; the front is taken over all points. */
const MOST_DOTS = 3000;

/** The points of a view: rows that have both numbers. */
function pointsOf(rows: readonly Row[], x: Metric, y: Metric): Point[] {
  return rows.flatMap((row) => {
    const [at, value] = [x.value(row), y.value(row)];
    if (at === undefined || at <= 0 || value === undefined) return [];
    const sd = (y.kind === 'top1' && accuracyOf(row, y)) || 0;
    return [{ row, x: at, y: value, low: value - sd, high: value + sd }];
  });
}

/** Draws the scatter plot into `host`, or says why there is none. `families` fixes the colours. */
export function drawPlot(host: HTMLElement, view: View, families: readonly string[], onOpen: (id: string) => void): void {
  const { x, y } = view;
  const points = y === undefined ? [] : pointsOf(view.rows, x, y);
  if (y === undefined || points.length === 0) {
    host.replaceChildren(document.createTextNode(y === undefined ? 'Nothing has been timed or trained yet: the plot needs a speed or an accuracy.' : `No model here has both ${x.title} and ${axisLabel(y)}.`));
    host.classList.add('message');
    return;
  }
  host.classList.remove('message');
  const front = paretoFront(points, (point) => point, y.better);
  const shown = points.length <= MOST_DOTS ? points : [...new Set([...front, ...points.slice(0, MOST_DOTS)])];
  const used = families.filter((family) => shown.some(({ row }) => row.family === family));
  const symbolOf = new Map(families.map((family, index) => [family, SYMBOLS[index % SYMBOLS.length] ?? 'circle']));
  const colorOf = new Map(families.map((family, index) => [family, COLORS[index % COLORS.length] ?? 'currentColor']));
  const width = Math.max(280, host.clientWidth);
  const describe = ({ row, x: at, y: value }: Point): string =>
    [row.variant, configurationOf(row), `${x.title}: ${plain(scaled(at, unitOf(x)))}`, `${y.title}: ${tipValue(y, row, value)}`].join('\n');
  const linear = y.kind === 'top1';
  const [across, up] = [padded(points.map((point) => point.x)), linear ? extent(points.map((point) => point.y)) : padded(points.map((point) => point.y))];
  const last = front.at(-1);
  // Whoever can pay more still gets the last point of the front.
  const staircase = last === undefined ? [] : [...front, { ...last, x: across[1] }];
  const family = ({ row }: Point): string => row.family;
  const height = Math.min(420, Math.max(300, width * 0.42));
  const figure = Plot.plot({
    width,
    height,
    marginLeft: MARGIN.left, marginRight: MARGIN.right, marginTop: 28, marginBottom: 44,
    style: { background: 'none', fontSize: '12px', fontFamily: 'inherit', overflow: 'visible' },
    ariaLabel: `${axisLabel(y)} against ${x.title}`,
    ariaDescription: `${points.length} models, ${front.length} of them on the Pareto front. The table holds the same numbers.`,
    x: { type: 'log', label: `${x.title}, ${x.subtitle} →`, labelAnchor: 'right', labelArrow: 'none', grid: true, domain: across, ticks: logTicks(across, width < 500 ? 4 : 8), tickFormat: (value: number) => tick(value, unitOf(x)) },
    y: { type: linear ? 'linear' : 'log', label: axisLabel(y), labelArrow: 'none', grid: true, nice: linear, domain: linear ? undefined : up, ticks: linear ? 6 : logTicks(up, 6), tickFormat: (value: number) => (linear ? String(value) : tick(value, '')) },
    color: { domain: used, range: used.map((family) => colorOf.get(family) ?? 'currentColor') },
    symbol: { domain: used, range: used.map((family) => symbolOf.get(family) ?? 'circle'), legend: true },
    marks: [
      Plot.line(staircase, { x: 'x', y: 'y', curve: 'step-after', stroke: 'currentColor', strokeOpacity: 0.45, strokeWidth: 1.5, strokeDasharray: '4 3' }),
      Plot.ruleX(shown.filter(({ low, high }) => high > low), { x: 'x', y1: 'low', y2: 'high', stroke: family, strokeOpacity: 0.6 }),
      Plot.dot(shown, { x: 'x', y: 'y', stroke: family, fill: family, fillOpacity: 0.35, symbol: family, r: 5, strokeWidth: 1.5 }),
      ...placeLabels(front, across, up, { width: width - MARGIN.left - MARGIN.right, height }).map(({ anchor, points: named }) => Plot.text(named, { x: 'x', y: 'y', text: labelOf, textAnchor: anchor, dy: linear ? -13 : 15, fill: 'currentColor', stroke: 'var(--surface)', strokeWidth: 4, fontWeight: 500 })),
      Plot.tip(shown, Plot.pointer({ x: 'x', y: 'y', title: describe, fill: 'var(--surface)', stroke: 'var(--line-strong)', fontSize: 12, lineHeight: 1.35 })),
    ],
  });
  figure.addEventListener('click', () => {
    const point = figure.value as Point | null;
    if (point !== null) onOpen(point.row.id);
  });
  host.replaceChildren(figure);
}

/** 'Top-1 %, fashion-mnist, 3 epochs', 'wasm, time ÷ reference'. */
export function axisLabel(metric: Metric): string {
  return metric.kind === 'top1' ? `Top-1 %, ${metric.subtitle}` : `${metric.title}, ${metric.subtitle}`;
}

function tipValue(y: Metric, row: Row, value: number): string {
  const cell = y.cell(row);
  if (y.kind === 'time') return plain(duration(value));
  if (y.kind === 'ratio') return `${significant(value)} × reference, ${cell?.note ?? ''}`;
  return cell === undefined ? '' : `${plain(cell.quantity)}, ${cell.note ?? ''}`;
}

function accuracyOf(row: Row, y: Metric): number | undefined {
  return row.accuracy.get(y.key.slice('top1:'.length))?.value.top1?.sd;
}

type Domain = readonly [low: number, high: number];
type Anchor = 'start' | 'middle' | 'end';

/** Pixels of one character of a label, about. */
const CHARACTER = 6.8;

/** Pixels of one line, about. */
const LINE = 18;

/** Names of front points, kept inside the frame; one that would run into another name is left out. */
function placeLabels(front: readonly Point[], across: Domain, up: Domain, size: { width: number; height: number }): { anchor: Anchor; points: Point[] }[] {
  const groups = (['start', 'middle', 'end'] as const).map((anchor) => ({ anchor, points: [] as Point[] }));
  const placed: { left: number; right: number; y: number }[] = [];
  for (const point of front) {
    const at = share(point.x, across) * size.width;
    const y = share(point.y, up) * size.height;
    const length = labelOf(point).length * CHARACTER;
    const anchor: Anchor = at < length / 2 ? 'start' : at > size.width - length / 2 ? 'end' : 'middle';
    const left = anchor === 'start' ? at : anchor === 'end' ? at - length : at - length / 2;
    const right = left + length;
    if (placed.some((other) => left < other.right && right > other.left && Math.abs(y - other.y) < LINE)) continue;
    placed.push({ left, right, y });
    groups.find((group) => group.anchor === anchor)?.points.push(point);
  }
  return groups;
}

/** Where a value stands on a logarithmic axis, 0 to 1. */
function share(value: number, [low, high]: Domain): number {
  return Math.log(value / low) / Math.log(high / low);
}

function labelOf({ row }: Point): string {
  return row.variant.length > 24 ? `${row.variant.slice(0, 23)}…` : row.variant;
}

function extent(values: readonly number[]): [low: number, high: number] {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

function padded(values: readonly number[]): [low: number, high: number] {
  const [low, high] = extent(values);
  const room = Math.max(1.25, (high / low) ** 0.09);
  return [low / room, high * room];
}

/** Round values inside the domain, as fine as `most` allows; at worst every second power of ten, or third and so on. */
function logTicks([low, high]: Domain, most: number): number[] {
  const powers: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) powers.push(power);
  const inside = (values: readonly number[]): number[] => values.filter((value) => value >= low && value <= high);
  for (const steps of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 5], [1, 3], [1]]) {
    const ticks = inside(powers.flatMap((power) => steps.map((step) => step * 10 ** power)));
    if (ticks.length <= most) return ticks;
  }
  return inside(powers.filter((_, index) => index % Math.ceil(powers.length / most) === 0).map((power) => 10 ** power));
}

function unitOf(metric: Metric): string {
  return metric.key === 'peak' ? 'B' : '';
}

function tick(value: number, unit: string): string {
  if (value < 1) return String(Number(value.toPrecision(3)));
  const { digits, unit: prefixed } = scaled(value, unit);
  return `${Number(digits.replaceAll(',', ''))}${prefixed === '' ? '' : ` ${prefixed}`}`;
}
