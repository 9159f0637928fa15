import { flatten, option, OptionError, readOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { WhatWhere } from './autoencoder.js';
import { difference } from './difference.js';

/** Factors of the three losses. */
export interface WhatWhereWeights {
  /** Of the cross-entropy of the logits. Default 1; 0 for images without labels. */
  classification?: number;
  /** Of |x - x~|^2, the sum over the image. Default 1. */
  reconstruction?: number;
  /** Of |h - h~|^2 at each level between, the sum over its features. Default 1. */
  intermediate?: number;
}

const weight = option.withDefault(option.number({ min: 0 }), 1);
const entries = { classification: weight, reconstruction: weight, intermediate: weight } as const;

/** What a batch came to: tensors for eager training. */
export interface WhatWhereOutputs {
  /** [N, H, W, C] */
  reconstruction: tf.Tensor4D;
  /** As `levels` of the autoencoder has them. */
  levels: readonly { encoded: tf.Tensor4D; decoded: tf.Tensor4D }[];
  /** [N, K] */
  logits?: tf.Tensor2D;
}

/** Each loss by itself, not weighted, and their weighted sum. */
export interface WhatWhereLosses {
  total: tf.Scalar;
  classification: tf.Scalar;
  reconstruction: tf.Scalar;
  intermediate: tf.Scalar;
}

const squares = (a: tf.Tensor, b: tf.Tensor): tf.Scalar => tf.div(tf.sum(tf.square(tf.sub(a, b))), a.shape[0] as number);

/**
 * L = classification NLL + reconstruction |x - x~|^2 + intermediate sum over levels of |h - h~|^2, each a sum over features and a mean
 * over the batch. (Published code divides otherwise: a weight means nothing without its reduction.)
 * @param targets The images, and for the classification a distribution over the classes of each, [N, K].
 * @throws OptionError for impossible weights, and for logits without labels or labels without logits unless its weight is 0.
 */
export function whatWhereLoss({ reconstruction, levels, logits }: WhatWhereOutputs, targets: { images: tf.Tensor4D; labels?: tf.Tensor2D }, weights: WhatWhereWeights = {}): WhatWhereLosses {
  const factors = readOptions('whatWhereLoss', entries, weights);
  if (factors.classification > 0 && (logits === undefined) !== (targets.labels === undefined)) {
    throw new OptionError('whatWhereLoss', 'labels', targets.labels?.shape, logits === undefined ? 'absent without logits' : 'given for the logits, or the weight of classification 0');
  }
  return tf.tidy(() => {
    const classified = logits !== undefined && targets.labels !== undefined;
    const classification = classified ? tf.neg(tf.div(tf.sum(tf.mul(targets.labels as tf.Tensor2D, tf.logSoftmax(logits))), logits.shape[0])) as tf.Scalar : tf.scalar(0);
    const image = squares(targets.images, reconstruction);
    const intermediate = levels.reduce<tf.Scalar>((sum, { encoded, decoded }) => tf.add(sum, squares(encoded, decoded)), tf.scalar(0));
    const total = tf.addN([tf.mul(classification, factors.classification), tf.mul(image, factors.reconstruction), tf.mul(intermediate, factors.intermediate)]) as tf.Scalar;
    return { total, classification, reconstruction: image, intermediate };
  });
}

/** Outputs, losses and targets of an autoencoder in the form that `createTrainer` of @convkit/train takes: all outputs are [N, K]. */
export interface WhatWhereTraining {
  /** Logits where there are any, the reconstruction, and for each level h - h~. */
  readonly outputs: SymbolicTensor[];
  /** One for each output; 'euclidean' is half a square, so its weight is twice the one given. */
  readonly loss: { kind: 'softmaxCrossEntropy' | 'euclidean'; weight: number }[];
  /** Targets of a batch: [N, K] labels as a distribution (where there are logits), the images [N, H W C], and zeros. */
  targets(images: Float32Array, labels?: Float32Array): Float32Array[];
}

/**
 * The same loss for compiled training: a model with these outputs, trained with these losses on these targets.
 * Levels whose weight is 0 are left out.
 * @throws OptionError for impossible weights.
 */
export function whatWhereTraining({ reconstruction, levels, logits }: WhatWhere, weights: WhatWhereWeights = {}): WhatWhereTraining {
  const factors = readOptions('whatWhereTraining', entries, weights);
  const compared = factors.intermediate > 0 ? levels.map(({ encoded, decoded }) => flatten(difference(encoded, decoded))) : [];
  const flat = flatten(reconstruction);
  const sizeOf = ({ shape }: SymbolicTensor) => shape[1] as number;
  return {
    outputs: [...(logits === undefined ? [] : [logits]), flat, ...compared],
    loss: [
      ...(logits === undefined ? [] : [{ kind: 'softmaxCrossEntropy' as const, weight: factors.classification }]),
      { kind: 'euclidean', weight: 2 * factors.reconstruction },
      ...compared.map(() => ({ kind: 'euclidean' as const, weight: 2 * factors.intermediate })),
    ],
    targets: (images, labels) => {
      const size = images.length / sizeOf(flat);
      if (logits !== undefined && labels?.length !== size * sizeOf(logits)) throw new OptionError('whatWhereTraining', 'labels', labels?.length, `${size * sizeOf(logits)} numbers, ${sizeOf(logits)} for each of ${size} images`);
      return [...(labels === undefined || logits === undefined ? [] : [labels]), images, ...compared.map((level) => new Float32Array(size * sizeOf(level)))];
    },
  };
}
