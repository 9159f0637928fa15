/** Where a point stands: `x` is a price, always better when smaller. */
export interface Position {
  readonly x: number;
  readonly y: number;
}

/**
 * The points that no other point beats: nothing is at least as good on both axes and better on one.
 * Sorted by x, then from the better y; points that tie on both axes are all kept, in the order given.
 * Takes O(n log n); positions must be finite.
 *
 * @param better which y is better: 'high' (accuracy) or 'low' (time)
 */
export function paretoFront<T>(points: readonly T[], position: (point: T) => Position, better: 'high' | 'low'): T[] {
  const sign = better === 'high' ? -1 : 1;
  const placed = points.map((point) => {
    const { x, y } = position(point);
    return { point, x, loss: sign * y };
  });
  // Array.prototype.sort is stable, so ties stay in the order given.
  placed.sort((a, b) => a.x - b.x || a.loss - b.loss);
  const front: typeof placed = [];
  for (const candidate of placed) {
    const last = front.at(-1);
    const tied = last !== undefined && candidate.x === last.x && candidate.loss === last.loss;
    if (last === undefined || tied || candidate.loss < last.loss) front.push(candidate);
  }
  return front.map(({ point }) => point);
}
