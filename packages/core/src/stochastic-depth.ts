import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { applyLayer, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { option, readOptions } from './options.js';

/**
 * Each sample of a batch is 0 as a whole with probability `rate`, else multiplied by 1 / (1 - rate), so that its
 * expectation stays. [N, ...] -> [N, ...].
 */
export function dropSamples(x: tf.Tensor, rate: number): tf.Tensor {
  return tf.tidy(() => {
    const perSample = x.shape.map((size, axis) => (axis === 0 ? size : 1));
    const kept = tf.cast(tf.greaterEqual(tf.randomUniform(perSample), rate), 'float32');
    return tf.mul(x, tf.mul(kept, 1 / (1 - rate)));
  });
}

export interface StochasticDepthOptions extends LayerOptions {
  /** Share of samples without this branch in training, in [0, 1). */
  rate: number;
}

/**
 * Stochastic depth (Huang et al. 2016, arXiv 1603.09382) of a residual branch, in front of its sum: in training some samples
 * skip the branch, at inference none. Shapes unchanged. As torchvision's StochasticDepth in mode "row".
 * @throws OptionError for a rate outside [0, 1).
 */
export class StochasticDepthLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitStochasticDepth';
  private readonly rate: number;

  constructor(options: StochasticDepthOptions) {
    const { rate, ...base } = readOptions(layerLabel('stochasticDepth', options?.name), { ...layerEntries, rate: option.number({ min: 0, below: 1 }) }, options);
    super(base);
    this.rate = rate;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs?: { training?: boolean }): tf.Tensor {
    const x = oneTensor(inputs);
    return kwargs?.training === true && this.rate > 0 ? dropSamples(x, this.rate) : tf.clone(x);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('dropout', [x], { rate: this.rate, perSample: true });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), rate: this.rate };
  }
}

/** Stochastic depth on a symbolic tensor, shape unchanged. See {@link StochasticDepthLayer}. */
export const stochasticDepth = applyLayer((options: StochasticDepthOptions) => new StochasticDepthLayer(options));
