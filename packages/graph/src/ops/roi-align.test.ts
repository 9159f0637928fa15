import { describe, expect, test } from 'vitest';
import { PLAIN } from '../onnx/layout.js';
import { int, text } from '../onnx/program.js';
import { OnnxWriter } from '../onnx/writer.js';
import { roiAlign } from './roi-align.js';
import { roiPool } from './roi-pool.js';

const bins = { outputSize: [3, 2], spatialScale: 0.5 } as const;
const attributes = { ...bins, samplingRatio: 2, aligned: true } as const;
const inputs = [[null, 7, 8, 5], [null, 6, 4]] as const;
const values = (batch: number | null) => [{ name: 'x', shape: [batch, 7, 8, 5], layout: PLAIN }, { name: 'boxes', shape: [batch, 6, 4], layout: PLAIN }] as const;

test('every box of every image has its bins', () => {
  expect(roiAlign.shape(inputs, attributes)).toEqual([null, 6, 3, 2, 5]);
  expect(roiPool.shape(inputs, bins)).toEqual([null, 6, 3, 2, 5]);
});

test('a bin costs its samples, four products and three sums each, and their mean; a maximum at most the map', () => {
  const output = [null, 6, 3, 2, 5];
  expect(roiAlign.cost(inputs, { ...attributes, samplingRatio: 3 }, output)).toEqual({ macs: 0, elementwise: 6 * 3 * 2 * 5 * 9 * 8 });
  expect(roiPool.cost(inputs, bins, output)).toEqual({ macs: 0, elementwise: 6 * 7 * 8 * 5 });
});

describe.each([['roiAlign', roiAlign], ['roiPool', roiPool]] as const)('%s', (_, op) => {
  test.each([
    ['boxes of five numbers', [[null, 7, 8, 5], [null, 6, 5]]],
    ['one list of boxes', [[null, 7, 8, 5], [6, 4]]],
    ['no images', [[null, 35], [null, 6, 4]]],
  ])('refuses %s', (__, shapes) => {
    expect(() => op.shape(shapes, attributes)).toThrow(/boxes are \[N, R, 4\] for images \[N, H, W, C\], got/);
  });
});

test.each([[true, 'half_pixel'], [false, 'output_half_pixel']])('aligned %s is %s in ONNX', (aligned, mode) => {
  const writer = new OnnxWriter(17);
  const { layout, shape } = roiAlign.onnx(writer, values(null), { ...attributes, aligned }, [null, 6, 3, 2, 5]);
  const node = writer.nodes.find(({ type }) => type === 'RoiAlign');
  expect(node?.attributes).toMatchObject({ mode: text('avg'), coordinate_transformation_mode: text(mode), sampling_ratio: int(2), output_height: int(3), output_width: int(2) });
  expect([shape, layout.permutation]).toEqual([[null, 6, 3, 2, 5], [0, 1, 4, 2, 3]]);
  expect(writer.constants.size, 'no constant depends on the batch').toBe([...writer.constants.values()].filter(({ data }) => data.length <= 5).length);
});

test('only the map has a gradient, of RoIAlign; RoI pooling has none in ONNX', () => {
  const writer = new OnnxWriter(17);
  const upstream = { name: 'dy', shape: [2, 6, 3, 2, 5], layout: PLAIN };
  const gradients = roiAlign.gradient?.(writer, { inputs: values(2), output: upstream, upstream, attributes, needs: [true, true] });
  expect(gradients?.map((gradient) => gradient?.shape)).toEqual([[2, 7, 8, 5], undefined]);
  expect(roiPool.gradient).toBeUndefined();
});
