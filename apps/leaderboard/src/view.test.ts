import { expect, test } from 'vitest';
import { accuracyRecord, costRecord, speedRecord } from './records.fixture.js';
import { buildBoard } from './rows.js';
import { DEFAULT_STATE, type ViewState } from './state.js';
import { resolveView } from './view.js';

const RECORDS = [
  costRecord({ variant: 'vgg11', arch: 'vgg', params: 100 }),
  costRecord({ variant: 'vgg16', arch: 'vgg', params: 200 }),
  speedRecord({ variant: 'vgg16', arch: 'vgg', params: 200, engine: 'wasm', milliseconds: 40 }),
  speedRecord({ variant: 'resnet18', engine: 'wasm', milliseconds: 10 }),
  speedRecord({ variant: 'resnet18', engine: 'wasm+compiled', milliseconds: 20 }),
  speedRecord({ variant: 'resnet18', engine: 'webgpu', environment: { cpu: 'elsewhere' }, created: '2025-01-01T00:00:00.000Z' }),
  accuracyRecord({ variant: 'resnet18', scores: [88, 90] }),
  accuracyRecord({ variant: 'resnet34', scores: [91], dataset: 'shapes' }),
];
const board = buildBoard(RECORDS);
const view = (patch: Partial<ViewState> = {}) => resolveView(board, { ...DEFAULT_STATE, ...patch });
const names = (patch: Partial<ViewState>): string[] => view(patch).rows.map(({ variant }) => variant);

test('by default everything is shown, what has a result first, best accuracy on top', () => {
  const { rows, sort, columns, y } = view();
  expect(rows.map(({ variant }) => variant)).toEqual(['resnet18', 'resnet34', 'vgg16', 'vgg11']);
  expect(sort).toMatchObject({ descending: true });
  expect(sort.key).toMatch(/^top1:/);
  expect(y?.kind).toBe('top1');
  expect(columns.map(({ kind }) => kind)).toEqual(['top1', 'top1', 'ratio', 'ratio', 'cost', 'cost', 'cost']);
});

test('an engine of another machine is no column of this one', () => {
  expect(view().enginesToChoose.map(({ label }) => label).sort()).toEqual(['wasm', 'wasm+compiled']);
  const elsewhere = board.machines.find(({ label }) => label.includes('elsewhere'));
  expect(view({ machine: elsewhere?.key }).enginesToChoose.map(({ label }) => label)).toEqual(['webgpu']);
});

test('filters: words, family, engine, data set', () => {
  expect(names({ query: 'VGG 16' })).toEqual(['vgg16']);
  expect(names({ query: 'vgg nothing' })).toEqual([]);
  expect(names({ family: 'vgg' })).toEqual(['vgg16', 'vgg11']);
  expect(names({ engine: view().enginesToChoose.find(({ label }) => label === 'wasm')?.key })).toEqual(['resnet18', 'vgg16']);
  expect(names({ data: board.datasets.find(({ label }) => label.startsWith('shapes'))?.key })).toEqual(['resnet34']);
});

test('names that the results lack fall back to the default view', () => {
  const lost = view({ family: 'gone', engine: 'gone', data: 'gone', machine: 'gone', test: 'gone', sort: '-gone', x: 'gone', y: 'gone', input: 'gone' });
  expect({ ...lost, rows: lost.rows.length, columns: lost.columns.length, x: lost.x.key, y: lost.y?.key, xAxes: 0, yAxes: 0 })
    .toEqual({ ...view(), rows: 4, columns: 7, x: 'macs', y: view().y?.key, xAxes: 0, yAxes: 0 });
});

test('an unresolved ratio is said to be so instead of shown as a number', () => {
  const compiled = view().columns.find(({ title }) => title === 'wasm+compiled');
  const row = board.rows.find(({ variant }) => variant === 'resnet18');
  expect(row && compiled?.cell(row)).toMatchObject({ quantity: { digits: 'not resolved' }, note: '20.0 ms' });
});

test('accuracy is shown with its spread and number of seeds', () => {
  const [row] = view().rows;
  const column = view().columns.find(({ subtitle }) => subtitle.startsWith('fashion-mnist'));
  expect(row && column?.cell(row)).toMatchObject({ quantity: { digits: '89.00 ± 1.41', unit: '%' }, note: '2 seeds' });
});

test('a mark that all measurements carry is said once', () => {
  const quick = buildBoard([accuracyRecord({ quick: true }), accuracyRecord({ variant: 'resnet34', quick: true }), costRecord()]);
  const shown = resolveView(quick, DEFAULT_STATE);
  expect([...shown.marks.accuracy]).toEqual(['quick']);
  expect(shown.rows.map((row) => shown.columns[0]?.cell(row)?.marks)).toEqual([[], []]);
});
