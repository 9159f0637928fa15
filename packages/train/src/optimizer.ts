import { option, OptionError, readOptions } from '@convkit/core';
import type { Algebra } from './algebra.js';

/** v = momentum v + g; w -= rate v, with Nesterov rate (g + momentum v). As torch has it: the rate is not part of v. */
export interface SgdOptions {
  kind: 'sgd';
  /** Default 0.9. */
  momentum?: number;
  /** Default false. */
  nesterov?: boolean;
  /** Added to the gradient as weightDecay w, or, decoupled, taken from w as rate weightDecay w. Default 0. */
  weightDecay?: number;
  /** Loshchilov and Hutter's decay (arXiv 1711.05101). Default false. */
  decoupled?: boolean;
}

/** Kingma and Ba (arXiv 1412.6980), epsilon outside the bias correction as in torch; adamW is adam with decoupled decay. */
export interface AdamOptions {
  kind: 'adam' | 'adamW';
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Default 0; for adamW 0.01. */
  weightDecay?: number;
}

export type OptimizerOptions = SgdOptions | AdamOptions;

const share = option.number({ min: 0, below: 1 });
const decay = option.number({ min: 0 });
const sgdEntries = {
  kind: option.oneOf(['sgd']),
  momentum: option.withDefault(share, 0.9),
  nesterov: option.withDefault(option.boolean(), false),
  weightDecay: option.withDefault(decay, 0),
  decoupled: option.withDefault(option.boolean(), false),
} as const;
const adamEntries = {
  kind: option.oneOf(['adam', 'adamW']),
  beta1: option.withDefault(share, 0.9),
  beta2: option.withDefault(share, 0.999),
  epsilon: option.withDefault(option.number({ above: 0 }), 1e-8),
  weightDecay: option.optional(decay),
} as const;

/** What the update of one step reads, vectors over all trained parameters unless said otherwise. */
export interface UpdateInputs<V> {
  readonly parameters: V;
  readonly gradients: V;
  readonly slots: readonly V[];
  /** The learning rate, times each parameter's own multiplier. */
  readonly rate: V;
  /** 1 where weight decay applies, else 0; absent where it applies everywhere. */
  readonly decayed?: V;
  /** What {@link Optimizer.scalars} gives for this step, each without axes. */
  readonly scalars: readonly V[];
}

/** An optimiser as a formula. */
export interface Optimizer {
  readonly kind: OptimizerOptions['kind'];
  /** Vectors that it keeps from step to step, all zeros at the start. */
  readonly slots: readonly string[];
  readonly weightDecay: number;
  /** Numbers that depend on the step, counted from 1. */
  scalars(step: number): readonly number[];
  update<V>(algebra: Algebra<V>, inputs: UpdateInputs<V>): { parameters: V; slots: readonly V[] };
}

/** @throws OptionError for an unknown kind or option. */
export function readOptimizer(where: string, options: OptimizerOptions): Optimizer {
  const kind = (options as { kind?: unknown } | undefined)?.kind;
  if (kind === 'sgd') return sgd(readOptions(`${where}, optimizer`, sgdEntries, options));
  if (kind === 'adam' || kind === 'adamW') return adam(readOptions(`${where}, optimizer`, adamEntries, options));
  throw new OptionError(where, 'optimizer', options, "an object with kind 'sgd', 'adam' or 'adamW'");
}

/** weightDecay w, where it applies. */
function decayOf<V>(a: Algebra<V>, { parameters, decayed }: UpdateInputs<V>, weightDecay: number): V {
  const decay = a.mul(parameters, a.number(weightDecay));
  return decayed === undefined ? decay : a.mul(decay, decayed);
}

function sgd({ momentum, nesterov, weightDecay, decoupled }: ReturnType<typeof readOptions<typeof sgdEntries>>): Optimizer {
  return {
    kind: 'sgd',
    slots: momentum > 0 ? ['velocity'] : [],
    weightDecay,
    scalars: () => [],
    update<V>(a: Algebra<V>, inputs: UpdateInputs<V>) {
      const { parameters, rate, slots: [velocity] } = inputs;
      const gradients = weightDecay > 0 && !decoupled ? a.add(inputs.gradients, decayOf(a, inputs, weightDecay)) : inputs.gradients;
      const next = velocity === undefined ? gradients : a.add(a.mul(velocity, a.number(momentum)), gradients);
      const direction = nesterov && velocity !== undefined ? a.add(gradients, a.mul(next, a.number(momentum))) : next;
      const moved = weightDecay > 0 && decoupled ? a.add(direction, decayOf(a, inputs, weightDecay)) : direction;
      return { parameters: a.sub(parameters, a.mul(rate, moved)), slots: velocity === undefined ? [] : [next] };
    },
  };
}

function adam({ kind, beta1, beta2, epsilon, weightDecay = kind === 'adamW' ? 0.01 : 0 }: ReturnType<typeof readOptions<typeof adamEntries>>): Optimizer {
  return {
    kind,
    slots: ['mean', 'square'],
    weightDecay,
    scalars: (step) => [1 / (1 - beta1 ** step), 1 / Math.sqrt(1 - beta2 ** step)],
    update<V>(a: Algebra<V>, inputs: UpdateInputs<V>) {
      const { parameters, rate } = inputs;
      const [mean, square] = inputs.slots as [V, V];
      const [meanCorrection, squareCorrection] = inputs.scalars as [V, V];
      const gradients = weightDecay > 0 && kind === 'adam' ? a.add(inputs.gradients, decayOf(a, inputs, weightDecay)) : inputs.gradients;
      const average = (old: V, value: V, beta: number) => a.add(a.mul(old, a.number(beta)), a.mul(value, a.number(1 - beta)));
      const nextMean = average(mean, gradients, beta1);
      const nextSquare = average(square, a.mul(gradients, gradients), beta2);
      const size = a.add(a.mul(a.sqrt(nextSquare), squareCorrection), a.number(epsilon));
      const direction = a.div(a.mul(nextMean, meanCorrection), size);
      const moved = weightDecay > 0 && kind === 'adamW' ? a.add(direction, decayOf(a, inputs, weightDecay)) : direction;
      return { parameters: a.sub(parameters, a.mul(rate, moved)), slots: [nextMean, nextSquare] };
    },
  };
}

/** Bounds on the gradients of one step. */
export interface Clipping {
  /** Largest Euclidean norm of all gradients together; larger ones are scaled down. */
  readonly norm?: number;
  /** Largest absolute value of each. */
  readonly value?: number;
}

/** Gradients within their bounds. */
export function clipped<V>(a: Algebra<V>, gradients: V, { norm, value }: Clipping): V {
  const bounded = value === undefined ? gradients : a.clip(gradients, -value, value);
  if (norm === undefined) return bounded;
  const length = a.sqrt(a.sumOfSquares(bounded));
  return a.mul(bounded, a.min(a.number(1), a.div(a.number(norm), a.add(length, a.number(1e-6)))));
}
