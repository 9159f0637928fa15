import { insertZeros, padOrCrop } from '@convkit/tfjs-extras/composed';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { seedOption } from './initialization.js';
import { applyLayer, layerLabel, oneTensor } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { option, readOptions } from './options.js';
import type { Padding } from './padding.js';
import { avgPool2d, subsample, type PoolAttributes } from './pool.js';
import { poolAttributes, poolConfig, poolEntries, poolShape, type PoolConfig, type PoolOptions } from './pool-layers.js';
import { hashString, randomStream } from './random.js';
import { sumOf } from './sum-of.js';

/** Smaller than any mean of activations that counts. The gradient divides by its square, which WebGPU must not flush to 0. */
const TINY = 1e-7;

/** The mean, weighted by the activations themselves: sum(x^2) / sum(x) over every window, 0 where the sum is 0; x counts as max(x, 0). */
export function stochasticPoolMean(x: tf.Tensor4D, attributes: PoolAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const positive = tf.relu(x);
    // Both means have the window's size as divisor, which cancels.
    const mean = (y: tf.Tensor4D) => avgPool2d(y, { ...attributes, counted: attributes.padding });
    return tf.div(mean(tf.square(positive)), tf.maximum(mean(positive), TINY));
  });
}

/** The offsets of a window's cells, row by row. */
function cellsOf([kh, kw]: readonly [number, number]): [number, number][] {
  return Array.from({ length: kh * kw }, (_, i): [number, number] => [Math.floor(i / kw), i % kw]);
}

/** What to add to (or cut from) x so that cell [i, j] of every window comes to lie at a multiple of the stride. */
function shiftOf([i, j]: readonly [number, number], [, h, w]: readonly number[], [oh, ow]: readonly [number, number], { strides, padding }: PoolAttributes): Padding {
  const [top, , left] = padding;
  return [top - i, (oh - 1) * strides[0] + 1 + i - top - (h as number), left - j, (ow - 1) * strides[1] + 1 + j - left - (w as number)];
}

/**
 * One activation of every window, drawn with probability proportional to it: p_i = x_i / sum(x), where x counts as max(x, 0).
 * With u uniform in (0, 1], it is the first cell, row by row, at which the running sum reaches u sum(x). An all-zero
 * window gives 0. Its gradient goes to the cell drawn and to no other.
 * @param uniform [N, H', W', C]
 */
export function stochasticPoolSample(x: tf.Tensor4D, attributes: PoolAttributes, uniform: tf.Tensor4D): tf.Tensor4D {
  const [, oh, ow] = uniform.shape;
  const cells = cellsOf(attributes.size);
  const shifts = cells.map((cell) => shiftOf(cell, x.shape, [oh, ow], attributes));
  const sample = tf.customGrad((input, save) => {
    const positive = tf.relu(input as tf.Tensor4D);
    const values = shifts.map((shift) => subsample(padOrCrop(positive, shift), attributes.strides));
    const sums: tf.Tensor[] = [];
    for (const value of values) sums.push(sums.length === 0 ? value : tf.add(sums.at(-1) as tf.Tensor, value));
    const wanted = tf.mul(sums.at(-1) as tf.Tensor, uniform);
    const reached = sums.map((sum) => tf.cast(tf.greaterEqual(sum, wanted), 'float32'));
    // What is reached at a cell but not before it; nothing is where the window is all zero and 0 is reached from the start.
    const before = tf.cast(tf.lessEqual(wanted, 0), 'float32');
    const drawn = reached.map((now, i) => tf.sub(now, i === 0 ? before : reached[i - 1] as tf.Tensor));
    (save as (tensors: tf.Tensor[]) => void)(drawn);
    return {
      value: sumOf(values.map((value, i) => tf.mul(value, drawn[i] as tf.Tensor))) as tf.Tensor4D,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => sumOf(saved.map((mask, i) => scatter(tf.mul(dy, mask) as tf.Tensor4D, shifts[i] as Padding, attributes.strides, x.shape)))),
    };
  });
  return sample(x) as tf.Tensor4D;
}

/** The adjoint of cutting and subsampling: every value goes back to where it came from. */
function scatter(dy: tf.Tensor4D, [top, , left]: Padding, strides: readonly [number, number], [, h, w]: readonly number[]): tf.Tensor4D {
  const spread = insertZeros(dy, strides);
  return padOrCrop(spread, [-top, (h as number) + top - spread.shape[1], -left, (w as number) + left - spread.shape[2]]);
}

export interface StochasticPoolOptions extends PoolOptions {
  /** Of the draws in training, mixed with the layer's name. Default 0. */
  seed?: number;
}

/**
 * Stochastic pooling (Zeiler and Fergus 2013): in training one activation of every window, drawn with probability
 * proportional to it; at inference their mean with these probabilities, sum(x^2) / sum(x). It belongs behind a ReLU: negative
 * activations count as 0. A window without a positive one gives 0. Shapes as {@link MaxPoolLayer}'s.
 *
 * The n-th training pass of a layer draws the same with the same name and seed, on every backend.
 * @throws OptionError, when built, for a window larger than the padded input.
 */
export class StochasticPoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitStochasticPool';
  readonly inferenceOnly = true;
  private readonly config: PoolConfig;
  private readonly seed: number;
  private readonly next: () => number;

  constructor(options: StochasticPoolOptions) {
    const where = layerLabel('stochasticPool', options?.name);
    const { config, rest: { seed, ...base } } = poolConfig(where, readOptions(where, { ...poolEntries, seed: option.withDefault(seedOption, 0) }, options));
    super(base);
    this.config = config;
    this.seed = seed;
    this.next = randomStream(hashString(`${this.name}/${seed}`));
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return poolShape(layerLabel('stochasticPool', this.name), inputShape, this.config);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs?: { training?: boolean }): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor<tf.Tensor4D>(inputs);
      const attributes = poolAttributes(x.shape, this.config);
      if (kwargs?.training !== true) return stochasticPoolMean(x, attributes);
      const shape = this.computeOutputShape(x.shape) as [number, number, number, number];
      const uniform = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 1 - this.next());
      return stochasticPoolSample(x, attributes, tf.tensor4d(uniform, shape));
    });
  }

  /** As at inference. */
  lower(g: Lowering, [x]: readonly [Value]): Value {
    const { declared: _, ...attributes } = poolAttributes(x.shape, this.config);
    const positive = g.op('activation', [x], { kind: 'relu' });
    const mean = (value: Value) => g.op('avgPool', [value], { ...attributes, counted: attributes.padding });
    const floored = g.op('binary', [mean(positive), g.constant(TINY, [1, 1, 1, 1])], { kind: 'max' });
    return g.op('binary', [mean(g.op('binary', [positive, positive], { kind: 'mul' })), floored], { kind: 'div' });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config, seed: this.seed } as tf.serialization.ConfigDict;
  }
}

/** Stochastic pooling of a symbolic tensor. See {@link StochasticPoolLayer}. */
export const stochasticPool = applyLayer((options: StochasticPoolOptions) => new StochasticPoolLayer(options));
