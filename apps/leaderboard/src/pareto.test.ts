import { expect, test } from 'vitest';
import { paretoFront, type Position } from './pareto.js';

interface Point extends Position {
  readonly id: number;
}
const place = (point: Point): Position => point;

/** By definition, O(n^2): kept unless something is at least as good on both axes and better on one. */
function bruteForce(points: readonly Point[], better: 'high' | 'low'): Point[] {
  const loss = (point: Point): number => (better === 'high' ? -point.y : point.y);
  const beats = (a: Point, b: Point): boolean =>
    a.x <= b.x && loss(a) <= loss(b) && (a.x < b.x || loss(a) < loss(b));
  return points
    .filter((point) => !points.some((other) => beats(other, point)))
    .sort((a, b) => a.x - b.x || loss(a) - loss(b) || a.id - b.id);
}

/** A small linear congruential generator: the same points on every run. */
function integers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('equals the definition on 400 random sets full of ties, in both directions', () => {
  const draw = integers(7);
  for (let round = 0; round < 400; round++) {
    const range = 2 + draw(12);
    const points = Array.from({ length: draw(40) }, (_, id) => ({ id, x: draw(range), y: draw(range) - 4 }));
    for (const better of ['high', 'low'] as const) {
      expect(paretoFront(points, place, better)).toEqual(bruteForce(points, better));
    }
  }
});

test('keeps points that tie on both axes, in the order given', () => {
  const points = [{ id: 2, x: 1, y: 5 }, { id: 0, x: 1, y: 5 }, { id: 1, x: 2, y: 5 }];
  expect(paretoFront(points, place, 'high').map(({ id }) => id)).toEqual([2, 0]);
});

test('is empty for no points, and the point itself for one', () => {
  expect(paretoFront([], place, 'low')).toEqual([]);
  expect(paretoFront([{ id: 0, x: 3, y: 3 }], place, 'low')).toHaveLength(1);
});

test('does not change the list it is given', () => {
  const points = [{ id: 0, x: 3, y: 1 }, { id: 1, x: 1, y: 3 }];
  paretoFront(points, place, 'high');
  expect(points.map(({ id }) => id)).toEqual([0, 1]);
});
