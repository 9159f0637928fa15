import { option, OptionError, readOptions } from '@convkit/core';
import type { OnnxWriter } from '@convkit/graph/onnx';
import * as tf from '@tensorflow/tfjs-core';

/**
 * What a loss does with the outputs z and the targets t of a batch of B, both [B, K], or [B, ..., K] with a weight for each row of K.
 * Every loss is the sum over an image, the mean over the batch.
 */
export const LOSSES = ['softmaxCrossEntropy', 'focal', 'euclidean', 'smoothL1'] as const;

export interface LossOptions {
  /**
   * softmaxCrossEntropy: -sum t log softmax(z), for classes. euclidean: sum (z - t)^2 / 2, for coordinates. smoothL1: sum of
   * d^2 / (2 beta) for |d| < beta, else |d| - beta / 2 (Girshick 2015, with torch's beta). Of the latter two a target that is NaN is
   * left out: that output is right whatever it says (the boxes of other classes, coordinates that are not known).
   */
  kind: (typeof LOSSES)[number];
  /** Share of a class' target that is spread over all classes, softmaxCrossEntropy only. Default 0. */
  labelSmoothing?: number;
  /** Of smoothL1. Default 1. */
  beta?: number;
  /** Of focal. Default 0.25. */
  alpha?: number;
  /** Of focal, 0 or at least 1. Default 2. */
  gamma?: number;
  /**
   * softmaxCrossEntropy over rows [B, A, K] whose class 0 is background: of the background only the rows with the largest losses count, so
   * many for each other row of their image that has a weight; an image of background counts nothing (SSD: 3). Default: all rows count.
   */
  hardNegatives?: number;
  /** Factor of this loss in the sum over the model's outputs. Default 1. */
  weight?: number;
}

export type Loss = Required<Omit<LossOptions, 'hardNegatives'>> & { hardNegatives?: number | undefined };

const entries = {
  kind: option.oneOf(LOSSES),
  labelSmoothing: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  beta: option.withDefault(option.number({ above: 0 }), 1),
  alpha: option.withDefault(option.number({ min: 0, max: 1 }), 0.25),
  gamma: option.withDefault(option.custom<number>((x) => x === 0 || (typeof x === 'number' && x >= 1 && Number.isFinite(x)), '0 or a finite number >= 1'), 2),
  hardNegatives: option.optional(option.number({ min: 0 })),
  weight: option.withDefault(option.number({ min: 0 }), 1),
} as const;

/** One loss an output, of these ranks. @throws OptionError for an unknown loss, another number of them, and rows where there are none. */
export function readLosses(where: string, given: LossOptions | LossOptions['kind'] | readonly LossOptions[], ranks: readonly number[]): Loss[] {
  const list = Array.isArray(given) ? (given as readonly LossOptions[]) : [given as LossOptions | LossOptions['kind']];
  const outputs = ranks.length;
  if (list.length !== outputs) throw new OptionError(where, 'loss', given, `${outputs === 1 ? 'one loss' : `a list of ${outputs} losses, one for each output`}`);
  return list.map((loss, i) => {
    const read = readOptions(`${where}, loss`, entries, typeof loss === 'string' ? { kind: loss } : loss);
    if (read.hardNegatives !== undefined && (read.kind !== 'softmaxCrossEntropy' || ranks[i] !== 3)) {
      throw new OptionError(`${where}, loss`, 'hardNegatives', read.hardNegatives, 'left out but for softmaxCrossEntropy over an output [N, A, K]');
    }
    return read;
  });
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

/** What an output's loss has beside outputs and targets: their shape [B, ..., K], and for more than two axes the name of the rows' weights [B, ...]. */
export interface LossShape {
  readonly shape: readonly number[];
  readonly weights?: string | undefined;
}

/** The loss without axes, and its gradient in z, of z's shape. Targets of softmaxCrossEntropy sum to 1. */
export function writeLoss(w: OnnxWriter, z: string, t: string, { kind, beta, alpha, gamma, weight, hardNegatives }: Loss, { shape, weights }: LossShape): { loss: string; gradient: string } {
  const mul = (a: string, b: string) => w.op('Mul', [a, b]);
  const share = w.number(weight / (shape[0] as number));
  const rows = weights === undefined ? undefined : w.reshape(weights, [...shape.slice(0, -1), 1]);
  const weighed = (values: string, by = rows) => (by === undefined ? values : mul(values, by));
  const total = (values: string) => mul(w.reduce('ReduceSum', values, shape.map((_, axis) => axis), false), share);
  if (kind === 'softmaxCrossEntropy') {
    const logs = w.op('LogSoftmax', [z], { axis: { int: -1 } });
    const products = mul(t, logs);
    const counted = hardNegatives === undefined || rows === undefined ? rows
      : mul(rows, writeHardNegatives(w, w.op('Neg', [w.reduce('ReduceSum', products, [2], true)]), t, rows, shape, hardNegatives));
    return { loss: w.op('Neg', [total(weighed(products, counted))]), gradient: weighed(mul(w.op('Sub', [w.op('Exp', [logs]), t]), share), counted) };
  }
  if (kind === 'focal') {
    const one = w.number(1);
    const p = w.op('Sigmoid', [z]);
    const other = w.op('Sub', [one, t]);
    // L = a q^gamma c with q = 1 - p_t and c = -ln p_t: dL/dz = a (gamma q^(gamma - 1) c p (1 - p) (1 - 2t) + q^gamma (p - t)).
    const [q, c] = [w.op('Add', [mul(p, other), mul(w.op('Sub', [one, p]), t)]), w.op('Sub', [w.op('Softplus', [z]), mul(z, t)])];
    const a = w.op('Add', [mul(t, w.number(alpha)), mul(other, w.number(1 - alpha))]);
    const power = (exponent: number) => (exponent === 0 ? one : exponent === 1 ? q : w.op('Pow', [q, w.number(exponent)]));
    const outer = mul(power(gamma), w.op('Sub', [p, t]));
    const inner = () => mul(mul(mul(power(gamma - 1), c), w.number(gamma)), mul(mul(p, w.op('Sub', [one, p])), w.op('Sub', [other, t])));
    const slope = gamma === 0 ? outer : w.op('Add', [inner(), outer]);
    return { loss: total(weighed(mul(a, mul(power(gamma), c)))), gradient: weighed(mul(mul(a, slope), share)) };
  }
  const difference = w.op('Where', [w.op('IsNaN', [t]), w.number(0), w.op('Sub', [z, t])]);
  if (kind === 'euclidean') return { loss: mul(total(weighed(mul(difference, difference))), w.number(0.5)), gradient: weighed(mul(difference, share)) };
  // With c = clip(d, -beta, beta): the loss is c (d - c / 2) / beta, its derivative c / beta.
  const cut = w.op('Clip', [difference, w.number(-beta), w.number(beta)]);
  const scaled = mul(cut, w.number(1 / beta));
  return { loss: total(weighed(mul(scaled, w.op('Sub', [difference, mul(cut, w.number(0.5))])))), gradient: weighed(mul(scaled, share)) };
}

/**
 * 1 for rows that are no background and for the `ratio` times as many of their image's background rows that have the largest losses, [B, A, 1].
 * Rows without a weight are neither. Among equal losses the row that comes first: TopK says so.
 */
function writeHardNegatives(w: OnnxWriter, losses: string, t: string, weights: string, shape: readonly number[], ratio: number): string {
  const [batch, rows, classes] = shape as [number, number, number];
  const flat = (name: string) => w.reshape(name, [batch, rows]);
  const present = flat(w.asFloat(w.op('Greater', [weights, w.number(0)])));
  const [first] = w.many('Split', [t, w.integers([1, classes - 1])], 2, { axis: { int: 2 } }) as [string, string];
  const background = w.op('Mul', [flat(first), present]);
  const matched = w.op('Sub', [present, background]);
  // Losses are not below 0: what is no background comes last.
  const candidates = w.op('Sub', [w.op('Mul', [flat(losses), background]), w.op('Sub', [w.number(1), background])]);
  const sorted = (name: string) => w.asFloat(w.many('TopK', [name, w.integers([rows])], 2, { axis: { int: 1 } })[1] as string);
  const rank = sorted(w.op('Neg', [sorted(candidates)]));
  const limit = w.op('Floor', [w.op('Mul', [w.reduce('ReduceSum', matched, [1], true), w.number(ratio)])]);
  const hard = w.op('Mul', [background, w.asFloat(w.op('Less', [rank, limit]))]);
  return w.reshape(w.op('Add', [matched, hard]), [batch, rows, 1]);
}

/** {@link writeHardNegatives} with tfjs, [B, A]; its gradient is 0. */
function hardNegatives(losses: tf.Tensor, t: tf.Tensor, weights: tf.Tensor, ratio: number): tf.Tensor {
  const [batch, rows] = t.shape as [number, number, number];
  const mask = tf.customGrad((given) => {
    const present = tf.cast(tf.greater(weights, 0), 'float32');
    const background = tf.mul(tf.reshape(tf.slice(t, [0, 0, 0], [batch, rows, 1]), [batch, rows]), present);
    const matched = tf.sub(present, background);
    const candidates = tf.sub(tf.mul(given as tf.Tensor, background), tf.sub(1, background));
    const sorted = (values: tf.Tensor) => tf.cast(tf.topk(values, rows, true).indices, 'float32');
    const rank = sorted(tf.neg(sorted(candidates)));
    const limit = tf.floor(tf.mul(tf.sum(matched, 1, true), ratio));
    return { value: tf.add(matched, tf.mul(background, tf.cast(tf.less(rank, limit), 'float32'))), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) };
  });
  return mask(losses);
}

/** The same loss with tfjs, which differentiates it itself. */
export function tensorLoss(z: tf.Tensor, t: tf.Tensor, { kind, beta, alpha, gamma, weight, hardNegatives: ratio }: Loss, weights?: tf.Tensor): tf.Scalar {
  const share = weight / (z.shape[0] as number);
  const total = (values: tf.Tensor, by = weights, factor = share): tf.Scalar => tf.mul(tf.sum(by === undefined ? values : tf.mul(tf.sum(values, -1), by)), factor);
  if (kind === 'softmaxCrossEntropy') {
    const losses = tf.neg(tf.mul(t, tf.logSoftmax(z)));
    return total(losses, ratio === undefined || weights === undefined ? weights : tf.mul(weights, hardNegatives(tf.sum(losses, -1), t, weights, ratio)));
  }
  if (kind === 'focal') {
    const [p, other] = [tf.sigmoid(z), tf.sub(1, t)];
    const c = tf.add(tf.sub(tf.relu(z), tf.mul(z, t)), tf.log1p(tf.exp(tf.neg(tf.abs(z)))));
    const q = tf.add(tf.mul(p, other), tf.mul(tf.sub(1, p), t));
    const powered = gamma === 0 ? c : tf.mul(c, gamma === 1 ? q : gamma === 2 ? tf.square(q) : tf.pow(q, gamma));
    return total(tf.mul(powered, tf.add(tf.mul(t, alpha), tf.mul(other, 1 - alpha))));
  }
  const unknown = tf.isNaN(t);
  const difference = tf.mul(tf.sub(z, tf.where(unknown, tf.zerosLike(t), t)), tf.sub(1, tf.cast(unknown, 'float32')));
  if (kind === 'euclidean') return total(tf.square(difference), weights, share / 2);
  const cut = tf.clipByValue(difference, -beta, beta);
  // The derivative in `cut` is 0 where it is clipped and cancels where it is not.
  return total(tf.mul(cut, tf.sub(difference, tf.mul(cut, 0.5))), weights, share / beta);
}
