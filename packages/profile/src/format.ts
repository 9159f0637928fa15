import Table from 'cli-table3';
import { markdownTable } from 'markdown-table';
import { bytes, integer } from './numbers.js';
import type { LayerProfile, Profile } from './profile.js';

export interface FormatOptions {
  /** One row a layer above the totals. Default false. */
  layers?: boolean;
}

/** At most two decimals. */
function decimal(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** [null, 7, 7, 512] -> "7x7x512". */
function shape(dimensions: readonly (number | null)[]): string {
  return dimensions.slice(1).map((n) => n ?? '?').join('x');
}

const LAYER_COLUMNS: { title: string; value: (layer: LayerProfile) => string; right: boolean }[] = [
  { title: 'layer', value: ({ name }) => name, right: false },
  { title: 'output', value: ({ outputShape }) => shape(outputShape), right: true },
  { title: 'params', value: ({ params }) => integer(params), right: true },
  { title: 'MACs', value: ({ macs }) => integer(macs), right: true },
  { title: 'RF', value: ({ receptiveField }) => integer(receptiveField), right: true },
];

function totals(p: Profile): [string, string][] {
  return [
    ['input (H x W x C)', p.input.join('x')],
    ['classes', p.classes === null ? '-' : integer(p.classes)],
    ['parameters', integer(p.params)],
    ['running statistics', integer(p.runningStats)],
    ['weights', bytes(p.weightsBytes)],
    ['MACs (conv + dense)', integer(p.macs)],
    ['FLOPs (2 x MACs)', integer(p.flops)],
    ['all operations', integer(p.allOps)],
    ['activations (conv + dense)', integer(p.activations)],
    ['activation memory, sum', bytes(p.activationBytes)],
    ['activation memory, peak', bytes(p.peakActivationBytes)],
    ['arithmetic intensity', `${p.arithmeticIntensity.toFixed(1)} FLOP/byte`],
    ['receptive field', `${integer(p.receptiveField)} px, stride ${decimal(p.effectiveStride)}, offset ${decimal(p.receptiveFieldOffset)}`],
  ];
}

/** Of a terminal. */
const WIDTH = 80;
const GAP = 2;

/** A name cut in the middle to at most `room` characters; its end says most. */
function shortened(name: string, room: number): string {
  if (name.length <= room) return name;
  const head = Math.floor((room - 1) / 3);
  return `${name.slice(0, head)}…${name.slice(name.length - (room - 1 - head))}`;
}

/** The rows with the names in the first column cut to what the other columns leave of the width. */
function fitted(rows: readonly string[][]): string[][] {
  const others = LAYER_COLUMNS.slice(1).map(({ title }, i) => GAP + Math.max(title.length, ...rows.map((row) => row[i + 1]?.length ?? 0)));
  const room = Math.max(WIDTH - others.reduce((sum, width) => sum + width, 0), 12);
  return rows.map(([name = '', ...rest]) => [shortened(name, room), ...rest]);
}

/** A table's text without the spaces at line ends. */
function text(table: { toString(): string }): string {
  return table.toString().replaceAll(/[^\S\n]+$/gm, '');
}

/** A profile for a terminal of 80 columns; longer layer names are cut in the middle. */
export function formatTable(p: Profile, options: FormatOptions = {}): string {
  const parts: string[] = [];
  if (options.layers) {
    const table = new Table({ head: LAYER_COLUMNS.map(({ title }) => title), colAligns: LAYER_COLUMNS.map(({ right }) => (right ? 'right' : 'left')), style: PLAIN, chars: LIGHT });
    table.push(...fitted(p.layers.map((layer) => LAYER_COLUMNS.map(({ value }) => value(layer)))));
    parts.push(text(table));
  }
  const table = new Table({ colAligns: ['left', 'right'], style: PLAIN, chars: LIGHT });
  table.push(...totals(p));
  parts.push(`${p.model}\n${text(table)}`);
  return parts.join('\n\n');
}

/** A profile as Markdown tables. */
export function formatMarkdown(p: Profile, options: FormatOptions = {}): string {
  const parts = [`### ${p.model}`, markdownTable([['', p.model], ...totals(p)], { align: ['l', 'r'] })];
  if (options.layers) {
    const rows = p.layers.map((layer) => LAYER_COLUMNS.map(({ value }) => value(layer)));
    parts.push(markdownTable([LAYER_COLUMNS.map(({ title }) => title), ...rows], { align: LAYER_COLUMNS.map(({ right }) => (right ? 'r' : 'l')) }));
  }
  return `${parts.join('\n\n')}\n`;
}

/** No colours, and lines only under the head: reads the same in a log. */
const PLAIN = { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': GAP };
const LIGHT = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '',
};
