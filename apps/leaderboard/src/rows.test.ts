import { expect, test } from 'vitest';
import { accuracyRecord, costRecord, speedRecord } from './records.fixture.js';
import { buildBoard } from './rows.js';

test('cost, speed and accuracy of one configuration become one row', () => {
  const { rows } = buildBoard([costRecord(), speedRecord(), accuracyRecord()]);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ id: 'resnet/resnet18@224-224-3-10', family: 'resnet', variant: 'resnet18', input: '224×224×3, 10 classes', options: '' });
  expect(rows[0]?.cost?.value.macs).toBe(5000);
  expect(rows[0]?.speed.size).toBe(1);
  expect(rows[0]?.accuracy.size).toBe(1);
});

test('another input size or another option is another row, a seed is not', () => {
  const { rows } = buildBoard([costRecord(), costRecord({ size: 32 }), costRecord({ config: { alpha: 0.5 } }), costRecord({ config: { seed: 3 } })]);
  expect(rows.map(({ input, options }) => `${input} ${options}`).sort()).toEqual(['224×224×3, 10 classes ', '224×224×3, 10 classes alpha 0.5', '32×32×3, 10 classes ']);
});

test('machines, batches, engines and recipes stay apart', () => {
  const board = buildBoard([
    speedRecord(), speedRecord({ environment: { cpu: 'another' } }), speedRecord({ batch: 8 }), speedRecord({ engine: 'cpu' }),
    accuracyRecord(), accuracyRecord({ epochs: 30 }), accuracyRecord({ dataset: 'shapes' }),
  ]);
  expect(board.rows[0]?.speed.size).toBe(4);
  expect(board.rows[0]?.accuracy.size).toBe(3);
  expect([board.machines.length, board.tests.length, board.engines.length, board.datasets.length]).toEqual([2, 2, 2, 3]);
});

test('groups that share a short label are told apart by the long one', () => {
  const labels = buildBoard([speedRecord(), speedRecord({ environment: { runtime: 'node 24' } })]).machines.map(({ label }) => label);
  expect(new Set(labels).size).toBe(2);
  expect(labels.join()).toContain('node 24');
});

test('repeated measurements are never averaged: a full run goes before a quick one, then the later', () => {
  const records = [
    accuracyRecord({ scores: [80], created: '2026-01-01T00:00:00.000Z' }),
    accuracyRecord({ scores: [90], created: '2026-01-03T00:00:00.000Z' }),
    accuracyRecord({ scores: [70], created: '2026-01-05T00:00:00.000Z', quick: true }),
  ];
  for (const order of [records, records.toReversed()]) {
    const [row] = buildBoard(order).rows;
    expect([...(row?.accuracy.values() ?? [])].map(({ value }) => value.top1?.mean)).toEqual([90]);
    expect(row?.records).toHaveLength(3);
  }
});

test('the group of the newest record is the first choice', () => {
  const board = buildBoard([
    speedRecord({ created: '2026-01-01T00:00:00.000Z' }),
    speedRecord({ created: '2026-02-01T00:00:00.000Z', environment: { cpu: 'my own' } }),
  ]);
  expect(board.machines[0]?.label).toContain('my own');
});

test('rows are ordered by family and size, whatever the order of the records', () => {
  const records = [costRecord({ variant: 'b', params: 5 }), costRecord({ variant: 'a', params: 9 }), costRecord({ variant: 'z', arch: 'alexnet', params: 99 })];
  expect(buildBoard(records).rows.map(({ variant }) => variant)).toEqual(['z', 'b', 'a']);
  expect(buildBoard(records.toReversed()).rows.map(({ variant }) => variant)).toEqual(['z', 'b', 'a']);
});

test('no records make an empty board', () => expect(buildBoard([])).toMatchObject({ rows: [], machines: [], datasets: [] }));
