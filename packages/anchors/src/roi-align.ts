/** RoIAlign: He et al., "Mask R-CNN" (arXiv 1703.06870), section 3; see core's `alignBoxes`. */
import { alignBoxes, alignRegions, layerEntries, layerLabel, option, readOptions, type LayerOptions } from '@convkit/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { readRegions, RegionLayer } from './regions.js';

interface AlignOptions {
  /** Bins: one number for both axes, or [vertical, horizontal]. */
  outputSize: number | readonly [number, number];
  /** From the coordinates of the boxes to those of x: 1/16 behind a stride of 16. Default 1. */
  spatialScale?: number;
  /** Coordinates count from the edge of a pixel, so half a pixel is taken off; false is Mask R-CNN's first form (torchvision's default), with boxes of at least 1. Default true. */
  aligned?: boolean;
}

export interface RoiAlign2dOptions extends AlignOptions {
  /** Samples along each side of a bin; 0 takes as many as a bin has pixels, rounded up. Default 0. */
  samplingRatio?: number;
}

export interface RoiAlignOptions extends AlignOptions, LayerOptions {
  /** Samples along each side of a bin, at least 1: a graph is the same for all boxes, so their number cannot follow from a box. Default 2. */
  samplingRatio?: number;
}

const entries = {
  outputSize: option.pair(1),
  spatialScale: option.withDefault(option.number({ above: 0 }), 1),
  aligned: option.withDefault(option.boolean(), true),
} as const;

/**
 * Means of bilinear samples over the bins of regions, see core's `alignBoxes`. Differentiable, once, in x; the regions are read and constant.
 * @param x [N, H, W, C]; @param regions [R, 5]: image, x1, y1, x2, y2.
 * @returns [R, outputSize, C]
 * @throws OptionError for options and regions that do not fit.
 */
export function roiAlign2d(x: tf.Tensor4D, regions: tf.Tensor2D, options: RoiAlign2dOptions): tf.Tensor4D {
  const where = 'roiAlign2d';
  const attributes = readOptions(where, { ...entries, samplingRatio: option.withDefault(option.integer(0), 0) }, options);
  const { corners, images } = readRegions(where, regions, x.shape);
  return alignRegions(x, corners, images, attributes);
}

/**
 * RoIAlign of [x, boxes]: images [N, H, W, C], and R boxes in each, [N, R, 4] (x1, y1, x2, y2) -> [N, R, outputSize, C]. The boxes are
 * constant: no gradient goes to them. See `alignBoxes` of core; ONNX has it as RoiAlign.
 * @throws OptionError for impossible options and inputs of other shapes.
 */
export class RoiAlignLayer extends RegionLayer<'roiAlign'> {
  /** @nocollapse */
  static readonly className = 'ConvkitRoiAlign';

  constructor(options: RoiAlignOptions) {
    const { outputSize, spatialScale, samplingRatio, aligned, ...base } = readOptions(layerLabel('roiAlign', options?.name), {
      ...layerEntries, ...entries, samplingRatio: option.withDefault(option.integer(1), 2),
    }, options);
    super('roiAlign', { outputSize, spatialScale, samplingRatio, aligned }, base);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x, boxes] = inputs as [tf.Tensor4D, tf.Tensor3D];
    return alignBoxes(x, boxes, this.config);
  }
}

/** RoIAlign of images and boxes, both symbolic. See {@link RoiAlignLayer}. */
export function roiAlign(x: SymbolicTensor, boxes: SymbolicTensor, options: RoiAlignOptions): SymbolicTensor {
  return new RoiAlignLayer(options).apply([x, boxes]) as SymbolicTensor;
}
