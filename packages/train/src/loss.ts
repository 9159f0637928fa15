import { option, OptionError, readOptions } from '@convkit/core';
import type { OnnxWriter } from '@convkit/graph/onnx';
import * as tf from '@tensorflow/tfjs-core';

/** What a loss does with the outputs z and the targets t of a batch of B, both [B, K]. Every loss is the mean over the batch. */
export const LOSSES = ['softmaxCrossEntropy', 'euclidean', 'smoothL1'] as const;

export interface LossOptions {
  /**
   * softmaxCrossEntropy: -sum t log softmax(z), for classes. euclidean: sum (z - t)^2 / 2, for coordinates. smoothL1: sum of
   * d^2 / (2 beta) for |d| < beta, else |d| - beta / 2 (Girshick 2015, with torch's beta).
   */
  kind: (typeof LOSSES)[number];
  /** Share of a class' target that is spread over all classes, softmaxCrossEntropy only. Default 0. */
  labelSmoothing?: number;
  /** Of smoothL1. Default 1. */
  beta?: number;
  /** Factor of this loss in the sum over the model's outputs. Default 1. */
  weight?: number;
}

export type Loss = Required<LossOptions>;

const entries = {
  kind: option.oneOf(LOSSES),
  labelSmoothing: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  beta: option.withDefault(option.number({ above: 0 }), 1),
  weight: option.withDefault(option.number({ min: 0 }), 1),
} as const;

/** One loss an output. @throws OptionError for an unknown loss or another number of them. */
export function readLosses(where: string, given: LossOptions | LossOptions['kind'] | readonly LossOptions[], outputs: number): Loss[] {
  const list = Array.isArray(given) ? (given as readonly LossOptions[]) : [given as LossOptions | LossOptions['kind']];
  if (list.length !== outputs) throw new OptionError(where, 'loss', given, `${outputs === 1 ? 'one loss' : `a list of ${outputs} losses, one for each output`}`);
  return list.map((loss) => readOptions(`${where}, loss`, entries, typeof loss === 'string' ? { kind: loss } : loss));
}

/** [B, K] targets of class labels: 1 for the class, smoothed. */
export function targetsOf(labels: ArrayLike<number>, classes: number, { labelSmoothing }: Pick<Loss, 'labelSmoothing'>): Float32Array {
  const targets = new Float32Array(labels.length * classes).fill(labelSmoothing / classes);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] ?? -1;
    if (!Number.isInteger(label) || label < 0 || label >= classes) throw new OptionError('step', `labels[${i}]`, label, `a class from 0 to ${classes - 1}`);
    targets[i * classes + label] = 1 - labelSmoothing + labelSmoothing / classes;
  }
  return targets;
}

/** The loss without axes, and its gradient [B, K] in z. Targets of softmaxCrossEntropy sum to 1. */
export function writeLoss(w: OnnxWriter, z: string, t: string, { kind, beta, weight }: Loss, batch: number): { loss: string; gradient: string } {
  const mul = (a: string, b: string) => w.op('Mul', [a, b]);
  const share = w.number(weight / batch);
  const total = (values: string) => mul(w.reduce('ReduceSum', values, [0, 1], false), share);
  if (kind === 'softmaxCrossEntropy') {
    const logs = w.op('LogSoftmax', [z], { axis: { int: -1 } });
    return { loss: w.op('Neg', [total(mul(t, logs))]), gradient: mul(w.op('Sub', [w.op('Exp', [logs]), t]), share) };
  }
  const difference = w.op('Sub', [z, t]);
  if (kind === 'euclidean') return { loss: mul(total(mul(difference, difference)), w.number(0.5)), gradient: mul(difference, share) };
  // With c = clip(d, -beta, beta): the loss is c (d - c / 2) / beta, its derivative c / beta.
  const cut = w.op('Clip', [difference, w.number(-beta), w.number(beta)]);
  const scaled = mul(cut, w.number(1 / beta));
  return { loss: total(mul(scaled, w.op('Sub', [difference, mul(cut, w.number(0.5))]))), gradient: mul(scaled, share) };
}

/** The same loss with tfjs, which differentiates it itself. */
export function tensorLoss(z: tf.Tensor, t: tf.Tensor, { kind, beta, weight }: Loss): tf.Scalar {
  const share = weight / (z.shape[0] as number);
  if (kind === 'softmaxCrossEntropy') return tf.mul(tf.sum(tf.mul(t, tf.logSoftmax(z))), -share);
  const difference = tf.sub(z, t);
  if (kind === 'euclidean') return tf.mul(tf.sum(tf.square(difference)), share / 2);
  const cut = tf.clipByValue(difference, -beta, beta);
  // The derivative in `cut` is 0 where it is clipped and cancels where it is not.
  return tf.mul(tf.sum(tf.mul(cut, tf.sub(difference, tf.mul(cut, 0.5)))), share / beta);
}
