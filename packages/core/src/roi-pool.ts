/** RoI pooling: Girshick, "Fast R-CNN" (arXiv 1504.08083), section 2.1; rounding is that of torchvision's roi_pool_kernel.cpp. */
import * as tf from '@tensorflow/tfjs-core';
import { readsAtOnce } from './backend.js';
import type { OpAttributes } from './lowering.js';
import { OptionError } from './option-error.js';
import { imagesOf, withoutBoxes } from './roi-align.js';
import { poolByMasks, type Maxima } from './roi-pool-masks.js';

export type RoiPoolAttributes = OpAttributes['roiPool'];

/** The pixels that each bin of some boxes reads, K of them a bin, as rows of the table [N H W, C]. */
interface Taps {
  /** [bins K] */
  pixels: Int32Array;
  /** K. */
  perBin: number;
}

/** Numbers that a step holds at most, if one box allows: 16 MB in float32. */
const STEP = 2 ** 22;

const { fround } = Math;

/** C rounds halves away from zero. */
const round = (x: number) => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

/** First and last pixel (not included) of each bin along an axis, cut at the image's borders. In float32, as the kernels: 7 bins of 57 pixels end at 58. */
function spans(first: number, last: number, bins: number, length: number, scale: number): (readonly [number, number])[] {
  const scaled = (corner: number) => round(fround(corner * fround(scale)));
  const start = scaled(first);
  const bin = fround(Math.max(scaled(last) - start + 1, 1) / bins);
  const inside = (pixel: number) => Math.min(Math.max(pixel, 0), length);
  return Array.from({ length: bins }, (_, b) => [inside(start + Math.floor(fround(b * bin))), inside(start + Math.ceil(fround((b + 1) * bin)))] as const);
}

/** The pixels of a box's bins, filled up with a bin's first one; an empty bin has the row behind the table. */
function tapsOf([x1, y1, x2, y2]: Float32Array, image: number, { outputSize: [down, across], spatialScale }: RoiPoolAttributes, [images, height, width]: readonly [number, number, number, number]): Taps {
  const rows = spans(y1 as number, y2 as number, down, height, spatialScale);
  const columns = spans(x1 as number, x2 as number, across, width, spatialScale);
  const longest = (all: (readonly [number, number])[]) => Math.max(1, ...all.map(([from, to]) => to - from));
  const perBin = longest(rows) * longest(columns);
  const pixels = new Int32Array(down * across * perBin);
  rows.forEach(([top, bottom], i) => columns.forEach(([left, right], j) => {
    const start = (i * across + j) * perBin;
    const isEmpty = top >= bottom || left >= right;
    pixels.fill(isEmpty ? images * height * width : (image * height + top) * width + left, start, start + perBin);
    let next = start;
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) pixels[next++] = (image * height + y) * width + x;
  }));
  return { pixels, perBin };
}

/** Neighbours of equal K joined, as long as a step of so many channels stays small. */
function joinTaps(taps: readonly Taps[], channels: number): Taps[] {
  const steps: Taps[][] = [];
  let held = 0;
  for (const one of taps) {
    const last = steps.at(-1);
    held += one.pixels.length * channels;
    if (last !== undefined && last[0]?.perBin === one.perBin && held <= STEP) last.push(one);
    else {
      steps.push([one]);
      held = one.pixels.length * channels;
    }
  }
  return steps.map((step) => {
    const pixels = new Int32Array(step.reduce((sum, one) => sum + one.pixels.length, 0));
    let next = 0;
    for (const one of step) {
      pixels.set(one.pixels, next);
      next += one.pixels.length;
    }
    return { pixels, perBin: step[0]?.perBin ?? 0 };
  });
}

/** The pixels of each bin compared. Tidy around it. */
function poolByTaps(x: tf.Tensor4D, steps: readonly Taps[]): Maxima {
  const channels = x.shape[3];
  // Behind the table stands the zero of empty bins.
  const table = tf.concat([tf.reshape(x, [-1, channels]) as tf.Tensor2D, tf.zeros([1, channels])], 0);
  const parts = steps.map(({ pixels, perBin }) => tf.tidy(() => {
    const bins = pixels.length / perBin;
    const indices = tf.tensor1d(pixels, 'int32');
    const values = tf.reshape(tf.gather(table, indices), [bins, perBin, channels]);
    const first = tf.add(tf.argMax(values, 1), tf.expandDims(tf.range(0, bins * perBin, perBin, 'int32'), 1));
    return { value: tf.max(values, 1), chosen: tf.reshape(tf.gather(indices, tf.reshape(first, [-1]) as tf.Tensor1D), [bins, channels]) };
  }) as Maxima);
  return { value: tf.concat(parts.map(({ value }) => value), 0), chosen: tf.concat(parts.map(({ chosen }) => chosen), 0) };
}

/** The maxima of bins [bins, C], whose gradient goes to the pixels that were chosen. */
function maximaOf(x: tf.Tensor4D, find: () => Maxima): tf.Tensor2D {
  const channels = x.shape[3];
  const rows = x.size / channels;
  const largest = tf.customGrad((_, save) => {
    const { value, chosen } = tf.tidy(find);
    (save as (tensors: tf.Tensor[]) => void)([chosen]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, [pixels]: tf.Tensor[]) => tf.tidy(() => {
        // Two columns: the product of pixel and channel may be more than a float can count.
        const pixel = tf.reshape(pixels as tf.Tensor, [-1]) as tf.Tensor1D;
        const channel = tf.tile(tf.range(0, channels, 1, 'int32'), [pixel.size / channels]);
        const scattered = tf.scatterND(tf.stack([pixel, channel], 1) as tf.Tensor2D, tf.reshape(dy, [-1]), [rows + 1, channels]);
        return tf.reshape(tf.slice(scattered as tf.Tensor2D, [0, 0], [rows, channels]), x.shape);
      }),
    };
  });
  return largest(x) as tf.Tensor2D;
}

/**
 * The maximum of every bin of boxes, whose corners are rounded: with w = max(x2 - x1 + 1, 1) bin k of P spans the pixels
 * x1 + floor(k w / P) to x1 + ceil((k + 1) w / P) - 1, so that neighbours may share some. An empty bin gives 0.
 * Differentiable, once, in x: the gradient goes to the first largest pixel.
 * @param x [N, H, W, C]
 * @param corners x1, y1, x2, y2 of R regions, their first and last pixel before `spatialScale`. @param images Which image each is in.
 * @returns [R, P, Q, C]
 */
export function poolRegions(x: tf.Tensor4D, corners: Float32Array, images: Int32Array, attributes: RoiPoolAttributes): tf.Tensor4D {
  const shape: [number, number, number, number] = [images.length, ...attributes.outputSize, x.shape[3]];
  if (images.length === 0) return withoutBoxes(x, shape);
  return tf.tidy(() => {
    const taps = Array.from(images, (image, i) => tapsOf(corners.subarray(4 * i, 4 * i + 4), image, attributes, x.shape));
    return tf.reshape(maximaOf(x, () => poolByTaps(x, joinTaps(taps, x.shape[3]))), shape);
  });
}

/**
 * As {@link poolRegions}, of R boxes in each image. Which pixels a bin has follows from the boxes' numbers, so they are read; a backend that
 * cannot be read at once (webgpu) compares every pixel for every bin. The boxes are constant: no gradient goes to them.
 * @param boxes [N, R, 4] @returns [N, R, P, Q, C]
 * @throws OptionError for boxes that are not finite, where they are read.
 */
export function poolBoxes(x: tf.Tensor4D, boxes: tf.Tensor3D, attributes: RoiPoolAttributes): tf.Tensor5D {
  const [batch, count] = boxes.shape;
  const shape: [number, number, number, number, number] = [batch, count, ...attributes.outputSize, x.shape[3]];
  if (!readsAtOnce() && batch * count > 0) return tf.tidy(() => tf.reshape(maximaOf(x, () => poolByMasks(x, boxes, attributes)), shape));
  const corners = boxes.dataSync() as Float32Array;
  const wrong = corners.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new OptionError('roiPool', 'boxes', corners[wrong], `finite (number ${Math.floor(wrong / 4)})`);
  return tf.tidy(() => tf.reshape(poolRegions(x, corners, imagesOf(boxes), attributes), shape));
}
