import type { ValueShape } from '@convkit/core';
import { PLAIN, type Layout } from './layout.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/** A value that broadcasts against a result of `shape` in `layout`: missing leading axes become 1 before it is laid out. */
export function broadcastable(w: OnnxWriter, value: OnnxValue, shape: ValueShape, layout: Layout): string {
  const missing = shape.length - value.shape.length;
  const full = missing === 0 ? value : w.reshaped(value, [...Array.from({ length: missing }, () => 1), ...value.shape]);
  // One number a row needs no order of a row's elements.
  const alone = layout.before !== undefined && full.shape.slice(1).every((n) => n === 1);
  return w.as(full, alone ? PLAIN : layout);
}
