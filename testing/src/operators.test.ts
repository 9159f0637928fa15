import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lackedBy, OPERATORS, type OperatorCase } from './operators.js';

const PACKAGES = new URL('../../packages/', import.meta.url);
const cases = readdirSync(PACKAGES).flatMap((folder) => {
  const file = new URL(`${folder}/reference/operators.json`, PACKAGES);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: OperatorCase[] }).cases : [];
});
const [first] = cases as [OperatorCase];

test('every operator has recorded cases, and every recorded case an operator', () => {
  expect(new Set(cases.map(({ op }) => op))).toEqual(new Set(Object.keys(OPERATORS)));
  expect(cases.map(lackedBy).filter((name) => name !== undefined)).toEqual([]);
});

test('an operator that is not there has a name', () => {
  expect(lackedBy({ ...first, op: 'fold' })).toBe('fold');
  expect(lackedBy({ ...first, op: 'toString' })).toBe('toString');
});
