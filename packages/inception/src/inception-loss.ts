/** The loss of a network with auxiliary classifiers: softmax cross-entropy with smoothed labels, weighted a classifier. */
import { option, OptionError, readOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';

/** What `model.compile` takes as the loss of one output: labels and logits [N, K] to a loss an example, [N]. */
export type OutputLoss = (labels: tf.Tensor, logits: tf.Tensor) => tf.Tensor;

export interface InceptionLossOptions {
  /** Share of the probability that all K classes have alike, in [0, 1): Inception v3 takes 0.1. Default 0. */
  labelSmoothing?: number;
  /** Weight of each auxiliary classifier, in the order of the model's outputs: GoogLeNet [0.3, 0.3]; Inception v3 [0.3], torchvision [0.4]. Default none. */
  auxiliaryWeights?: readonly number[];
}

export interface InceptionLoss {
  /** One loss an output: `model.compile({ optimizer, loss: loss.perOutput })`, which adds them up; `model.fit(x, [y, y, y])`. */
  perOutput: OutputLoss[];
  /**
   * Their mean over the batch, added up: `optimizer.minimize(() => loss.total(y, model.apply(x, { training: true })))`.
   * @throws OptionError where there are not as many outputs as weights, and one.
   */
  total(labels: tf.Tensor, outputs: tf.Tensor | tf.Tensor[]): tf.Scalar;
}

const entries = {
  labelSmoothing: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  auxiliaryWeights: option.withDefault(option.list(option.number({ min: 0 }), 0), []),
} as const;

/**
 * q'(k) = (1 - smoothing) q(k) + smoothing / K (Szegedy et al. 2016, section 7): the label of a true class among 1000 is
 * 0.9001 with smoothing 0.1. [N, K] unchanged.
 */
export function smoothLabels(labels: tf.Tensor, smoothing: number): tf.Tensor {
  const classes = labels.shape.at(-1) ?? 1;
  return tf.tidy(() => tf.add(tf.mul(labels, 1 - smoothing), smoothing / classes));
}

/**
 * -sum_k q'(k) log softmax(logits)_k of the last classifier, plus weight times the same of each auxiliary one. Labels are
 * one-hot, or probabilities.
 * @throws OptionError for unknown and impossible options.
 */
export function inceptionLoss(options: InceptionLossOptions = {}): InceptionLoss {
  const { labelSmoothing, auxiliaryWeights } = readOptions('inceptionLoss', entries, options);
  const weighted = (weight: number): OutputLoss => (labels, logits) =>
    tf.tidy(() => tf.mul(tf.sum(tf.mul(smoothLabels(labels, labelSmoothing), tf.logSoftmax(logits)), -1), -weight));
  const perOutput = [1, ...auxiliaryWeights].map(weighted);

  const total = (labels: tf.Tensor, outputs: tf.Tensor | tf.Tensor[]) => tf.tidy(() => {
    const logits = Array.isArray(outputs) ? outputs : [outputs];
    if (logits.length !== perOutput.length) {
      throw new OptionError('inceptionLoss', 'outputs', logits.length, `${perOutput.length}: the model's and one for each auxiliary weight`);
    }
    return tf.addN(perOutput.map((loss, i) => tf.mean(loss(labels, logits[i] as tf.Tensor)))) as tf.Scalar;
  });
  return { perOutput, total };
}
