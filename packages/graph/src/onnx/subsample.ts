import type { OnnxWriter } from './writer.js';

/** d loss / d x of taking every s-th row and column of x [N, H, W, C]: dy [N, C, H', W'] with zeros between. */
export function writeSubsampleGradient(w: OnnxWriter, dy: string, [batch = 1, h = 1, across = 1, channels = 1]: readonly number[], [down, right]: readonly [number, number]): string {
  const [rows, columns] = [Math.ceil(h / down), Math.ceil(across / right)];
  // One more axis behind each of the two, zeros after its first element, and cut to size.
  const apart = w.op('Pad', [w.reshape(dy, [batch * channels, rows, 1, columns, 1]), w.integers([0, 0, 0, 0, 0, 0, 0, down - 1, 0, right - 1])]);
  const wide = w.reshape(apart, [batch, channels, rows * down, columns * right]);
  if (rows * down === h && columns * right === across) return wide;
  return w.op('Slice', [wide, w.integers([0, 0]), w.integers([h, across]), w.integers([2, 3])]);
}
