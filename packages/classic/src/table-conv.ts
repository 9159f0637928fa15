/** A convolution whose output maps see some input maps only, by a table (LeCun et al. 1998, table I). */
import { blockEntries, concatenate, conv2d, imageShape, layerLabel, layersUnder, option, OptionError, readOptions, sliceChannels, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

/** The input maps of every output map. */
export type ConnectionTable = readonly (readonly number[])[];

/** The schema of a table, which specs share. */
export const tableOption = option.list(option.list(option.integer(0)));

export interface TableConvOptions extends BlockOptions {
  /** The input maps of every output map. */
  table: ConnectionTable;
  kernelSize: number;
  /** Default 0. */
  padding?: number;
}

const tableConvEntries = {
  ...blockEntries('glorotUniform'),
  table: tableOption,
  kernelSize: option.integer(1),
  padding: option.withDefault(option.integer(0), 0),
} as const;

/** Splits a list where `splits` says that two neighbours belong apart. */
function runs<T>(items: readonly T[], splits: (before: T, item: T) => boolean): T[][] {
  const found: T[][] = [];
  items.forEach((item, i) => {
    const before = items[i - 1];
    if (before === undefined || splits(before, item)) found.push([item]);
    else found.at(-1)?.push(item);
  });
  return found;
}

/**
 * A convolution with bias whose output map i sees the input maps table[i] and has no weights for the others: rows of one
 * length that follow each other are one grouped convolution. [N, H, W, C] -> [N, H', W', table.length], H' = H + 2 padding - kernelSize + 1.
 * Parameters: kernelSize^2 |table[i]| + 1 for every i.
 * @throws OptionError for unknown and impossible options, and for a map that does not exist or is there twice.
 */
export function tableConv(x: SymbolicTensor, options: TableConvOptions): SymbolicTensor {
  const where = layerLabel('tableConv', options?.name);
  const { table, kernelSize, padding, name, ...weights } = readOptions(where, tableConvEntries, options);
  const channels = imageShape(where, x.shape)[3];
  for (const row of table) {
    if (row.some((map) => map >= channels)) throw new OptionError(where, 'table', row, `a list of lists of numbers below the ${channels} input maps`);
    if (new Set(row).size < row.length) throw new OptionError(where, 'table', row, 'a list of lists of different numbers');
  }
  const at = layersUnder(name);

  // tf.layers frees a tensor too early that one layer reads twice: every use has a slice of its own.
  const slice = (part: readonly number[], path: string) => {
    const [start = 0, size] = [part[0], part.length];
    return sliceChannels(x, { start, size, name: at(size === 1 ? `${path}.map${start}` : `${path}.maps${start}to${start + size - 1}`) });
  };
  const maps = (rows: ConnectionTable, path: string) => {
    if (rows.length === 1 && rows[0]?.every((map, i) => map === i) && rows[0].length === channels) return x;
    const parts = rows.flatMap((row, i) => runs(row, (before, map) => map !== before + 1).map((part) => slice(part, `${path}.${i}`)));
    return parts.length === 1 ? parts[0] as SymbolicTensor : concatenate(parts, { name: at(`${path}.maps`) });
  };
  const outputs = runs(table, (before, row) => before.length !== row.length).map((rows, i) =>
    conv2d(maps(rows, `${i}`), { filters: rows.length, kernelSize, padding, groups: rows.length, name: at(`${i}`), ...weights }));
  return outputs.length === 1 ? outputs[0] as SymbolicTensor : concatenate(outputs, { name: at('concat') });
}
