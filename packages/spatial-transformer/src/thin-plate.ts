/**
 * Thin-plate splines through a regular grid of control points: Bookstein, "Principal Warps" (IEEE PAMI 11(6), 1989). The map
 * that takes the control points where they should go and bends the least in between:
 * f(p) = a0 + a1 x + a2 y + sum over k of w_k U(|p - c_k|), U(r) = r^2 log r^2, with sums of w_k, w_k x_k and w_k y_k of 0.
 */

/** (x, y) of control points, row by row, from -1 to 1 both ways. */
export function controlPositions([rows, columns]: readonly [number, number]): [number, number][] {
  const at = (i: number, count: number) => -1 + (2 * i) / (count - 1);
  return Array.from({ length: rows * columns }, (_, k) => [at(k % columns, columns), at(Math.floor(k / columns), rows)]);
}

function bending([x, y]: readonly [number, number], [u, v]: readonly [number, number]): number {
  const squared = (x - u) ** 2 + (y - v) ** 2;
  return squared === 0 ? 0 : squared * Math.log(squared);
}

/** The inverse of a matrix, by elimination with pivots. In place: the matrix becomes its inverse. */
function invert(matrix: Float64Array[]): Float64Array[] {
  const size = matrix.length;
  const rows: Float64Array[] = matrix.map((row, i) => Float64Array.from({ length: 2 * size }, (_, j) => (j < size ? (row[j] ?? 0) : j - size === i ? 1 : 0)));
  const at = (i: number) => rows[i] as Float64Array;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let i = column + 1; i < size; i++) if (Math.abs(at(i)[column] ?? 0) > Math.abs(at(pivot)[column] ?? 0)) pivot = i;
    const row = at(pivot);
    rows[pivot] = at(column);
    rows[column] = row;
    const scale = row[column] as number;
    for (let j = 0; j < 2 * size; j++) row[j] = (row[j] as number) / scale;
    for (let i = 0; i < size; i++) {
      const factor = at(i)[column] as number;
      if (i === column || factor === 0) continue;
      for (let j = 0; j < 2 * size; j++) at(i)[j] = (at(i)[j] as number) - factor * (row[j] as number);
    }
  }
  return rows.map((row) => row.subarray(size));
}

/**
 * What each control point contributes to each position: f(p_m) = sum over k of W[k, m] target_k, one coordinate at a time.
 * The same for every image, as the control points stay and only their targets move.
 * @param controls Rows and columns of the control points, K in all. @param positions M of them, (x, y).
 * @returns W, row-major [K, M].
 */
export function thinPlateWeights(controls: readonly [number, number], positions: readonly (readonly [number, number])[]): Float32Array {
  const points = controlPositions(controls);
  const count = points.length;
  const system = [
    ...points.map((p) => Float64Array.from([...points.map((c) => bending(p, c)), 1, ...p])),
    ...[0, 1, 2].map((part) => Float64Array.from([...points.map((c) => [1, ...c][part] as number), 0, 0, 0])),
  ];
  const inverse = invert(system);
  const weights = new Float32Array(count * positions.length);
  positions.forEach((p, m) => {
    const terms = [...points.map((c) => bending(p, c)), 1, ...p];
    for (let k = 0; k < count; k++) {
      const row = inverse[k] as Float64Array;
      weights[k * positions.length + m] = terms.reduce((sum, term, j) => sum + term * (row[j] as number), 0);
    }
  });
  return weights;
}
