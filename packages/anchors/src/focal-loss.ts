/** Focal loss: Lin et al., "Focal Loss for Dense Object Detection" (arXiv 1708.02002). */
import { option, OptionError, readOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';

export interface FocalLossOptions {
  /** Weight of the positives, 1 - alpha that of the negatives; null leaves both out. Default 0.25. */
  alpha?: number | null;
  /** How much less what is right already counts; 0 is cross-entropy. Default 2. */
  gamma?: number;
}

const isShare = (x: unknown) => x === null || (typeof x === 'number' && x >= 0 && x <= 1);
const entries = {
  alpha: option.withDefault(option.custom<number | null>(isShare, 'a number from 0 to 1, or null'), 0.25),
  gamma: option.withDefault(option.number({ min: 0 }), 2),
} as const;

/**
 * -a_t (1 - p_t)^gamma ln p_t, p_t = p for a target of 1 and 1 - p for 0, p the sigmoid of the logit: torchvision's
 * sigmoid_focal_loss. RetinaNet divides the sum by the number of matched anchors.
 * @param logits [...]; @param targets [...], 0 to 1. @returns [...]
 * @throws OptionError for shapes that differ.
 */
export function focalLoss<T extends tf.Tensor>(logits: T, targets: T, options: FocalLossOptions = {}): T {
  const where = 'focalLoss';
  const { alpha, gamma } = readOptions(where, entries, options);
  if (logits.shape.join() !== targets.shape.join()) throw new OptionError(where, 'targets', targets.shape, `of the logits' shape [${logits.shape}]`);
  return tf.tidy(() => {
    const others = tf.sub(1, targets);
    // -ln p_t, in a form that overflows nowhere.
    const crossEntropy = tf.add(tf.sub(tf.relu(logits), tf.mul(logits, targets)), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));
    const wrong = tf.add(tf.mul(tf.sigmoid(logits), others), tf.mul(tf.sigmoid(tf.neg(logits)), targets));
    const loss = gamma === 0 ? crossEntropy : tf.mul(crossEntropy, gamma === 2 ? tf.square(wrong) : tf.pow(wrong, gamma));
    return (alpha === null ? loss : tf.mul(loss, tf.add(tf.mul(targets, alpha), tf.mul(others, 1 - alpha)))) as T;
  });
}

/** The bias of a classifier's last layer with which everything starts at the probability `prior`: -ln((1 - prior) / prior). */
export function priorBias(prior = 0.01): number {
  if (!(prior > 0 && prior < 1)) throw new OptionError('priorBias', 'prior', prior, 'a number > 0 and < 1');
  return -Math.log((1 - prior) / prior);
}
