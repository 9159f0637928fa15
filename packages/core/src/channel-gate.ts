import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';
import { broadcastShape, gateEntries, gateFactors, initialGate, lowerFactors, lowerRow, type GateForm, type GateOptions } from './gate.js';
import { constantInitializer } from './initialization.js';
import { applyLayer, layerEntries, layerLabel, oneShape, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';

export interface ChannelGateOptions extends LayerOptions, GateOptions {
  /** Channels of each of the tensors that x is a concatenation of, in order. Default: one tensor. */
  parts?: readonly number[];
}

/** Repeats the factor of every part over the part's channels, [n, 1] -> [1, C]. */
function spread(factors: tf.Tensor2D, parts: readonly number[]): tf.Tensor2D {
  return tf.concat(parts.map((size, i) => tf.mul(tf.slice(factors, [i, 0], [1, 1]), tf.ones([1, size]))), 1) as tf.Tensor2D;
}

/**
 * x times learned factors of its channels, [N, ..., C] unchanged.
 * @param weights As they are trained, one for each part or one for each channel, [n, 1].
 */
export function gateChannels(x: tf.Tensor, weights: tf.Tensor2D, parts: readonly number[], { per, form }: { per: 'tensor' | 'channel'; form: GateForm }): tf.Tensor {
  return tf.tidy(() => {
    const factors = gateFactors(weights, form);
    const row = per === 'channel' ? factors : spread(factors, parts);
    return tf.mul(x, tf.reshape(row, broadcastShape(x.shape.length, row.size)));
  });
}

/**
 * Learned factors for a concatenation of tensors: a number for each of them, or for each channel; see {@link GateOptions} for
 * the forms, of which softmax shares over all weights of the layer. It starts as the identity. Shapes unchanged.
 * Weight gate [n, 1] or [C, 1].
 * @throws OptionError, when built, for parts that do not sum to the channels.
 */
export class ChannelGateLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitChannelGate';
  private readonly config;
  private readonly parts: readonly number[] | undefined;
  private gate: LayerVariable | undefined;

  constructor(options: ChannelGateOptions = {}) {
    const { per, form, parts, ...base } = readOptions(layerLabel('channelGate', options?.name), { ...layerEntries, ...gateEntries, parts: option.optional(option.list(option.integer(1))) }, options);
    super(base);
    this.config = { per, form };
    this.parts = parts;
  }

  private partsOf(channels: number | null | undefined): readonly number[] {
    const where = layerLabel('channelGate', this.name);
    if (channels === null || channels === undefined) throw new OptionError(where, 'input', channels, 'a tensor with a known last axis');
    const parts = this.parts ?? [channels];
    if (parts.reduce((sum, size) => sum + size, 0) !== channels) throw new OptionError(where, 'parts', parts, `a list that sums to the ${channels} channels`);
    return parts;
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const { per, form } = this.config;
    const channels = oneShape(inputShape).at(-1);
    const parts = this.partsOf(channels);
    const count = per === 'channel' ? channels as number : parts.length;
    this.gate = this.addWeight('gate', [count, 1], 'float32', constantInitializer(initialGate(form)));
    super.build(inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = oneTensor(inputs);
    return gateChannels(x, this.gate?.read() as tf.Tensor2D, this.partsOf(x.shape.at(-1)), this.config);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const factors = lowerFactors(g, g.weight(this.gate as LayerVariable), this.config.form);
    const channels = x.shape.at(-1) as number;
    const repeated = (size: number, i: number) =>
      g.op('binary', [g.op('slice', [factors], { axis: 0, start: i, size: 1 }), g.constant(1, [1, size])], { kind: 'mul' });
    const row = this.config.per === 'channel'
      ? g.op('transpose', [factors], { permutation: [1, 0] })
      : g.op('concat', this.partsOf(channels).map(repeated), { axis: 1 });
    return g.op('binary', [x, lowerRow(g, row, x)], { kind: 'mul' });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config, ...(this.parts === undefined ? {} : { parts: [...this.parts] }) };
  }
}

/** Learned factors for the channels of a symbolic tensor. See {@link ChannelGateLayer}. */
export const channelGate = applyLayer((options: ChannelGateOptions) => new ChannelGateLayer(options));
