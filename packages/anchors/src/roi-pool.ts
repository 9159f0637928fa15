/** RoI pooling: Girshick, "Fast R-CNN" (arXiv 1504.08083), section 2.1; see core's `poolBoxes`. */
import { layerEntries, layerLabel, option, poolBoxes, poolRegions, readOptions, type LayerOptions } from '@convkit/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { readRegions, RegionLayer } from './regions.js';

export interface RoiPool2dOptions {
  /** Bins: one number for both axes, or [vertical, horizontal]. */
  outputSize: number | readonly [number, number];
  /** From the coordinates of the boxes to those of x: 1/16 behind a stride of 16. Default 1. */
  spatialScale?: number;
}

export interface RoiPoolOptions extends RoiPool2dOptions, LayerOptions {}

const entries = { outputSize: option.pair(1), spatialScale: option.withDefault(option.number({ above: 0 }), 1) } as const;

/**
 * The maximum of every bin of regions, see core's `poolBoxes`. Differentiable, once, in x; the regions are read and constant.
 * @param x [N, H, W, C]; @param regions [R, 5]: image, then x1, y1, x2, y2 of the first and last pixel.
 * @returns [R, outputSize, C]
 * @throws OptionError for options and regions that do not fit.
 */
export function roiPool2d(x: tf.Tensor4D, regions: tf.Tensor2D, options: RoiPool2dOptions): tf.Tensor4D {
  const where = 'roiPool2d';
  const attributes = readOptions(where, entries, options);
  const { corners, images } = readRegions(where, regions, x.shape);
  return poolRegions(x, corners, images, attributes);
}

/**
 * RoI pooling of [x, boxes]: images [N, H, W, C], and R boxes in each, [N, R, 4] (x1, y1, x2, y2) -> [N, R, outputSize, C]. The boxes are
 * constant: no gradient goes to them. ONNX has it as MaxRoiPool, which has no gradient in onnxruntime. See `poolBoxes` of core.
 * @throws OptionError for impossible options and inputs of other shapes.
 */
export class RoiPoolLayer extends RegionLayer<'roiPool'> {
  /** @nocollapse */
  static readonly className = 'ConvkitRoiPool';

  constructor(options: RoiPoolOptions) {
    const { outputSize, spatialScale, ...base } = readOptions(layerLabel('roiPool', options?.name), { ...layerEntries, ...entries }, options);
    super('roiPool', { outputSize, spatialScale }, base);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x, boxes] = inputs as [tf.Tensor4D, tf.Tensor3D];
    return poolBoxes(x, boxes, this.config);
  }
}

/** RoI pooling of images and boxes, both symbolic. See {@link RoiPoolLayer}. */
export function roiPool(x: SymbolicTensor, boxes: SymbolicTensor, options: RoiPoolOptions): SymbolicTensor {
  return new RoiPoolLayer(options).apply([x, boxes]) as SymbolicTensor;
}
