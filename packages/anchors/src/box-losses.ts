/** Losses of boxes, as tensors with gradients on every backend. */
import { option, OptionError, readOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { decodeEntries, type DecodeOptions } from './box-coding.js';
import { OVERLAP_EPSILON, OVERLAPS, type Overlap } from './box-overlaps.js';

type Columns = readonly [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];

/** The four columns of [N, 4], [N, 1] each. */
function columnsOf(where: string, name: string, boxes: tf.Tensor2D): Columns {
  if (boxes.rank !== 2 || boxes.shape[1] !== 4) throw new OptionError(where, name, boxes.shape, '[N, 4]');
  return tf.split(boxes, 4, 1) as unknown as Columns;
}

/** The same values, through which no gradient goes. */
const constant = tf.customGrad((x) => ({ value: tf.clone(x as tf.Tensor), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) }));

const lossEntries = { kind: option.withDefault(option.oneOf(OVERLAPS), 'giou') } as const;

/**
 * 1 - IoU, GIoU, DIoU or CIoU of boxes and their targets, pair by pair, with 1e-7 in the denominators (torchvision's box losses).
 * CIoU's alpha is taken as constant, as its authors have it. Only IoU itself has no gradient where boxes do not touch.
 * @param predicted [N, 4], corners; @param target [N, 4]. @returns [N]
 * @throws OptionError for shapes that do not fit.
 */
export function boxLoss(predicted: tf.Tensor2D, target: tf.Tensor2D, options: { /** Default 'giou'. */ kind?: Overlap } = {}): tf.Tensor1D {
  const where = 'boxLoss';
  const { kind } = readOptions(where, lossEntries, options);
  if (predicted.shape[0] !== target.shape[0]) throw new OptionError(where, 'target', target.shape, `[${predicted.shape[0]}, 4]`);
  return tf.tidy(() => {
    const [ax1, ay1, ax2, ay2] = columnsOf(where, 'predicted', predicted);
    const [bx1, by1, bx2, by2] = columnsOf(where, 'target', target);
    const [aw, ah, bw, bh] = [tf.sub(ax2, ax1), tf.sub(ay2, ay1), tf.sub(bx2, bx1), tf.sub(by2, by1)];
    const shared = (a1: tf.Tensor, a2: tf.Tensor, b1: tf.Tensor, b2: tf.Tensor) => tf.relu(tf.sub(tf.minimum(a2, b2), tf.maximum(a1, b1)));
    const around = (a1: tf.Tensor, a2: tf.Tensor, b1: tf.Tensor, b2: tf.Tensor) => tf.sub(tf.maximum(a2, b2), tf.minimum(a1, b1));
    const over = (x: tf.Tensor, y: tf.Tensor) => tf.div(x, tf.add(y, OVERLAP_EPSILON));

    const intersection = tf.mul(shared(ax1, ax2, bx1, bx2), shared(ay1, ay2, by1, by2));
    const union = tf.sub(tf.add(tf.mul(aw, ah), tf.mul(bw, bh)), intersection);
    const iou = over(intersection, union);
    const loss = tf.sub(1, iou);
    const flat = (x: tf.Tensor) => tf.reshape(x, [-1]) as tf.Tensor1D;
    if (kind === 'iou') return flat(loss);

    const [width, height] = [around(ax1, ax2, bx1, bx2), around(ay1, ay2, by1, by2)];
    if (kind === 'giou') {
      const box = tf.mul(width, height);
      return flat(tf.add(loss, over(tf.sub(box, union), box)));
    }
    const apart = (a1: tf.Tensor, a2: tf.Tensor, b1: tf.Tensor, b2: tf.Tensor) => tf.square(tf.mul(tf.sub(tf.add(a1, a2), tf.add(b1, b2)), 0.5));
    const distance = over(tf.add(apart(ax1, ax2, bx1, bx2), apart(ay1, ay2, by1, by2)), tf.add(tf.square(width), tf.square(height)));
    const distant = tf.add(loss, distance);
    if (kind === 'diou') return flat(distant);

    const angle = (w: tf.Tensor, h: tf.Tensor) => tf.atan(tf.div(w, tf.maximum(h, OVERLAP_EPSILON)));
    const v = tf.mul(tf.square(tf.sub(angle(aw, ah), angle(bw, bh))), 4 / Math.PI ** 2);
    const alpha = constant(over(v, tf.add(loss, v)));
    return flat(tf.add(distant, tf.mul(alpha, v)));
  });
}

/**
 * {@link decodeBoxes} on tensors, for losses on decoded boxes; the gradient of a scale beyond the clamp is 0.
 * @param offsets [N, 4]; @param anchors [N, 4], corners. @returns [N, 4], corners
 */
export function decodeOffsets(offsets: tf.Tensor2D, anchors: tf.Tensor2D, options: DecodeOptions = {}): tf.Tensor2D {
  const where = 'decodeOffsets';
  const { weights: [sx, sy, sw, sh], clamp } = readOptions(where, decodeEntries, options);
  if (offsets.shape[0] !== anchors.shape[0]) throw new OptionError(where, 'anchors', anchors.shape, `[${offsets.shape[0]}, 4]`);
  return tf.tidy(() => {
    const [tx, ty, tw, th] = columnsOf(where, 'offsets', offsets);
    const [x1, y1, x2, y2] = columnsOf(where, 'anchors', anchors);
    /** Both ends along an axis. */
    const ends = (shift: tf.Tensor, scale: tf.Tensor, first: tf.Tensor, last: tf.Tensor): [tf.Tensor, tf.Tensor] => {
      const length = tf.sub(last, first);
      const centre = tf.add(tf.mul(shift, length), tf.mul(tf.add(first, last), 0.5));
      const half = tf.mul(tf.exp(Number.isFinite(clamp) ? tf.minimum(scale, clamp) : scale), tf.mul(length, 0.5));
      return [tf.sub(centre, half), tf.add(centre, half)];
    };
    const [left, right] = ends(tf.div(tx, sx), tf.div(tw, sw), x1, x2);
    const [top, bottom] = ends(tf.div(ty, sy), tf.div(th, sh), y1, y2);
    return tf.concat([left, top, right, bottom], 1) as tf.Tensor2D;
  });
}

const smoothEntries = { beta: option.withDefault(option.number({ min: 0 }), 1) } as const;

/**
 * Smooth L1 of x = predicted - target: x^2 / (2 beta) where |x| < beta, |x| - beta / 2 beyond (Girshick 2015, arXiv 1504.08083).
 * SSD has beta 1, torchvision's R-CNNs 1 / 9; where a source says sigma, beta is 1 / sigma^2. Beta 0 is |x|.
 * @returns as many numbers; sums and their divisors are the caller's.
 */
export function smoothL1<T extends tf.Tensor>(predicted: T, target: T, options: { /** Default 1. */ beta?: number } = {}): T {
  const { beta } = readOptions('smoothL1', smoothEntries, options);
  return tf.tidy(() => {
    const distance = tf.abs(tf.sub(predicted, target));
    if (beta === 0) return distance as T;
    const inner = tf.minimum(distance, beta);
    return tf.div(tf.mul(inner, tf.sub(distance, tf.mul(inner, 0.5))), beta) as T;
  });
}
