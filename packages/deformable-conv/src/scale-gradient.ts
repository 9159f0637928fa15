import { applyLayer, layerEntries, layerLabel, oneTensor, option, readOptions, type LayerOptions, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';

/** x itself; what flows back through it is multiplied by the factor. */
export function withScaledGradient<T extends tf.Tensor>(x: T, factor: number): T {
  const identity = tf.customGrad((input) => ({ value: tf.clone(input as tf.Tensor), gradFunc: (dy: tf.Tensor) => tf.mul(dy, factor) }));
  return identity(x) as T;
}

export interface ScaleGradientOptions extends LayerOptions {
  /** Above 0. */
  factor: number;
}

/**
 * The identity, whose gradient is multiplied by a factor; shape unchanged. In front of a layer 1 / r and behind it r give that
 * layer's weights the learning rate r with optimisers whose step is proportional to the gradient (SGD, momentum), and leave what
 * is in front as it was. Adam and RMSProp divide by the gradient's size, so there it changes next to nothing.
 * @throws OptionError for a factor that is not above 0.
 */
export class ScaleGradientLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitScaleGradient';
  private readonly factor: number;

  constructor(options: ScaleGradientOptions) {
    const { factor, ...base } = readOptions(layerLabel('scaleGradient', options?.name), { ...layerEntries, factor: option.number({ above: 0 }) }, options);
    super(base);
    this.factor = factor;
    this.supportsMasking = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return withScaledGradient(oneTensor(inputs), this.factor);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('scaleGradient', [x], { factor: this.factor });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), factor: this.factor };
  }
}

/** A symbolic tensor unchanged, its gradient scaled. See {@link ScaleGradientLayer}. */
export const scaleGradient = applyLayer((options: ScaleGradientOptions) => new ScaleGradientLayer(options));
