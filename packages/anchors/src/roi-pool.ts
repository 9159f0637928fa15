/** RoI pooling: Girshick, "Fast R-CNN" (arXiv 1504.08083), section 2.1; see core's `poolBoxes`. */
import { layerEntries, layerLabel, option, poolBoxes, poolRegions, readOptions, type LayerOptions, type Lowering, type RoiPoolAttributes, type Value } from '@convkit/core';
import type * as tf from '@tensorflow/tfjs-core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { readRegions, pooledShape } from './regions.js';

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
export class RoiPoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitRoiPool';
  private readonly config: RoiPoolAttributes;

  constructor(options: RoiPoolOptions) {
    const { outputSize, spatialScale, ...base } = readOptions(layerLabel('roiPool', options?.name), { ...layerEntries, ...entries }, options);
    super(base);
    this.config = { outputSize, spatialScale };
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return pooledShape(layerLabel('roiPool', this.name), inputShape, this.config.outputSize);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x, boxes] = inputs as [tf.Tensor4D, tf.Tensor3D];
    return poolBoxes(x, boxes, this.config);
  }

  lower(g: Lowering, [x, boxes]: readonly [Value, Value]): Value {
    return g.op('roiPool', [x, g.op('scaleGradient', [boxes], { factor: 0 })], this.config);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config, outputSize: [...this.config.outputSize] };
  }
}

/** RoI pooling of images and boxes, both symbolic. See {@link RoiPoolLayer}. */
export function roiPool(x: SymbolicTensor, boxes: SymbolicTensor, options: RoiPoolOptions): SymbolicTensor {
  return new RoiPoolLayer(options).apply([x, boxes]) as SymbolicTensor;
}
