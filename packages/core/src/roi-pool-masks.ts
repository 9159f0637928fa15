import * as tf from '@tensorflow/tfjs-core';
import type { OpAttributes } from './lowering.js';

/** The largest of each bin's pixels, and which they are: [R P Q, C] each, as rows of the table [N H W, C]; that behind it for a bin without pixels. */
export type Maxima = { value: tf.Tensor2D; chosen: tf.Tensor2D };

/** Below every pixel. Finite: a GPU need not know infinity. */
const NONE = -3e38;

/** Numbers that a step holds at most, if one box allows: 64 MB in float32. */
const STEP = 2 ** 24;

/** 1 where a pixel along an axis is in a bin of a box, [R, bins, length], by the whole numbers of the paper: a GPU's quotient is not the processor's to the bit. */
function axisMask(first: tf.Tensor, last: tf.Tensor, bins: number, length: number, scale: number): tf.Tensor3D {
  const rounded = (corner: tf.Tensor) => {
    const scaled = tf.mul(corner, scale);
    return tf.mul(tf.sign(scaled), tf.floor(tf.add(tf.abs(scaled), 0.5)));
  };
  const start = rounded(first);
  const size = tf.maximum(tf.add(tf.sub(rounded(last), start), 1), 1);
  // Halves keep quotients of whole numbers away from the next one.
  const edge = (bin: tf.Tensor, rest: number) => tf.expandDims(tf.add(start, tf.floor(tf.div(tf.add(tf.mul(bin, size), rest), bins))), 2);
  const numbers = tf.range(0, bins);
  const pixels = tf.range(0, length);
  return tf.logicalAnd(tf.greaterEqual(pixels, edge(numbers, 0.5)), tf.less(pixels, edge(tf.add(numbers, 1), bins - 0.5))) as tf.Tensor3D;
}

/** Largest of rows [B, L, C] in each of K masks, and where it is: [B, K, C] each. @param mask [B, K, L] */
function largest(rows: tf.Tensor, mask: tf.Tensor): { value: tf.Tensor; at: tf.Tensor } {
  const candidates = tf.where(tf.expandDims(mask, 3), tf.expandDims(rows, 1), NONE);
  return { value: tf.max(candidates, 2), at: tf.argMax(candidates, 2) };
}

/** The bins of some boxes of one image [H, W, C]: columns first, so that the first row of several maxima is chosen. */
function binsOf(image: tf.Tensor3D, vertical: tf.Tensor3D, horizontal: tf.Tensor3D, first: number, behind: number): Maxima {
  const [height, width, channels] = image.shape;
  const [count, down] = vertical.shape;
  const across = horizontal.shape[1];
  const columns = tf.reshape(horizontal, [1, count * across, width]);
  const inColumns = largest(tf.reshape(tf.transpose(image, [1, 0, 2]), [1, width, height * channels]), columns);
  const split = (x: tf.Tensor) => tf.reshape(x, [count * across, height, channels]);
  const rows = tf.reshape(tf.tile(tf.expandDims(vertical, 1), [1, across, 1, 1]), [count * across, down, height]);
  const { value, at } = largest(split(inColumns.value), rows);
  const isRow = tf.equal(tf.reshape(tf.range(0, height, 1, 'int32'), [1, 1, height, 1]), tf.expandDims(at, 2));
  const column = tf.sum(tf.where(isRow, tf.expandDims(tf.cast(split(inColumns.at), 'float32'), 1), 0), 2);
  // webgpu transposes floats only, and casts to them in name: arithmetic makes them such.
  const inOrder = (x: tf.Tensor) => tf.reshape(tf.transpose(tf.reshape(tf.mul(tf.cast(x, 'float32'), 1), [count, across, down, channels]), [0, 2, 1, 3]), [-1, channels]) as tf.Tensor2D;
  const isThere = inOrder(tf.greater(value, NONE / 2));
  const whole = (x: tf.Tensor) => tf.cast(x, 'int32');
  const integer = (n: number) => tf.scalar(n, 'int32');
  const pixel = tf.add(tf.add(tf.mul(whole(inOrder(at)), integer(width)), whole(inOrder(column))), integer(first));
  const chosen = tf.add(tf.mul(pixel, whole(isThere)), tf.mul(whole(tf.sub(1, isThere)), integer(behind))) as tf.Tensor2D;
  return { value: tf.where(tf.cast(isThere, 'bool'), inOrder(value), 0) as tf.Tensor2D, chosen };
}

/**
 * RoI pooling in tensors alone, for a backend that cannot be read at once: every pixel is compared for every bin. Its bins are those of
 * `poolRegions` but for the rounding of float32: a few bins, such as the last of 7 over 57 pixels, have one pixel more there.
 * @param x [N, H, W, C]; @param boxes [N, R, 4]. Tidy around it.
 */
export function poolByMasks(x: tf.Tensor4D, boxes: tf.Tensor3D, { outputSize: [down, across], spatialScale }: OpAttributes['roiPool']): Maxima {
  const [batch, height, width, channels] = x.shape;
  const count = boxes.shape[1];
  const most = Math.max(1, Math.floor(STEP / (across * height * width * channels)));
  const parts: Maxima[] = [];
  for (let image = 0; image < batch; image++) {
    const map = tf.reshape(tf.slice(x, [image, 0, 0, 0], [1, -1, -1, -1]), [height, width, channels]) as tf.Tensor3D;
    for (let start = 0; start < count; start += most) {
      parts.push(tf.tidy(() => {
        const some = tf.slice(boxes, [image, start, 0], [1, Math.min(most, count - start), 4]);
        const corner = (i: number) => tf.reshape(tf.slice(some, [0, 0, i], [1, -1, 1]), [-1, 1]);
        const [vertical, horizontal] = [axisMask(corner(1), corner(3), down, height, spatialScale), axisMask(corner(0), corner(2), across, width, spatialScale)];
        return binsOf(map, vertical, horizontal, image * height * width, batch * height * width);
      }));
    }
  }
  return { value: tf.concat(parts.map(({ value }) => value), 0), chosen: tf.concat(parts.map(({ chosen }) => chosen), 0) };
}
