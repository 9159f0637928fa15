import type { ValueShape } from '@convkit/core';
import { expect, test } from 'vitest';
import { deformConv2d } from './deform-conv2d.js';

const attributes = { strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1], modulated: true } as const;
const [x, kernel, bias] = [[null, 7, 8, 4], [3, 3, 2, 6], [6]] as const;
const [offset, mask] = [[null, 7, 8, 36], [null, 7, 8, 18]] as const;

test('a deformable convolution costs the multiply-accumulates of the ordinary one; its samples are elementwise work', () => {
  const inputs = [x, kernel, offset, mask, bias];
  const output = deformConv2d.shape(inputs, attributes);
  expect(output).toEqual([null, 7, 8, 6]);
  // 56 positions, 9 taps, 2 input channels a group, 6 filters. 4 products and 3 sums a sample, and its factor; then the bias.
  expect(deformConv2d.cost(inputs, attributes, output)).toEqual({ macs: 56 * 9 * 2 * 6, elementwise: 56 * 9 * 4 * 8 + 56 * 6 });
  const plain = { ...attributes, modulated: false };
  expect(deformConv2d.cost([x, kernel, offset], plain, output)).toEqual({ macs: 56 * 9 * 2 * 6, elementwise: 56 * 9 * 4 * 7 });
  expect(deformConv2d.cost([x, kernel, offset, bias], plain, output).elementwise).toBe(56 * 9 * 4 * 7 + 56 * 6);
});

test.each<[string, readonly ValueShape[], RegExp]>([
  ['offsets of another size', [x, kernel, [null, 5, 8, 36], mask], /the offset must be \[N, 7, 8, 36\], got \[, 5, 8, 36\]/],
  ['offsets of half a tap', [x, kernel, [null, 7, 8, 27], mask], /the offset must be \[N, 7, 8, a multiple of 18\]/],
  ['three deformable groups of four channels', [x, kernel, [null, 7, 8, 54], mask], /the offset must be/],
  ['a mask for one group of two', [x, kernel, offset, [null, 7, 8, 9]], /the mask must be \[N, 7, 8, 18\], got \[, 7, 8, 9\]/],
  ['a kernel for other channels', [x, [3, 3, 3, 6], offset, mask], /the weights take 3 input channels, the input \[, 7, 8, 4\] has 4/],
])('refuses %s', (_, inputs, message) => {
  expect(() => deformConv2d.shape(inputs, attributes)).toThrow(message);
});
