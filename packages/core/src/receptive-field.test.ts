import { expect, it } from 'vitest';
import { OptionError, receptiveField, type WindowLayer } from './index.js';

const size = (...layers: WindowLayer[]) => receptiveField(layers).size;
const conv: WindowLayer = { kernelSize: 3 };
const pool: WindowLayer = { kernelSize: 2, stride: 2 };

it('grows with every window as the published tables say', () => {
  // Yu and Koltun 2016, table 1.
  const context = [1, 1, 2, 4, 8, 16, 1].map((dilation) => ({ kernelSize: 3, dilation }));
  expect(context.map((_, i) => size(...context.slice(0, i + 1)))).toEqual([3, 5, 9, 17, 33, 65, 67]);
});

it('VGG-16 to fc6 sees 404 pixels at stride 32', () => {
  const stages = [2, 2, 3, 3, 3].flatMap((count) => [...Array<WindowLayer>(count).fill(conv), pool]);
  expect(receptiveField([...stages, { kernelSize: 7 }])).toMatchObject({ size: 404, stride: 32 });
});

it('the offset follows the padding', () => {
  expect(receptiveField([{ kernelSize: 3, padding: 1 }, { kernelSize: 3, dilation: 2, padding: 2 }])).toEqual({ size: 7, stride: 1, offset: 0 });
  expect(receptiveField([{ kernelSize: 7, stride: 2, padding: 3 }, { kernelSize: 3, stride: 2, padding: 1 }])).toEqual({ size: 11, stride: 4, offset: 0 });
  expect(receptiveField([conv, pool])).toEqual({ size: 4, stride: 2, offset: 1.5 });
});

it('no layer sees one pixel', () => {
  expect(receptiveField([])).toEqual({ size: 1, stride: 1, offset: 0 });
});

it('refuses an impossible window by its place', () => {
  expect(() => receptiveField([conv, { kernelSize: 0 }])).toThrow(OptionError);
  expect(() => receptiveField([conv, { kernelSize: 0 }])).toThrow(/^receptiveField, layer 1: kernelSize must be an integer >= 1, got 0/);
  expect(() => receptiveField([{ kernelSize: 3, dilation: 0 }])).toThrow(/dilation must be an integer >= 1, got 0/);
});
