import type { OpAttributes, OpKind, ValueShape } from '@convkit/core';
import { PLAIN, unblocked, type Layout } from './layout.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/** What an op's gradient has to work with. */
export interface GradientContext<K extends OpKind> {
  /** Values that the op read, as they were going forward. */
  readonly inputs: readonly OnnxValue[];
  /** What the op put out. */
  readonly output: OnnxValue;
  /** d loss / d output. */
  readonly upstream: OnnxValue;
  readonly attributes: OpAttributes[K];
  /** Which inputs' gradients anyone wants. */
  readonly needs: readonly boolean[];
}

/** Sums a gradient over the axes along which a value was broadcast to the gradient's shape. */
export function reducedTo(w: OnnxWriter, gradient: OnnxValue, shape: ValueShape): OnnxValue {
  const missing = gradient.shape.length - shape.length;
  const wide = [...Array.from({ length: missing }, () => 1), ...shape];
  const axes = wide.flatMap((n, axis) => (n === 1 && gradient.shape[axis] !== 1 ? [axis] : []));
  if (axes.length === 0) return missing === 0 ? gradient : w.reshaped(gradient, shape);
  // Within a layout that only moves axes the sum needs no turning.
  const { layout } = gradient;
  const moves = layout.before === undefined && layout.after === undefined;
  const kept: Layout = moves ? unblocked(layout) : PLAIN;
  const name = w.reduce('ReduceSum', w.as(gradient, kept), axes.map((axis) => (kept === PLAIN ? axis : kept.permutation.indexOf(axis))), true);
  const summed: OnnxValue = { name, shape: wide, layout: kept };
  return missing === 0 ? summed : w.reshaped(summed, shape);
}

/** 1 where y > 0, else 0: in one pass; a comparison and a choice are two, and slower ones in onnxruntime. */
export function positive(w: OnnxWriter, y: string): string {
  return w.op('HardSigmoid', [y], { alpha: { float: 3e38 }, beta: { float: 0 } });
}
