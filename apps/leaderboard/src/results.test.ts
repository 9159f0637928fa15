import { expect, test } from 'vitest';
import { accuracyRecord, costRecord, speedRecord } from './records.fixture.js';
import { readResults } from './results.js';

test('valid records are kept', () => {
  const { records, excluded, generated } = readResults({ generated: '2026-01-01T00:00:00Z', records: [costRecord(), speedRecord()] });
  expect([records.length, excluded.length, generated]).toEqual([2, 0, '2026-01-01T00:00:00Z']);
});

/** A copy with one field replaced; undefined removes it. */
function spoiled(record: object, path: string, value: unknown): unknown {
  const copy = structuredClone(record) as Record<string, unknown>;
  const names = path.split('.');
  const last = names.pop() ?? '';
  const owner = names.reduce((at, name) => at[name] as Record<string, unknown>, copy);
  if (value === undefined) delete owner[last];
  else owner[last] = value;
  return copy;
}

test.each([
  ['an accuracy of 1.02 that its seeds do not have', 'accuracy.top1.mean', 1.02, /top1.mean must be the mean/],
  ['an accuracy above 100', 'accuracy.top1.mean', 102, /top1.mean/],
  ['a missing metric', 'accuracy.top1', undefined, /top1/],
  ['null for a number', 'accuracy.top1.mean', null, /top1.mean/],
  ['NaN as text', 'accuracy.top1.mean', 'NaN', /top1.mean/],
  ['a negative time', 'accuracy.trainSeconds', -1, /trainSeconds/],
  ['a name of 10 kB', 'environment.cpu', 'x'.repeat(10_000), /environment.cpu/],
  ['a newer schema', 'schema', 99, /schema version 99 is newer/],
])('%s is listed as invalid and never ranked', (_, path, value, reason) => {
  const record = spoiled(accuracyRecord(), path, value);
  const { records, excluded } = readResults({ records: [costRecord(), record] });
  expect(records.map(({ kind }) => kind)).toEqual(['cost']);
  expect(excluded).toHaveLength(1);
  expect(excluded[0]).toMatchObject({ kind: 'invalid', title: 'resnet18' });
  expect(excluded[0]?.reasons.join('\n')).toMatch(reason);
});

test('an edited headline is invalid: it no longer follows from the raw samples', () => {
  const record = structuredClone(speedRecord());
  if (record.speed !== undefined) record.speed.ratio.median /= 2;
  expect(readResults({ records: [record] }).excluded[0]?.reasons.join()).toContain('must follow from the raw samples');
});

test('values that are no records at all are listed by their place', () => {
  const { excluded } = readResults({ records: [null, 7, 'x', [], {}] });
  expect(excluded.map(({ title }) => title)).toEqual(['record 1', 'record 2', 'record 3', 'record 4', 'record 5']);
});

test('a failed run is listed with its reason', () => {
  const { speed: _, ...failed } = speedRecord();
  const { records, excluded } = readResults({ records: [{ ...failed, status: 'timeout', failure: { message: 'no answer in 60 s', log: [] } }] });
  expect(records).toEqual([]);
  expect(excluded[0]).toMatchObject({ kind: 'failed', reasons: ['speed run, timeout', 'no answer in 60 s'] });
});

test('the same record twice counts once; other content under the same id is reported', () => {
  const record = costRecord();
  expect(readResults({ records: [record, structuredClone(record)] })).toMatchObject({ records: [record], excluded: [] });
  const conflict = readResults({ records: [record, { ...record, notes: ['changed'] }] });
  expect(conflict.records).toEqual([record]);
  expect(conflict.excluded[0]?.reasons.join()).toContain('other content');
});

test('a corrected record gives way to the one that supersedes it', () => {
  const [wrong, right] = [costRecord({ macs: 1 }), costRecord({ macs: 2 })];
  const { records } = readResults({ records: [{ ...right, supersedes: wrong.id }, wrong] });
  expect(records.map(({ cost }) => cost?.macs)).toEqual([2]);
});

test('files that the reader left out are listed with its reason', () => {
  const { excluded } = readResults({ records: [], warnings: [{ file: 'torn.json', reason: 'not JSON' }] });
  expect(excluded).toEqual([{ title: 'torn.json', kind: 'invalid', reasons: ['not JSON'] }]);
});

test.each([[null], [[]], [{}], [{ records: 'none' }]])('%j is refused as a whole', (file) => {
  expect(() => readResults(file)).toThrow('results.json: records must be an array');
});
