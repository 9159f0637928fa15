import * as tf from '@tensorflow/tfjs-core';
import type { Lowering, Value } from './lowering.js';
import { option } from './options.js';

const GATE_FORMS = ['linear', 'softmax', 'sigmoid'] as const;
const GATE_PER = ['tensor', 'channel'] as const;

/** How learned factors w come from the weights v that are trained. Every form starts with all factors 1. */
export type GateForm = (typeof GATE_FORMS)[number];

export interface GateOptions {
  /** One weight for each tensor, or for each channel of each tensor. Default 'tensor'. */
  per?: (typeof GATE_PER)[number];
  /**
   * With n weights that share a place: 'linear' w = v, starts at v = 1; 'softmax' w_i = n exp(v_i) / sum_j exp(v_j), so that the
   * factors share n; 'sigmoid' w = 2 / (1 + exp(-v)), between 0 and 2. The last two start at v = 0. Default 'linear'.
   */
  form?: GateForm;
}

/** The entries of {@link GateOptions} for `readOptions`. */
export const gateEntries = {
  per: option.withDefault(option.oneOf(GATE_PER), 'tensor'),
  form: option.withDefault(option.oneOf(GATE_FORMS), 'linear'),
} as const;

/** The schema of a block's or spec's `gate` option: {@link GateOptions}. */
export const gateOption = option.object(gateEntries);

/** Where the trained weights start: all factors are 1. */
export function initialGate(form: GateForm): number {
  return form === 'linear' ? 1 : 0;
}

/** Factors from trained weights, [n, m] -> [n, m]: m columns of n weights each. See {@link GateOptions}. */
export function gateFactors(weights: tf.Tensor2D, form: GateForm): tf.Tensor2D {
  switch (form) {
    case 'linear': return weights;
    case 'sigmoid': return tf.tidy(() => tf.mul(tf.sigmoid(weights), 2));
    case 'softmax': return tf.tidy(() => tf.mul(tf.transpose(tf.softmax(tf.transpose(weights))), weights.shape[0]));
  }
}

/** {@link gateFactors} as ops of a graph. */
export function lowerFactors(g: Lowering, weights: Value, form: GateForm): Value {
  const exchanged = (value: Value) => g.op('transpose', [value], { permutation: [1, 0] });
  const times = (value: Value, factor: number) => g.op('binary', [value, g.constant(factor, [1, 1])], { kind: 'mul' });
  switch (form) {
    case 'linear': return weights;
    case 'sigmoid': return times(g.op('activation', [weights], { kind: 'sigmoid' }), 2);
    case 'softmax': return times(exchanged(g.op('activation', [exchanged(weights)], { kind: 'softmax' })), weights.shape[0] ?? 1);
  }
}

/** One row of factors, of one weight or of one a channel, in a shape that broadcasts against a batch of this rank. */
export function broadcastShape(rank: number, width: number): number[] {
  return [1, ...Array.from({ length: rank - 2 }, () => 1), width];
}

/** A row of factors, [1, m], as an operand for x: of x's rank. */
export function lowerRow(g: Lowering, row: Value, x: Value): Value {
  const shape = broadcastShape(x.shape.length, row.shape[1] ?? 1);
  return shape.length === row.shape.length ? row : g.op('reshape', [row], { shape: shape.slice(1) });
}
