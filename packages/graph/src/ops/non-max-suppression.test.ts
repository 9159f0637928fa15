import { expect, test } from 'vitest';
import { nonMaxSuppression } from './non-max-suppression.js';

const attributes = { threshold: 0.5, scoreThreshold: 0.1, candidates: 4, limit: 3 };

test('gives rows of six numbers, as many as the limit says, for any batch', () => {
  expect(nonMaxSuppression.shape([[null, 7, 4], [null, 7, 2]], attributes)).toEqual([null, 3, 6]);
  expect(nonMaxSuppression.shape([[2, 7, 4], [2, 7, 2]], { ...attributes, limit: 100 })).toEqual([2, 100, 6]);
});

test('costs a comparison a score, and at most 17 operations for each candidate and each box that may stay', () => {
  expect(nonMaxSuppression.cost([[null, 7, 4], [null, 7, 2]], attributes, [null, 3, 6])).toEqual({ macs: 0, elementwise: 7 * 2 + 2 * 4 * 3 * 17 });
  // Fewer boxes than candidates and than the limit.
  expect(nonMaxSuppression.cost([[null, 2, 4], [null, 2, 1]], attributes, [null, 3, 6])).toEqual({ macs: 0, elementwise: 2 + 2 * 2 * 17 });
});

test.each([
  ['boxes of five numbers', [null, 7, 5], [null, 7, 2]],
  ['as many scores as boxes of another image', [null, 7, 4], [null, 8, 2]],
  ['scores without classes', [null, 7, 4], [null, 7]],
])('refuses %s', (_, boxes, scores) => {
  expect(() => nonMaxSuppression.shape([boxes, scores], attributes)).toThrow(/suppression takes boxes \[N, R, 4\] and scores \[N, R, K\], got \[, 7/);
});
