import { expect, test } from 'vitest';
import { OUTLINES } from './shape-outlines.js';
import { developCanvas, drawGradient, drawObject, randomDirection } from './shape-drawing.js';
import { randomStream } from './random.js';

const blank = (side: number) => ({ height: side, width: side, channels: 1, values: new Float64Array(side * side) });
const insideOf = (name: string) => OUTLINES.find((outline) => outline.name === name)!.inside;
const area = (mask: Uint8Array) => mask.reduce((sum, m) => sum + (m ? 1 : 0), 0);

// Areas in units of the squared circumradius, from the formulas of plane geometry.
test.each([
  ['circle', Math.PI * 0.85 ** 2],
  ['ring', Math.PI * (0.95 ** 2 - 0.5 ** 2)],
  ['ellipse', Math.PI * 0.5],
  ['triangle', (3 * Math.sqrt(3)) / 4],
  ['square', 1.4 ** 2],
  ['diamond', 2 * 0.52],
  // Ten triangles with sides 1 and 0.42 and 36 degrees between them.
  ['star', 10 * 0.5 * 0.42 * Math.sin(Math.PI / 5)],
  ['cross', 2 * 1.9 * 0.56 - 0.56 ** 2],
  ['arrow', 1 * 0.4 + 0.5 * 1.4 * 0.85],
])('%s has its area, whatever its turn', (name, expected) => {
  for (const turn of [0, 0.4, 2]) {
    const mask = new Uint8Array(200 * 200);
    drawObject(blank(200), mask, insideOf(name), { x: 100, y: 100, radius: 90, cos: Math.cos(turn), sin: Math.sin(turn), colour: [1] }, 1);
    expect(area(mask) / 90 ** 2).toBeCloseTo(expected, 1);
  }
});

test('a square on the pixel grid has exactly its pixels, and an edge half covered is half blended', () => {
  const canvas = blank(20);
  const mask = new Uint8Array(400);
  // 0.7 x 10 = 7 pixels each way from (10, 10).
  const box = drawObject(canvas, mask, insideOf('square'), { x: 10, y: 10, radius: 10, cos: 1, sin: 0, colour: [0.8] }, 3);
  expect(box).toEqual([3, 3, 17, 17]);
  expect([area(mask), mask[3 * 20 + 3], mask[2 * 20 + 3]]).toEqual([14 * 14, 3, 0]);
  expect(canvas.values[10 * 20 + 10]).toBeCloseTo(0.8, 12);
  const half = blank(20);
  drawObject(half, new Uint8Array(400), insideOf('square'), { x: 10.5, y: 10, radius: 10, cos: 1, sin: 0, colour: [0.8] }, 1);
  expect(half.values[10 * 20 + 3]).toBeCloseTo(0.4, 12);
});

test('a gradient has its middle in the centre and its span between the ends', () => {
  const canvas = blank(101);
  drawGradient(canvas, [0.5], 0.2, [1, 0]);
  expect(canvas.values[50 * 101 + 50]).toBeCloseTo(0.5, 12);
  expect(canvas.values[100]! - canvas.values[0]!).toBeCloseTo(0.2 * (100 / 101), 12);
});

test('noise has the standard deviation asked for and no bias', () => {
  const canvas = { ...blank(200), values: new Float64Array(40_000).fill(0.5) };
  const bytes = new Uint8Array(40_000);
  developCanvas(canvas, 0.1, randomStream(1), bytes);
  const mean = bytes.reduce((a, b) => a + b, 0) / 40_000 / 255;
  const deviation = Math.sqrt(bytes.reduce((a, b) => a + (b / 255 - mean) ** 2, 0) / 40_000);
  expect(mean).toBeCloseTo(0.5, 2);
  expect(deviation).toBeCloseTo(0.1, 2);
});

test('directions are unit vectors and favour none', () => {
  const random = randomStream(2);
  const sum = [0, 0];
  for (let i = 0; i < 4000; i++) {
    const [cos, sin] = randomDirection(random);
    expect(Math.abs(cos * cos + sin * sin - 1)).toBeLessThan(1e-12);
    sum[0]! += cos / 4000;
    sum[1]! += sin / 4000;
  }
  expect(Math.hypot(...sum)).toBeLessThan(0.05);
});
