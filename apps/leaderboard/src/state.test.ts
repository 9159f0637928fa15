import { expect, test } from 'vitest';
import { decodeSort, decodeState, DEFAULT_STATE, encodeSort, encodeState, type ViewState } from './state.js';

test('the default view has an empty hash', () => {
  expect(encodeState(DEFAULT_STATE)).toBe('');
  expect(decodeState('')).toEqual(DEFAULT_STATE);
  expect(decodeState('#')).toEqual(DEFAULT_STATE);
});

test('every field survives the round trip, with any characters', () => {
  const state: ViewState = {
    query: 'a&b=c #"<i>\u202e %2C', family: 'resnet', input: '224x224x3-1000', machine: 'cpu-2', test: 'infer-1', engine: 'wasm+compiled', data: 'données 5',
    sort: '-top1:fashion', columns: 'params,macs', x: 'macs', y: 'ratio:wasm+compiled', row: 'resnet/resnet18@224',
  };
  expect(decodeState(`#${encodeState(state)}`)).toEqual(state);
});

test('a link stays readable', () => {
  expect(encodeState({ ...DEFAULT_STATE, columns: 'params,macs', sort: '-top1:x' })).toBe('sort=-top1:x&columns=params,macs');
});

test('names it does not know, values far too long and broken escapes are ignored or read literally', () => {
  expect(decodeState(`#nonsense=1&__proto__=2&query=${'x'.repeat(10_000)}`)).toEqual(DEFAULT_STATE);
  expect(decodeState('#query=%E0%A4%A').query).not.toBe('');
});

test('sort keeps column and direction', () => {
  expect(decodeSort('')).toBeUndefined();
  expect(decodeSort(encodeSort('macs', true))).toEqual({ key: 'macs', descending: true });
  expect(decodeSort(encodeSort('macs', false))).toEqual({ key: 'macs', descending: false });
});
