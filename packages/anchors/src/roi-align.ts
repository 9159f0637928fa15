/** RoIAlign: He et al., "Mask R-CNN" (arXiv 1703.06870), section 3; numbers and borders are those of torchvision's roi_align_kernel.cpp. */
import { option, readOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { joinTaps, readRegions, sumTaps, type Region, type Taps } from './region-taps.js';

export interface RoiAlignOptions {
  /** Bins: one number for both axes, or [vertical, horizontal]. */
  outputSize: number | readonly [number, number];
  /** From the coordinates of the regions to those of x: 1/16 behind a stride of 16. Default 1. */
  spatialScale?: number;
  /** Samples along each side of a bin; 0 takes as many as a bin has pixels, rounded up. Default 0. */
  samplingRatio?: number;
  /** Coordinates count from the edge of a pixel, so half a pixel is taken off; false is Mask R-CNN's first form (torchvision's default), with regions of at least 1. Default true. */
  aligned?: boolean;
}

const entries = {
  outputSize: option.pair(1),
  spatialScale: option.withDefault(option.number({ above: 0 }), 1),
  samplingRatio: option.withDefault(option.integer(0), 0),
  aligned: option.withDefault(option.boolean(), true),
} as const;

/** Which rows (or columns) each bin along an axis reads and the weights of their sum. */
function axisTaps(first: number, last: number, bins: number, length: number, { spatialScale, samplingRatio, aligned }: { spatialScale: number; samplingRatio: number; aligned: boolean }): Map<number, number>[] {
  const start = first * spatialScale - (aligned ? 0.5 : 0);
  const size = (last - first) * spatialScale;
  const bin = (aligned ? size : Math.max(size, 1)) / bins;
  const samples = samplingRatio > 0 ? samplingRatio : Math.ceil(bin);
  return Array.from({ length: bins }, (_, b) => {
    const taps = new Map<number, number>();
    const add = (pixel: number, weight: number) => taps.set(pixel, (taps.get(pixel) ?? 0) + weight / samples);
    for (let i = 0; i < samples; i++) {
      const position = start + (b + (i + 0.5) / samples) * bin;
      // From one pixel outside on a sample is 0; nearer ones read the border.
      if (position < -1 || position > length) continue;
      const inside = Math.min(Math.max(position, 0), length - 1);
      const low = Math.floor(inside);
      add(low, 1 - (inside - low));
      if (inside > low) add(low + 1, inside - low);
    }
    return taps;
  });
}

/** The taps of a region's bins: every row of a bin with every column, filled up to the most that one of its bins has. */
function tapsOf([image, x1, y1, x2, y2]: Region, [bh, bw]: readonly [number, number], [, height, width]: readonly [number, number, number, number], options: { spatialScale: number; samplingRatio: number; aligned: boolean }): Taps {
  const rows = axisTaps(y1, y2, bh, height, options);
  const columns = axisTaps(x1, x2, bw, width, options);
  const most = (taps: Map<number, number>[]) => Math.max(1, ...taps.map(({ size }) => size));
  const perBin = most(rows) * most(columns);
  const pixels = new Int32Array(bh * bw * perBin).fill(image * height * width);
  const weights = new Float32Array(pixels.length);
  rows.forEach((row, i) => columns.forEach((column, j) => {
    let next = (i * bw + j) * perBin;
    for (const [y, down] of row) {
      for (const [x, across] of column) {
        pixels[next] = (image * height + y) * width + x;
        weights[next++] = down * across;
      }
    }
  }));
  return { pixels, weights, perBin };
}

/**
 * Means of bilinear samples over the bins of regions: bin (i, j) of a region of size h x w at (x, y) has n x n samples, at rows
 * y + (i + (a + 0.5) / n) h / P, a = 0 .. n - 1, and columns likewise. Samples more than a pixel outside are 0.
 * Differentiable, once, in x; the regions are read and constant.
 * @param x [N, H, W, C]; @param regions [R, 5]: image, x1, y1, x2, y2.
 * @returns [R, outputSize, C]
 * @throws OptionError for options and regions that do not fit.
 */
export function roiAlign(x: tf.Tensor4D, regions: tf.Tensor2D, options: RoiAlignOptions): tf.Tensor4D {
  const where = 'roiAlign';
  const { outputSize: [bh, bw], ...sampling } = readOptions(where, entries, options);
  return tf.tidy(() => {
    const taps = readRegions(where, regions, x.shape).map((region) => tapsOf(region, [bh, bw], x.shape, sampling));
    return tf.reshape(sumTaps(x, joinTaps(taps, x.shape[3])), [taps.length, bh, bw, x.shape[3]]) as tf.Tensor4D;
  });
}
