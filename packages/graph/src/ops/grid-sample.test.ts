import { expect, test } from 'vitest';
import { PLAIN } from '../onnx/layout.js';
import { text } from '../onnx/program.js';
import { OnnxWriter } from '../onnx/writer.js';
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

test.each([[17, 'bilinear'], [19, 'bilinear'], [20, 'linear'], [22, 'linear']])('ONNX calls the mode otherwise since operators of version 20: %d %s', (opset, mode) => {
  const writer = new OnnxWriter(opset);
  const value = (name: string, shape: number[]) => ({ name, shape, layout: PLAIN });
  gridSample.onnx(writer, [value('x', [1, 7, 8, 3]), value('grid', [1, 4, 5, 2])], attributes, [1, 4, 5, 3]);
  expect(writer.nodes.at(-1)).toMatchObject({ type: 'GridSample', attributes: { mode: text(mode) } });
});
