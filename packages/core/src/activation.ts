import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { applyLayer, layerEntries, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { option, readOptions } from './options.js';

/** Activations by name. hardSigmoid and hardSwish are torch's: relu6(x + 3) / 6, not Keras' clip(0.2x + 0.5). */
export const ACTIVATIONS = [
  'linear', 'relu', 'relu6', 'leakyRelu', 'elu', 'selu', 'sigmoid', 'hardSigmoid', 'kerasHardSigmoid', 'tanh', 'silu', 'hardSwish', 'gelu', 'softplus', 'softsign', 'exponential', 'softmax',
] as const;
export type ActivationKind = (typeof ACTIVATIONS)[number];

/**
 * Applies an activation, elementwise (softmax: over the last axis).
 * @param alpha Slope of leakyRelu, default 0.01.
 */
export function activate(x: tf.Tensor, kind: ActivationKind, alpha?: number): tf.Tensor {
  switch (kind) {
    case 'linear': return x;
    case 'relu': return tf.relu(x);
    case 'relu6': return tf.relu6(x);
    case 'leakyRelu': return tf.leakyRelu(x, alpha ?? 0.01);
    case 'elu': return tf.elu(x);
    case 'selu': return tf.selu(x);
    case 'sigmoid': return tf.sigmoid(x);
    case 'hardSigmoid': return tf.tidy(() => tf.mul(tf.relu6(tf.add(x, 3)), 1 / 6));
    case 'kerasHardSigmoid': return tf.tidy(() => tf.clipByValue(tf.add(tf.mul(x, 0.2), 0.5), 0, 1));
    case 'tanh': return tf.tanh(x);
    case 'silu': return tf.tidy(() => tf.mul(x, tf.sigmoid(x)));
    case 'hardSwish': return tf.tidy(() => tf.mul(x, tf.mul(tf.relu6(tf.add(x, 3)), 1 / 6)));
    case 'gelu': return tf.tidy(() => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)));
    case 'softplus': return tf.softplus(x);
    case 'softsign': return tf.tidy(() => tf.div(x, tf.add(tf.abs(x), 1)));
    case 'exponential': return tf.exp(x);
    case 'softmax': return tf.softmax(x);
  }
}

export const activationOption = option.oneOf(ACTIVATIONS);

export interface ActivationOptions extends LayerOptions {
  /** Which one. */
  kind: ActivationKind;
  /** Slope of leakyRelu, default 0.01. */
  alpha?: number;
}

/** One activation as a layer. Shapes unchanged. */
export class ActivationLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitActivation';
  private readonly kind: ActivationKind;
  private readonly alpha: number | undefined;

  constructor(options: ActivationOptions) {
    const { kind, alpha, ...base } = readOptions('activation', { ...layerEntries, kind: activationOption, alpha: option.optional(option.number()) }, options);
    super(base);
    this.kind = kind;
    this.alpha = alpha;
    this.supportsMasking = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => activate(oneTensor(inputs), this.kind, this.alpha));
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('activation', [x], { kind: this.kind, ...(this.alpha === undefined ? {} : { alpha: this.alpha }) });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), kind: this.kind, ...(this.alpha === undefined ? {} : { alpha: this.alpha }) };
  }
}

/** An activation on a symbolic tensor: any shape in, the same shape out. */
export const activation = applyLayer((options: ActivationOptions) => new ActivationLayer(options));
