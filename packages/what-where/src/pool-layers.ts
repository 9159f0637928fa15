import { applyLayer, imageShape, layerEntries, layerLabel, maxPool2d, oneTensor, option, OptionError, readOptions, type LayerOptions, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { hardWhere2d, lowerHardWhere } from './hard-where.js';
import { lowerSoftWhat, lowerSoftWhere, softWhat2d, softWhere2d } from './soft-pool.js';
import { windowCounts, type WindowSize } from './windows.js';

export interface WhatWherePoolOptions extends LayerOptions {
  /** One integer or [height, width]; the windows do not overlap. */
  poolSize: number | [number, number];
  /** The maximum and its place, or the means by softmax(beta z) of the values and of their positions. Default 'hard'. */
  kind?: 'hard' | 'soft';
  /** Of 'soft', above 0: towards infinity it becomes the maximum. Default 10. */
  beta?: number;
}

type Shape = (number | null)[];

/** Entries of {@link WhatWherePoolOptions}. */
const poolEntries = {
  ...layerEntries,
  poolSize: option.pair(1),
  kind: option.withDefault(option.oneOf(['hard', 'soft']), 'hard'),
  beta: option.withDefault(option.number({ above: 0 }), 10),
} as const;

/** [H', W'] of the windows. @throws OptionError for an image that is smaller than a window, or of unknown size. */
function pooledSize(where: string, inputShape: Shape | Shape[], poolSize: WindowSize): { batch: number | null; counts: [number, number]; channels: number } {
  const shape = imageShape(where, inputShape);
  const counts = windowCounts(shape, poolSize);
  if (counts[0] < 1 || counts[1] < 1) throw new OptionError(where, 'poolSize', [...poolSize], `at most the input's size (${String(shape[1])}x${String(shape[2])}), which must be known`);
  return { batch: shape[0], counts, channels: shape[3] };
}

/**
 * The what of what-where pooling: [N, H, W, C] -> [N, H', W', C], H' = floor(H / poolSize). 'hard' is the maximum of each window,
 * 'soft' the sum of z e^(beta z) by the sum of e^(beta z).
 * @throws OptionError for impossible options, and when built, for windows larger than the image.
 */
export class WhatPoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitWhatPool';
  private readonly config;

  constructor(options: WhatWherePoolOptions) {
    const { poolSize, kind, beta, ...base } = readOptions(layerLabel('whatPool', options?.name), poolEntries, options);
    super(base);
    this.config = { poolSize, kind, beta };
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const { batch, counts, channels } = pooledSize(layerLabel('whatPool', this.name), inputShape, this.config.poolSize);
    return [batch, ...counts, channels];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const { poolSize, kind, beta } = this.config;
    const x = oneTensor<tf.Tensor4D>(inputs);
    return kind === 'hard' ? maxPool2d(x, { size: poolSize, strides: poolSize, padding: [0, 0, 0, 0] }) : softWhat2d(x, poolSize, beta);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const { poolSize, kind, beta } = this.config;
    return kind === 'hard' ? g.op('maxPool', [x], { size: poolSize, strides: poolSize, padding: [0, 0, 0, 0] }) : lowerSoftWhat(g, x, poolSize, beta);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config };
  }
}

/**
 * The where of what-where pooling. 'hard': [N, H, W, C] -> [N, H', W', C], the place y W + x of the first maximum in its map, as torch's
 * pooling returns it, without a gradient. 'soft': [N, H', W', 2 C], the mean x of every channel and then the mean y, counted from the
 * window's upper left pixel.
 * @throws OptionError for impossible options, and when built, for windows larger than the image.
 */
export class WherePoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitWherePool';
  private readonly config;

  constructor(options: WhatWherePoolOptions) {
    const { poolSize, kind, beta, ...base } = readOptions(layerLabel('wherePool', options?.name), poolEntries, options);
    super(base);
    this.config = { poolSize, kind, beta };
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const { batch, counts, channels } = pooledSize(layerLabel('wherePool', this.name), inputShape, this.config.poolSize);
    return [batch, ...counts, this.config.kind === 'hard' ? channels : 2 * channels];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const { poolSize, kind, beta } = this.config;
    const x = oneTensor<tf.Tensor4D>(inputs);
    return kind === 'hard' ? hardWhere2d(x, poolSize) : softWhere2d(x, poolSize, beta);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const { poolSize, kind, beta } = this.config;
    return kind === 'hard' ? lowerHardWhere(g, x, poolSize) : lowerSoftWhere(g, x, poolSize, beta);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config };
  }
}

/** The what of a symbolic tensor. See {@link WhatPoolLayer}. */
export const whatPool = applyLayer((options: WhatWherePoolOptions) => new WhatPoolLayer(options));

/** The where of a symbolic tensor. See {@link WherePoolLayer}. */
export const wherePool = applyLayer((options: WhatWherePoolOptions) => new WherePoolLayer(options));

/** Both of them, apart: {@link whatPool} with the name itself, {@link wherePool} as `where` below it. */
export function whatWherePool(x: SymbolicTensor, options: WhatWherePoolOptions): { what: SymbolicTensor; where: SymbolicTensor } {
  const name = options?.name;
  return { what: whatPool(x, options), where: wherePool(x, { ...options, ...(name === undefined ? {} : { name: `${name}.where` }) }) };
}
