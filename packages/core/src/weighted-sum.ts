import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { broadcastShape, gateEntries, gateFactors, initialGate, lowerFactors, lowerRow, type GateForm, type GateOptions } from './gate.js';
import { constantInitializer } from './initialization.js';
import { layerEntries, layerLabel, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { readOptions } from './options.js';
import { sumOf } from './sum-of.js';

export interface WeightedSumOptions extends LayerOptions, GateOptions {}

/**
 * Sum of n tensors of one shape, [N, ..., C], each times its factors.
 * @param weights As they are trained, [n, 1] or [n, C].
 */
export function sumWeighted(inputs: readonly tf.Tensor[], weights: tf.Tensor2D, form: GateForm): tf.Tensor {
  return tf.tidy(() => {
    const factors = gateFactors(weights, form);
    const [, width] = factors.shape;
    const shape = broadcastShape(inputs[0]?.shape.length ?? 2, width);
    return sumOf(inputs.map((x, i) => tf.mul(x, tf.reshape(tf.slice(factors, [i, 0], [1, width]), shape))));
  });
}

/**
 * y = w_1 x_1 + ... + w_n x_n with learned factors, a number each or one a channel; see {@link GateOptions} for the forms. It
 * starts as the plain sum. [N, ..., C], n times -> [N, ..., C]. Weight gate [n, 1] or [n, C].
 * @throws OptionError, when built, for a single tensor, for tensors of different shapes, and for an open last axis where
 *   every channel has its weight.
 */
export class WeightedSumLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitWeightedSum';
  private readonly config;
  private gate: LayerVariable | undefined;

  constructor(options: WeightedSumOptions = {}) {
    const { per, form, ...base } = readOptions(layerLabel('weightedSum', options?.name), { ...layerEntries, ...gateEntries }, options);
    super(base);
    this.config = { per, form };
  }

  private checked(inputShape: (number | null)[] | (number | null)[][]): (number | null)[][] {
    const where = layerLabel('weightedSum', this.name);
    const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as (number | null)[][];
    if (shapes.length < 2) throw new OptionError(where, 'inputs', shapes, 'at least 2 tensors');
    if (new Set(shapes.map(String)).size > 1) throw new OptionError(where, 'inputs', shapes, 'tensors of one shape');
    return shapes;
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const shapes = this.checked(inputShape);
    const { per, form } = this.config;
    const width = per === 'channel' ? shapes[0]?.at(-1) : 1;
    if (width === null || width === undefined) throw new OptionError(layerLabel('weightedSum', this.name), 'inputs', shapes, 'tensors with a known last axis');
    this.gate = this.addWeight('gate', [shapes.length, width], 'float32', constantInitializer(initialGate(form)));
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return [...(this.checked(inputShape)[0] ?? [])];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return sumWeighted(Array.isArray(inputs) ? inputs : [inputs], this.gate?.read() as tf.Tensor2D, this.config.form);
  }

  lower(g: Lowering, inputs: readonly Value[]): Value {
    const factors = lowerFactors(g, g.weight(this.gate as LayerVariable), this.config.form);
    const terms = inputs.map((x, i) => {
      const row = g.op('slice', [factors], { axis: 0, start: i, size: 1 });
      return g.op('binary', [x, lowerRow(g, row, x)], { kind: 'mul' });
    });
    return terms.reduce((sum, term) => g.op('binary', [sum, term], { kind: 'add' }));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config };
  }
}

/** Sum of symbolic tensors with learned factors. See {@link WeightedSumLayer}. */
export function weightedSum(inputs: SymbolicTensor[], options: WeightedSumOptions = {}): SymbolicTensor {
  return new WeightedSumLayer(options).apply(inputs) as SymbolicTensor;
}
