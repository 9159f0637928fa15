/** RoI pooling: Girshick, "Fast R-CNN" (arXiv 1504.08083), section 2.1; rounding is that of torchvision's roi_pool_kernel.cpp. */
import { option, readOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { joinTaps, maxTaps, readRegions, type Region, type Taps } from './region-taps.js';

export interface RoiPoolOptions {
  /** Bins: one number for both axes, or [vertical, horizontal]. */
  outputSize: number | readonly [number, number];
  /** From the coordinates of the regions to those of x: 1/16 behind a stride of 16. Default 1. */
  spatialScale?: number;
}

const entries = { outputSize: option.pair(1), spatialScale: option.withDefault(option.number({ above: 0 }), 1) } as const;

/** C rounds halves away from zero. */
const round = (x: number) => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

/** First and last pixel (not included) of each bin along an axis, cut at the image's borders. */
function spans(first: number, last: number, bins: number, length: number): (readonly [number, number])[] {
  const start = round(first);
  const size = Math.max(round(last) - start + 1, 1);
  const inside = (pixel: number) => Math.min(Math.max(pixel, 0), length);
  return Array.from({ length: bins }, (_, b) => [inside(start + Math.floor((b * size) / bins)), inside(start + Math.ceil(((b + 1) * size) / bins))] as const);
}

/** The pixels of a region's bins, filled up with a bin's first one; an empty bin has the row behind the table. */
function tapsOf([image, x1, y1, x2, y2]: Region, [bh, bw]: readonly [number, number], [images, height, width]: readonly [number, number, number, number], scale: number): Taps {
  const rows = spans(y1 * scale, y2 * scale, bh, height);
  const columns = spans(x1 * scale, x2 * scale, bw, width);
  const longest = (all: (readonly [number, number])[]) => Math.max(1, ...all.map(([from, to]) => to - from));
  const perBin = longest(rows) * longest(columns);
  const pixels = new Int32Array(bh * bw * perBin);
  rows.forEach(([top, bottom], i) => columns.forEach(([left, right], j) => {
    const start = (i * bw + j) * perBin;
    const isEmpty = top >= bottom || left >= right;
    pixels.fill(isEmpty ? images * height * width : (image * height + top) * width + left, start, start + perBin);
    let next = start;
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) pixels[next++] = (image * height + y) * width + x;
  }));
  return { pixels, weights: new Float32Array(pixels.length).fill(1), perBin };
}

/**
 * The maximum of every bin of regions, whose corners are rounded: with w = max(x2 - x1 + 1, 1) bin k of P spans the pixels
 * x1 + floor(k w / P) to x1 + ceil((k + 1) w / P) - 1, so that neighbours may share some. An empty bin gives 0.
 * Differentiable, once, in x: the gradient goes to the first largest pixel. The regions are read and constant.
 * @param x [N, H, W, C]; @param regions [R, 5]: image, then x1, y1, x2, y2 of the first and last pixel.
 * @returns [R, outputSize, C]
 * @throws OptionError for options and regions that do not fit.
 */
export function roiPool(x: tf.Tensor4D, regions: tf.Tensor2D, options: RoiPoolOptions): tf.Tensor4D {
  const where = 'roiPool';
  const { outputSize: [bh, bw], spatialScale } = readOptions(where, entries, options);
  return tf.tidy(() => {
    const taps = readRegions(where, regions, x.shape).map((region) => tapsOf(region, [bh, bw], x.shape, spatialScale));
    return tf.reshape(maxTaps(x, joinTaps(taps, x.shape[3])), [taps.length, bh, bw, x.shape[3]]) as tf.Tensor4D;
  });
}
