import { option, OptionError } from '@convkit/core';

/** Height and width. */
export type Size = readonly [height: number, width: number];

const isSize = (value: unknown): value is Size => Array.isArray(value) && value.length === 2 && value.every((x) => Number.isInteger(x) && x > 0);
const isSizes = (value: unknown) => Array.isArray(value) && value.length > 0 && value.every(isSize);
const isPositive = (value: unknown) => Array.isArray(value) && value.length > 0 && value.every((x) => Number.isFinite(x) && x > 0);

/** What the three kinds of generators have in common. */
export const anchorOption = {
  maps: option.custom<readonly Size[]>(isSizes, 'a list of [height, width], integers > 0'),
  image: option.custom<Size>(isSize, '[height, width], integers > 0'),
  numbers: option.custom<readonly number[]>(isPositive, 'a list of numbers > 0'),
  lists: option.custom<readonly (readonly number[])[]>((value) => Array.isArray(value) && value.length > 0 && value.every(isPositive), 'a list of lists of numbers > 0'),
};

/** Item i of a list that has one item for each map. @throws OptionError for another number of items. */
export function perMap<T>(where: string, name: string, items: readonly T[], maps: readonly Size[]): readonly T[] {
  if (items.length !== maps.length) throw new OptionError(where, name, items.length, `one for each of the ${maps.length} maps`);
  return items;
}

/**
 * Boxes around the centres of cells, cell by cell, row by row: each map has its own list of boxes [x1, y1, x2, y2] about zero
 * and its own centres.
 */
export function boxesOnMaps(levels: readonly { map: Size; boxes: readonly (readonly number[])[]; centre: (row: number, column: number) => readonly [x: number, y: number] }[]): Float32Array {
  const result = new Float32Array(4 * levels.reduce((sum, { map, boxes }) => sum + map[0] * map[1] * boxes.length, 0));
  let next = 0;
  for (const { map: [rows, columns], boxes, centre } of levels) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const [x, y] = centre(row, column);
        for (const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] of boxes) {
          result[next++] = x + x1;
          result[next++] = y + y1;
          result[next++] = x + x2;
          result[next++] = y + y2;
        }
      }
    }
  }
  return result;
}

/** A box of these sides about zero. */
export function boxAround(width: number, height: number): readonly [number, number, number, number] {
  return [-width / 2, -height / 2, width / 2, height / 2];
}
