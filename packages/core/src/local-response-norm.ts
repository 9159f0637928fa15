import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { applyLayer, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';

export interface LocalResponseNormOptions extends LayerOptions {
  /** Neighbouring channels summed over; odd. Default 5. */
  size?: number;
  /** Divided by `size`, as torch and Caffe do. Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1 (torch); AlexNet's paper has 2. */
  k?: number;
}

/** x / (k + alpha/size * sum of x^2 over `size` neighbouring channels)^beta. [N, H, W, C] unchanged. */
export function localResponseNormalize(x: tf.Tensor4D, { size, alpha, beta, k }: Required<Omit<LocalResponseNormOptions, keyof LayerOptions>>): tf.Tensor4D {
  return tf.localResponseNormalization(x, (size - 1) / 2, k, alpha / size, beta);
}

/** Local response normalisation (Krizhevsky et al. 2012, section 3.3). @throws OptionError for an even size. */
export class LocalResponseNormLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitLocalResponseNorm';
  private readonly config: Required<Omit<LocalResponseNormOptions, keyof LayerOptions>>;

  constructor(options: LocalResponseNormOptions = {}) {
    const where = layerLabel('localResponseNorm', options?.name);
    const { size, alpha, beta, k, ...base } = readOptions(where, {
      ...layerEntries,
      size: option.withDefault(option.integer(1), 5),
      alpha: option.withDefault(option.number({ min: 0 }), 1e-4),
      beta: option.withDefault(option.number({ min: 0 }), 0.75),
      k: option.withDefault(option.number({ above: 0 }), 1),
    }, options);
    if (size % 2 === 0) throw new OptionError(where, 'size', size, 'an odd integer >= 1');
    super(base);
    this.config = { size, alpha, beta, k };
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return localResponseNormalize(oneTensor<tf.Tensor4D>(inputs), this.config);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('localResponseNorm', [x], this.config);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config };
  }
}

/** Local response normalisation of a symbolic tensor. See {@link LocalResponseNormLayer}. */
export const localResponseNorm = applyLayer((options: LocalResponseNormOptions) => new LocalResponseNormLayer(options));
