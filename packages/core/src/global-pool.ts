import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { option, readOptions } from './options.js';
import { maxPool2d, spatialMean } from './pool.js';

export interface GlobalPoolOptions extends LayerOptions {
  /** Keep height and width as 1. Default false. */
  keepDims?: boolean;
}

function readGlobalPool(kind: string, options: GlobalPoolOptions) {
  return readOptions(layerLabel(kind, options?.name), { ...layerEntries, keepDims: option.withDefault(option.boolean(), false) }, options);
}

function pooledShape(where: string, inputShape: (number | null)[] | (number | null)[][], keepDims: boolean): (number | null)[] {
  const shape = imageShape(where, inputShape);
  return keepDims ? [shape[0], 1, 1, shape[3]] : [shape[0], shape[3]];
}

/** Mean over height and width. [N, H, W, C] -> [N, C], or [N, 1, 1, C] with keepDims. */
export class GlobalAveragePoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitGlobalAveragePool';
  private readonly keepDims: boolean;

  constructor(options: GlobalPoolOptions = {}) {
    const { keepDims, ...base } = readGlobalPool('globalAveragePool', options);
    super(base);
    this.keepDims = keepDims;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return pooledShape(layerLabel('globalAveragePool', this.name), inputShape, this.keepDims);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const mean = spatialMean(oneTensor<tf.Tensor4D>(inputs));
      return this.keepDims ? mean : tf.reshape(mean, [mean.shape[0], mean.shape[3]]);
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('reduce', [x], { kind: 'mean', axes: [1, 2], keepDims: this.keepDims });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), keepDims: this.keepDims };
  }
}

/** Maximum over height and width. [N, H, W, C] -> [N, C], or [N, 1, 1, C] with keepDims. */
export class GlobalMaxPoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitGlobalMaxPool';
  private readonly keepDims: boolean;

  constructor(options: GlobalPoolOptions = {}) {
    const { keepDims, ...base } = readGlobalPool('globalMaxPool', options);
    super(base);
    this.keepDims = keepDims;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return pooledShape(layerLabel('globalMaxPool', this.name), inputShape, this.keepDims);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor<tf.Tensor4D>(inputs);
      // One window over the whole map, and not tf.max: the gradient goes to one position, as torch's does.
      const max = maxPool2d(x, { size: [x.shape[1], x.shape[2]], strides: [1, 1], padding: [0, 0, 0, 0] });
      return this.keepDims ? max : tf.reshape(max, [max.shape[0], max.shape[3]]);
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('reduce', [x], { kind: 'max', axes: [1, 2], keepDims: this.keepDims });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), keepDims: this.keepDims };
  }
}

/** Global average pooling of a symbolic tensor. See {@link GlobalAveragePoolLayer}. */
export const globalAveragePool = applyLayer((options: GlobalPoolOptions) => new GlobalAveragePoolLayer(options));
/** Global max pooling of a symbolic tensor. See {@link GlobalMaxPoolLayer}. */
export const globalMaxPool = applyLayer((options: GlobalPoolOptions) => new GlobalMaxPoolLayer(options));
