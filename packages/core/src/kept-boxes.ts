/** The number at an index that the caller knows to be inside. */
const at = (values: Corners | Int32Array, index: number) => values[index] as number;

/** N boxes, [N, 4] row after row: x1, y1, x2, y2. */
export type Corners = Float32Array | Float64Array;

/** Cells along each side at most: a candidate never looks into more than their square. */
const MOST_CELLS = 64;

/**
 * The boxes that were kept so far, found by place: memory grows with the boxes, not with their pairs.
 *
 * Boxes a and b with IoU > t share more than t of the longer width and height, so their centres are at most
 * r = max(1 - t, (1 / t - 1) / 2) of a's sides apart, whatever b is. So a candidate looks only at kept centres that near.
 */
export class KeptBoxes {
  private readonly kept: number[] = [];
  private readonly cells: number;
  /** First kept box of each cell, and the next one of the same cell; -1 is none. */
  private readonly first: Int32Array;
  private readonly next: Int32Array;
  private readonly reach: number;
  private readonly origin: readonly [number, number];
  private readonly perCell: readonly [number, number];

  /** @param indices The boxes that may come. */
  constructor(private readonly boxes: Corners, indices: Int32Array, threshold: number) {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const i of indices) {
      const [x, y] = this.centre(i);
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
    this.cells = Math.min(MOST_CELLS, Math.ceil(Math.sqrt(indices.length) / 4) + 1);
    this.origin = [left, top];
    this.perCell = [this.cells / (right - left || 1), this.cells / (bottom - top || 1)];
    this.first = new Int32Array(this.cells * this.cells).fill(-1);
    this.next = new Int32Array(indices.length);
    // A little more than the bound, for rounding; the overlap itself decides.
    this.reach = threshold > 0 ? 1.001 * Math.max(1 - threshold, (1 / threshold - 1) / 2) + 1e-6 : Infinity;
  }

  /** Adds box i. */
  add(i: number): void {
    const [x, y] = this.centre(i);
    const cell = this.cellOf(y, 1) * this.cells + this.cellOf(x, 0);
    this.next[this.kept.length] = at(this.first, cell);
    this.first[cell] = this.kept.length;
    this.kept.push(i);
  }

  /** Whether a kept box near enough to overlap with box i more than the threshold passes the test. */
  someNear(i: number, test: (kept: number) => boolean): boolean {
    const [x, y] = this.centre(i);
    const across = this.reach * (at(this.boxes, 4 * i + 2) - at(this.boxes, 4 * i));
    const down = this.reach * (at(this.boxes, 4 * i + 3) - at(this.boxes, 4 * i + 1));
    const [left, right] = [this.cellOf(x - across, 0), this.cellOf(x + across, 0)];
    const [top, bottom] = [this.cellOf(y - down, 1), this.cellOf(y + down, 1)];
    if (this.kept.length <= (right - left + 1) * (bottom - top + 1)) return this.kept.some(test);
    for (let row = top; row <= bottom; row++) {
      for (let cell = row * this.cells + left, end = row * this.cells + right; cell <= end; cell++) {
        for (let k = at(this.first, cell); k >= 0; k = at(this.next, k)) if (test(this.kept[k] as number)) return true;
      }
    }
    return false;
  }

  private centre(i: number): [number, number] {
    return [(at(this.boxes, 4 * i) + at(this.boxes, 4 * i + 2)) / 2, (at(this.boxes, 4 * i + 1) + at(this.boxes, 4 * i + 3)) / 2];
  }

  private cellOf(position: number, axis: 0 | 1): number {
    const cell = Math.floor((position - this.origin[axis]) * this.perCell[axis]);
    return cell > 0 ? Math.min(cell, this.cells - 1) : 0;
  }
}
