import { expect, test } from 'vitest';
import { gridSample } from './grid-sample.js';

const attributes = { padding: 'zeros', alignCorners: false } as const;

test('a sample is four products and three sums a channel, and no multiply-accumulates', () => {
  const inputs = [[null, 7, 8, 3], [null, 4, 5, 2]];
  const output = gridSample.shape(inputs, attributes);
  expect(output).toEqual([null, 4, 5, 3]);
  expect(gridSample.cost(inputs, attributes, output)).toEqual({ macs: 0, elementwise: 4 * 5 * 3 * 7 });
});

test.each([
  ['a grid of three numbers', [null, 4, 5, 3]],
  ['a flat grid', [null, 40]],
])('refuses %s', (_, grid) => {
  expect(() => gridSample.shape([[null, 7, 8, 3], grid], attributes)).toThrow(/a grid is \[N, H', W', 2\]/);
});
