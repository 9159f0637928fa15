/** The loss of a detector with tfjs: differentiable on every backend, for any optimiser. */
import { focalLoss, smoothL1 } from '@convkit/anchors';
import { OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { AssignedAnchors } from './assign-anchors.js';
import type { Detector } from './detector.js';

/** The parts of a detector's loss; the loss is their sum. */
export interface DetectionLosses {
  readonly classes: tf.Scalar;
  readonly boxes: tf.Scalar;
}

/**
 * 1 for the matched anchors and for the background with the largest losses, `ratio` for each matched one of its image; 0 for others.
 * Among equal losses the anchor that comes first. Its gradient is 0.
 */
function hardNegativeMask(losses: tf.Tensor2D, classes: Int32Array, ratio: number): tf.Tensor2D {
  const [size, count] = losses.shape;
  const isBackground = Float32Array.from(classes, (kind) => (kind === 0 ? 1 : 0));
  const isMatched = Float32Array.from(classes, (kind) => (kind > 0 ? 1 : 0));
  const limits = Float32Array.from({ length: size }, (_, n) => Math.floor(ratio * isMatched.subarray(n * count, (n + 1) * count).reduce((sum, one) => sum + one, 0)));
  const mask = tf.customGrad((given) => {
    const background = tf.tensor2d(isBackground, [size, count]);
    // Losses are not below 0: what is no background comes last.
    const candidates = tf.sub(tf.mul(given as tf.Tensor, background), tf.sub(1, background));
    const order = tf.topk(candidates, count, true).indices;
    const rank = tf.topk(tf.neg(tf.cast(order, 'float32')), count, true).indices;
    const hard = tf.mul(background, tf.cast(tf.less(tf.cast(rank, 'float32'), tf.tensor2d(limits, [size, 1])), 'float32'));
    return { value: tf.add(hard, tf.tensor2d(isMatched, [size, count])), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) };
  });
  return mask(losses) as tf.Tensor2D;
}

/**
 * Losses of the classes and of the offsets, each summed by the anchors' weights over N. Softmax: cross-entropy of the matched anchors and
 * their hard negatives (SSD). Sigmoid: focal loss (RetinaNet). Offsets: smooth L1.
 * @param outputs The model's: logits [N, A, K], offsets [N, A, 4].
 * @throws OptionError where outputs and targets are not of the same images and anchors.
 */
export function detectionLosses({ classes: kinds, anchors, rules }: Detector, outputs: readonly tf.Tensor[], targets: AssignedAnchors): DetectionLosses {
  const [logits, offsets] = outputs as [tf.Tensor3D, tf.Tensor3D];
  const count = anchors.length / 4;
  const shape: [number, number] = [targets.size, count];
  const columns = kinds + (rules.scores === 'softmax' ? 1 : 0);
  if (logits?.shape.join() !== [...shape, columns].join() || offsets?.shape.join() !== [...shape, 4].join()) {
    throw new OptionError('detectionLosses', 'outputs', outputs.map((output) => output.shape), `[${[...shape, columns].join(', ')}] and [${[...shape, 4].join(', ')}]`);
  }
  return tf.tidy(() => {
    // Ignored anchors weigh nothing, whatever they learn.
    const wanted = tf.cast(tf.oneHot(tf.tensor2d(targets.classes.map((kind) => Math.max(kind, 0)), shape, 'int32'), kinds + 1), 'float32') as tf.Tensor3D;
    const weights = tf.tensor2d(targets.classWeights, shape);
    const each = rules.scores === 'softmax'
      ? tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), wanted), 2)) as tf.Tensor2D
      : tf.sum(focalLoss(logits, tf.slice(wanted, [0, 0, 1]), rules.focal), 2) as tf.Tensor2D;
    const chosen = rules.scores === 'softmax' ? tf.mul(weights, hardNegativeMask(each, targets.classes, rules.hardNegatives)) : weights;
    const distance = tf.sum(smoothL1(offsets, tf.tensor3d(targets.offsets, [...shape, 4]), { beta: rules.beta }), 2);
    const total = (losses: tf.Tensor, by: tf.Tensor) => tf.div(tf.sum(tf.mul(losses, by)), targets.size) as tf.Scalar;
    return { classes: total(each, chosen), boxes: total(distance, tf.tensor2d(targets.boxWeights, shape)) } as unknown as tf.TensorContainerObject;
  }) as unknown as DetectionLosses;
}

/** The sum of {@link detectionLosses}: what an optimiser minimises. */
export function detectionLoss(detector: Detector, outputs: readonly tf.Tensor[], targets: AssignedAnchors): tf.Scalar {
  return tf.tidy(() => {
    const { classes, boxes } = detectionLosses(detector, outputs, targets);
    return tf.add(classes, boxes);
  });
}
