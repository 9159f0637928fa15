/** Boxes as offsets from anchors: the numbers that a detector learns. */
import { option, OptionError, readOptions } from '@convkit/core';
import { boxAt, countBoxes, likewise, type Boxes } from './boxes.js';

type Weights = readonly [number, number, number, number];

/** Weights of (x, y, w, h) by who uses them. 10 and 5 are one over the standard deviations .1 and .2 of other sources. */
export const BOX_WEIGHTS = {
  /** SSD, Fast R-CNN's second stage (torchvision's roi_heads), Dive into Deep Learning. */
  ssd: [10, 10, 5, 5],
  /** Region proposals and RetinaNet in torchvision. */
  rpn: [1, 1, 1, 1],
} as const satisfies Record<string, Weights>;

/** torchvision's bound on the logarithm of a scale, ln(1000 / 16): no box is more than 62.5 times its anchor. */
export const SCALE_CLAMP = Math.log(1000 / 16);

export interface EncodeOptions {
  /** Of (x, y, w, h). Default [10, 10, 5, 5]. */
  weights?: Weights;
  /** Added to the ratio of sides before the logarithm: Dive into Deep Learning has 1e-6, which its decoding does not take back. Default 0. */
  epsilon?: number;
}

export interface DecodeOptions {
  /** Of (x, y, w, h). Default [10, 10, 5, 5]. */
  weights?: Weights;
  /** Upper bound of ln(w / anchor's w) and of h's. Default ln(1000 / 16), Infinity for none. */
  clamp?: number;
}

const isWeights = (value: unknown): value is Weights => Array.isArray(value) && value.length === 4 && value.every((x) => Number.isFinite(x) && x > 0);
const weights = option.withDefault(option.custom<Weights>(isWeights, '4 numbers > 0'), BOX_WEIGHTS.ssd);
const encodeEntries = { weights, epsilon: option.withDefault(option.number({ min: 0 }), 0) } as const;
export const decodeEntries = { weights, clamp: option.withDefault(option.custom<number>((x) => typeof x === 'number' && x > 0, 'a number > 0'), SCALE_CLAMP) } as const;

/** A box as centre and sides. */
function centred(boxes: Boxes, i: number): Weights {
  const [x1, y1, x2, y2] = boxAt(boxes, i);
  return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1];
}

function countPairs(where: string, name: string, boxes: Boxes, anchors: Boxes): number {
  const count = countBoxes(where, name, boxes);
  if (countBoxes(where, 'anchors', anchors) !== count) throw new OptionError(where, 'anchors', anchors.length / 4, `as many as ${name}, ${count}`);
  return count;
}

/**
 * Offsets of boxes from their anchors, pair by pair: with centres (x, y) and sides (w, h) of a box g and its anchor a,
 * ((gx - ax) / aw, (gy - ay) / ah, ln(gw / aw), ln(gh / ah)), each times its weight (Girshick et al. 2014, appendix C).
 * @param boxes [N, 4], corners; @param anchors [N, 4], corners. @returns [N, 4]
 * @throws OptionError for sides that have no logarithm.
 */
export function encodeBoxes<B extends Boxes>(boxes: B, anchors: Boxes, options: EncodeOptions = {}): B {
  const where = 'encodeBoxes';
  const { weights: [sx, sy, sw, sh], epsilon } = readOptions(where, encodeEntries, options);
  const offsets = likewise(boxes, boxes.length);
  for (let i = 0, count = countPairs(where, 'boxes', boxes, anchors); i < count; i++) {
    const [x, y, w, h] = centred(boxes, i);
    const [ax, ay, aw, ah] = centred(anchors, i);
    if (!(aw > 0 && ah > 0)) throw new OptionError(where, 'anchors', boxAt(anchors, i), `boxes with sides > 0 (number ${i})`);
    const scales = [w / aw + epsilon, h / ah + epsilon] as const;
    if (!(scales[0] > 0 && scales[1] > 0)) throw new OptionError(where, 'boxes', boxAt(boxes, i), `boxes with sides > 0 (number ${i})`);
    offsets.set([(sx * (x - ax)) / aw, (sy * (y - ay)) / ah, sw * Math.log(scales[0]), sh * Math.log(scales[1])], 4 * i);
  }
  return offsets;
}

/**
 * The boxes that offsets mean: centre (ax + tx / sx aw, ay + ty / sy ah), sides aw exp(min(tw / sw, clamp)) and likewise h;
 * the inverse of {@link encodeBoxes} without its epsilon. Clip them to the image with {@link clipBoxes}.
 * @param offsets [N, 4]; @param anchors [N, 4], corners. @returns [N, 4], corners
 */
export function decodeBoxes<B extends Boxes>(offsets: B, anchors: Boxes, options: DecodeOptions = {}): B {
  const where = 'decodeBoxes';
  const { weights: [sx, sy, sw, sh], clamp } = readOptions(where, decodeEntries, options);
  const boxes = likewise(offsets, offsets.length);
  for (let i = 0, count = countPairs(where, 'offsets', offsets, anchors); i < count; i++) {
    const [tx, ty, tw, th] = boxAt(offsets, i);
    const [ax, ay, aw, ah] = centred(anchors, i);
    const [x, y] = [(tx / sx) * aw + ax, (ty / sy) * ah + ay];
    const w = Math.exp(Math.min(tw / sw, clamp)) * aw;
    const h = Math.exp(Math.min(th / sh, clamp)) * ah;
    boxes.set([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 4 * i);
  }
  return boxes;
}
