import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { option, readOptions } from './options.js';

const KINDS = ['mean', 'max'] as const;

export interface ReduceChannelsOptions extends LayerOptions {
  /** What becomes of the channels of a position. */
  kind: (typeof KINDS)[number];
}

/** Mean or maximum over the channels. [N, H, W, C] -> [N, H, W, 1]. */
export class ReduceChannelsLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitReduceChannels';
  private readonly kind: (typeof KINDS)[number];

  constructor(options: ReduceChannelsOptions) {
    const { kind, ...base } = readOptions(layerLabel('reduceChannels', options?.name), { ...layerEntries, kind: option.oneOf(KINDS) }, options);
    super(base);
    this.kind = kind;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return [...imageShape(layerLabel('reduceChannels', this.name), inputShape).slice(0, 3), 1];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = oneTensor(inputs);
    return this.kind === 'mean' ? tf.mean(x, 3, true) : tf.max(x, 3, true);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('reduce', [x], { kind: this.kind, axes: [3], keepDims: true });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), kind: this.kind };
  }
}

/** Mean or maximum over the channels of a symbolic tensor. See {@link ReduceChannelsLayer}. */
export const reduceChannels = applyLayer((options: ReduceChannelsOptions) => new ReduceChannelsLayer(options));
