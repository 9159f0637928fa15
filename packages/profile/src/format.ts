import Table from 'cli-table3';
import { markdownTable } from 'markdown-table';
import type { LayerProfile, Profile } from './profile.js';

export interface FormatOptions {
  /** One row a layer above the totals. Default false. */
  layers?: boolean;
}

/** 25557032 -> "25,557,032". */
export function integer(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** A count with its SI prefix and three significant digits: 4089184256 -> "4.09 G". */
export function si(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  const step = value === 0 ? 0 : Math.min(Math.floor(Math.log10(Math.abs(value)) / 3), units.length - 1);
  return step <= 0 ? String(Number(value.toPrecision(3))) : `${(value / 1000 ** step).toPrecision(3)} ${units[step]}`;
}

/** Bytes in MiB or KiB. */
export function bytes(value: number): string {
  return value >= 1 << 20 ? `${(value / (1 << 20)).toFixed(1)} MiB` : `${(value / 1024).toFixed(1)} KiB`;
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
    ['receptive field', `${integer(p.receptiveField)} px, stride ${p.effectiveStride}, offset ${p.receptiveFieldOffset}`],
  ];
}

/** A profile for a terminal of 80 columns. */
export function formatTable(p: Profile, options: FormatOptions = {}): string {
  const parts: string[] = [];
  if (options.layers) {
    const table = new Table({ head: LAYER_COLUMNS.map(({ title }) => title), colAligns: LAYER_COLUMNS.map(({ right }) => (right ? 'right' : 'left')), style: PLAIN, chars: LIGHT });
    for (const layer of p.layers) table.push(LAYER_COLUMNS.map(({ value }) => value(layer)));
    parts.push(table.toString());
  }
  const table = new Table({ colAligns: ['left', 'right'], style: PLAIN, chars: LIGHT });
  table.push(...totals(p));
  parts.push(`${p.model}\n${table.toString()}`);
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
const PLAIN = { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 2 };
const LIGHT = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '',
};
