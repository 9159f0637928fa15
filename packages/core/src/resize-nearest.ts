import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { isRecording } from './backend.js';
import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { option, readOptions } from './options.js';
import { resizeGradient, type Interpolation } from './resize.js';

export interface ResizeNearestOptions extends LayerOptions {
  /** Output height and width, one integer for both. */
  size: number | [number, number];
}

const NEAREST: Interpolation = { method: 'nearest', alignCorners: false, halfPixelCenters: false };

/**
 * Output pixel (i, j) is input pixel (floor(i H / size), floor(j W / size)): torch's `interpolate(mode='nearest')`. [N, H, W, C] -> [N, size, C].
 * tfjs' own gradient is missing on wasm and wrong on cpu for batches.
 */
export function resizeNearest2d(x: tf.Tensor4D, size: readonly [number, number]): tf.Tensor4D {
  const forward = (input: tf.Tensor4D) => tf.image.resizeNearestNeighbor(input, [...size], NEAREST.alignCorners, NEAREST.halfPixelCenters);
  if (!isRecording()) return forward(x);
  const resize = tf.customGrad((input) => ({
    value: forward(input as tf.Tensor4D),
    gradFunc: (dy: tf.Tensor) => tf.tidy(() => resizeGradient(dy as tf.Tensor4D, [x.shape[1], x.shape[2]], NEAREST)),
  }));
  return resize(x) as tf.Tensor4D;
}

/** Nearest neighbours, as feature pyramids are enlarged. [N, H, W, C] -> [N, size, C]. See {@link resizeNearest2d}. */
export class ResizeNearestLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitResizeNearest';
  private readonly size: [number, number];

  constructor(options: ResizeNearestOptions) {
    const { size, ...base } = readOptions(layerLabel('resizeNearest', options?.name), { ...layerEntries, size: option.pair(1) }, options);
    super(base);
    this.size = size;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const shape = imageShape(layerLabel('resizeNearest', this.name), inputShape);
    return [shape[0], ...this.size, shape[3]];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return resizeNearest2d(oneTensor<tf.Tensor4D>(inputs), this.size);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('resize', [x], { size: this.size, ...NEAREST });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), size: this.size };
  }
}

/** Nearest neighbours of a symbolic tensor. See {@link ResizeNearestLayer}. */
export const resizeNearest = applyLayer((options: ResizeNearestOptions) => new ResizeNearestLayer(options));
