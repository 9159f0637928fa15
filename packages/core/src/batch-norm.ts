import { batchNormalize } from '@convkit/tfjs-extras/composed';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';
import { activate, activationOption, type ActivationKind } from './activation.js';
import { constantInitializer } from './initialization.js';
import { applyLayer, layerEntries, layerLabel, oneShape, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';
import { spatialMean } from './pool.js';

/** Mean of every channel over all other axes, [..., C] -> [C]. */
function channelMean(x: tf.Tensor): tf.Tensor1D {
  const channels = x.shape[x.shape.length - 1] as number;
  if (x.shape.length !== 4) return tf.mean(tf.reshape(x, [-1, channels]), 0);
  return tf.mean(tf.reshape(spatialMean(x as tf.Tensor4D), [x.shape[0] as number, channels]), 0);
}

export { batchNormalize };

/**
 * Batch normalisation with the batch's own statistics, differentiable in x, gamma and beta.
 * With M = elements a channel, c = x - mean, r = 1 / sqrt(variance + epsilon):
 * d gamma = r sum(dy c), d beta = sum(dy), dx = gamma r (dy - mean(dy) - c r^2 mean(dy c)).
 * @returns y, and the batch's mean and (biased) variance [C], which the caller disposes.
 */
export function batchNormalizeTraining(x: tf.Tensor, gamma: tf.Tensor1D, beta: tf.Tensor1D, epsilon: number): { y: tf.Tensor; mean: tf.Tensor1D; variance: tf.Tensor1D } {
  let statistics: { mean: tf.Tensor1D; variance: tf.Tensor1D } | undefined;
  const normalise = tf.customGrad((input, scale, offset, save) => {
    const [x, gamma, beta] = [input, scale, offset] as tf.Tensor[] as [tf.Tensor, tf.Tensor1D, tf.Tensor1D];
    const mean = channelMean(x);
    const centred = tf.sub(x, mean);
    const variance = channelMean(tf.square(centred));
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    statistics = { mean: tf.keep(mean), variance: tf.keep(variance) };
    (save as (tensors: tf.Tensor[]) => void)([centred, gamma, inverse]);
    return {
      value: tf.add(tf.mul(centred, tf.mul(gamma, inverse)), beta),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => trainingGradient(dy, saved as [tf.Tensor, tf.Tensor1D, tf.Tensor1D]),
    };
  });
  const y = normalise(x, gamma, beta);
  return { y, ...(statistics as unknown as { mean: tf.Tensor1D; variance: tf.Tensor1D }) };
}

function trainingGradient(dy: tf.Tensor, [centred, gamma, inverse]: [tf.Tensor, tf.Tensor1D, tf.Tensor1D]): tf.Tensor[] {
  const count = centred.size / gamma.size;
  const meanDy = channelMean(dy);
  const meanProduct = channelMean(tf.mul(dy, centred));
  const scale = tf.mul(gamma, inverse);
  const slope = tf.mul(scale, tf.mul(tf.square(inverse), meanProduct));
  const dx = tf.sub(tf.sub(tf.mul(dy, scale), tf.mul(centred, slope)), tf.mul(scale, meanDy));
  return [dx, tf.mul(tf.mul(meanProduct, inverse), count), tf.mul(meanDy, count)];
}

export interface BatchNormOptions extends LayerOptions {
  /** Weight of the old value in the moving averages (Keras' meaning; torch's 0.1 is 0.9 here). Default 0.9. */
  momentum?: number;
  /** Default 1e-5. */
  epsilon?: number;
  /** Learn gamma. Default true. */
  scale?: boolean;
  /** Learn beta. Default true. */
  center?: boolean;
  /** Variance that enters the moving average: 'unbiased' (torch, Keras' fused kernel) or 'biased' (tf.layers). Default 'unbiased'. */
  movingVariance?: 'unbiased' | 'biased';
  /** Start of gamma: 'zeros' makes a residual block start as the identity. Default 'ones'. */
  gammaInitializer?: 'ones' | 'zeros';
  /** Default 'linear'. */
  activation?: ActivationKind;
}

/**
 * Batch normalisation over the last axis. Frozen (trainable: false) it uses and keeps its moving statistics, also in
 * training, unlike tf.layers'; scale and center may be off. Shapes unchanged.
 * Weights gamma, beta, moving_mean, moving_variance [C].
 */
export class BatchNormLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitBatchNorm';
  private readonly config;
  private gamma: LayerVariable | undefined;
  private beta: LayerVariable | undefined;
  private movingMean: LayerVariable | undefined;
  private movingVariance: LayerVariable | undefined;

  constructor(options: BatchNormOptions = {}) {
    const { momentum, epsilon, scale, center, movingVariance, gammaInitializer, activation, ...base } = readOptions(layerLabel('batchNorm', options?.name), {
      ...layerEntries,
      momentum: option.withDefault(option.number({ min: 0, max: 1 }), 0.9),
      epsilon: option.withDefault(option.number({ above: 0 }), 1e-5),
      scale: option.withDefault(option.boolean(), true),
      center: option.withDefault(option.boolean(), true),
      movingVariance: option.withDefault(option.oneOf(['unbiased', 'biased']), 'unbiased'),
      gammaInitializer: option.withDefault(option.oneOf(['ones', 'zeros']), 'ones'),
      activation: option.withDefault(activationOption, 'linear'),
    }, options);
    super(base);
    this.config = { momentum, epsilon, scale, center, movingVariance, gammaInitializer, activation };
    this.supportsMasking = true;
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const channels = oneShape(inputShape).at(-1);
    if (channels === null || channels === undefined) throw new OptionError(layerLabel('batchNorm', this.name), 'input', inputShape, 'a shape with a known last axis');
    const { scale, center, gammaInitializer } = this.config;
    if (scale) this.gamma = this.addWeight('gamma', [channels], 'float32', constantInitializer(gammaInitializer === 'ones' ? 1 : 0));
    if (center) this.beta = this.addWeight('beta', [channels], 'float32', constantInitializer(0));
    this.movingMean = this.addWeight('moving_mean', [channels], 'float32', constantInitializer(0), undefined, false);
    this.movingVariance = this.addWeight('moving_variance', [channels], 'float32', constantInitializer(1), undefined, false);
    super.build(inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs?: { training?: boolean }): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor(inputs);
      const { activation, epsilon } = this.config;
      if (kwargs?.training === true && this.trainable) return activate(this.normaliseBatch(x), activation);
      const [mean, variance] = [this.read(this.movingMean), this.read(this.movingVariance)];
      return activate(batchNormalize(x, mean, variance, this.gamma?.read(), this.beta?.read(), epsilon), activation);
    });
  }

  private read(variable: LayerVariable | undefined): tf.Tensor {
    if (variable === undefined) throw new Error(`batchNorm "${this.name}" was called before it was built`);
    return variable.read();
  }

  private normaliseBatch(x: tf.Tensor): tf.Tensor {
    const channels = x.shape[x.shape.length - 1] as number;
    const gamma = (this.gamma?.read() ?? tf.ones([channels])) as tf.Tensor1D;
    const beta = (this.beta?.read() ?? tf.zeros([channels])) as tf.Tensor1D;
    const { y, mean, variance } = batchNormalizeTraining(x, gamma, beta, this.config.epsilon);
    const count = x.size / channels;
    const unbiased = this.config.movingVariance === 'unbiased' && count > 1 ? count / (count - 1) : 1;
    this.updateMoving(this.movingMean, mean, 1);
    this.updateMoving(this.movingVariance, variance, unbiased);
    tf.dispose([mean, variance]);
    return y;
  }

  private updateMoving(variable: LayerVariable | undefined, value: tf.Tensor, factor: number): void {
    const { momentum } = this.config;
    variable?.write(tf.add(tf.mul(variable.read(), momentum), tf.mul(value, (1 - momentum) * factor)));
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const channels = x.shape[x.shape.length - 1] as number;
    const vector = (variable: LayerVariable | undefined, fill: number) => (variable ? g.weight(variable) : g.constant(fill, [channels]));
    const { epsilon, momentum, movingVariance: variance } = this.config;
    const inputs = [x, vector(this.gamma, 1), vector(this.beta, 0), vector(this.movingMean, 0), vector(this.movingVariance, 1)];
    const y = g.op('batchNorm', inputs, this.trainable ? { epsilon, training: { momentum, variance } } : { epsilon });
    return this.config.activation === 'linear' ? y : g.op('activation', [y], { kind: this.config.activation });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config };
  }
}

/** Batch normalisation of a symbolic tensor, shape unchanged. See {@link BatchNormLayer}. */
export const batchNorm = applyLayer((options: BatchNormOptions) => new BatchNormLayer(options));
