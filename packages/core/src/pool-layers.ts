import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';
import { paddingOption, resolvePadding, type Padding, type PaddingOption } from './padding.js';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d, type PoolAttributes } from './pool.js';

export interface PoolOptions extends LayerOptions {
  /** One integer or [height, width]. */
  poolSize: number | [number, number];
  /** Default poolSize. */
  strides?: number | [number, number];
  /** 'same', 'valid', or explicit; explicit padding is at most half the window, as in torch. Default 0. */
  padding?: PaddingOption;
  /** Round the output size up instead of down; the last window starts inside the input or its padding. Default false. */
  ceilMode?: boolean;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether explicit padding counts in the divisor (torch's default). 'same' padding never counts. Default true. */
  countIncludePad?: boolean;
}

/** The entries of {@link PoolOptions} for `readOptions`. */
export const poolEntries = {
  ...layerEntries,
  poolSize: option.pair(1),
  strides: option.optional(option.pair(1)),
  padding: option.withDefault(paddingOption, 0),
  ceilMode: option.withDefault(option.boolean(), false),
} as const;

const avgPoolEntries = { ...poolEntries, countIncludePad: option.withDefault(option.boolean(), true) } as const;

/** What a pooling layer keeps of its options. */
export interface PoolConfig {
  poolSize: [number, number];
  strides: [number, number];
  padding: PaddingOption;
  ceilMode: boolean;
}

/** Splits parsed options into what a pooling keeps and the rest. */
export function poolConfig<T extends Omit<PoolConfig, 'strides'> & { strides?: [number, number] | undefined }>(where: string, parsed: T) {
  const { poolSize, strides, padding, ceilMode, ...rest } = parsed;
  if (typeof padding !== 'string') {
    const [top, bottom, left, right] = resolvePadding(padding, [0, 0], poolSize, [1, 1]);
    if (Math.max(top, bottom) > poolSize[0] / 2 || Math.max(left, right) > poolSize[1] / 2) {
      throw new OptionError(where, 'padding', padding, `at most half of poolSize (${poolSize.join('x')})`);
    }
  }
  return { config: { poolSize, strides: strides ?? poolSize, padding, ceilMode }, rest };
}

/** Padding of one axis with what ceil mode adds at the end: the last window must start inside the input or its padding. */
function ceilPadding(length: number, kernel: number, stride: number, before: number, after: number): number {
  let outputs = Math.ceil((length + before + after - kernel) / stride) + 1;
  if ((outputs - 1) * stride >= length + before) outputs -= 1;
  return Math.max((outputs - 1) * stride + kernel - length - before, after);
}

/** Attributes of a pooling over a known input, declared and actual padding apart. */
export function poolAttributes(input: readonly (number | null)[], { poolSize, strides, padding, ceilMode }: PoolConfig): PoolAttributes & { declared: Padding } {
  const [h, w] = [input[1] ?? 0, input[2] ?? 0];
  const declared = resolvePadding(padding, [h, w], poolSize, strides);
  if (!ceilMode) return { size: poolSize, strides, padding: declared, declared };
  const [top, bottom, left, right] = declared;
  const actual: Padding = [top, ceilPadding(h, poolSize[0], strides[0], top, bottom), left, ceilPadding(w, poolSize[1], strides[1], left, right)];
  return { size: poolSize, strides, padding: actual, declared };
}

/** [N, H', W', C] of a pooling. @throws OptionError for a window larger than the padded input. */
export function poolShape(where: string, inputShape: (number | null)[] | (number | null)[][], config: PoolConfig): (number | null)[] {
  const shape = imageShape(where, inputShape);
  const { padding } = poolAttributes(shape, config);
  const length = (axis: 0 | 1): number | null => {
    const input = shape[axis + 1] as number | null;
    if (input === null) return null;
    const padded = input + (padding[axis * 2] ?? 0) + (padding[axis * 2 + 1] ?? 0);
    if (padded < config.poolSize[axis]) {
      throw new OptionError(where, 'poolSize', config.poolSize, `at most the padded input, here ${shape[1]}x${shape[2]} (H x W) with padding ${JSON.stringify(config.padding)}`);
    }
    return Math.floor((padded - config.poolSize[axis]) / config.strides[axis]) + 1;
  };
  return [shape[0], length(0), length(1), shape[3]];
}

/**
 * Max pooling with torch's rules. [N, H, W, C] -> [N, H', W', C], H' = floor (or ceil) of (H + pads - k) / s, plus 1.
 * @throws OptionError, when built, for a window larger than the padded input.
 */
export class MaxPoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitMaxPool';
  private readonly config: PoolConfig;

  constructor(options: PoolOptions) {
    const where = layerLabel('maxPool', options?.name);
    const { config, rest: base } = poolConfig(where, readOptions(where, poolEntries, options));
    super(base);
    this.config = config;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return poolShape(layerLabel('maxPool', this.name), inputShape, this.config);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor<tf.Tensor4D>(inputs);
      return maxPool2d(x, poolAttributes(x.shape, this.config));
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const { declared: _, ...attributes } = poolAttributes(x.shape, this.config);
    return g.op('maxPool', [x], attributes);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config } as tf.serialization.ConfigDict;
  }
}

/** Average pooling with torch's rules: see {@link MaxPoolLayer} for shapes, {@link AvgPoolOptions} for the divisor. */
export class AvgPoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitAvgPool';
  private readonly config: PoolConfig;
  private readonly countIncludePad: boolean;

  constructor(options: AvgPoolOptions) {
    const where = layerLabel('avgPool', options?.name);
    const { config, rest: { countIncludePad, ...base } } = poolConfig(where, readOptions(where, avgPoolEntries, options));
    super(base);
    this.config = config;
    this.countIncludePad = countIncludePad;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return poolShape(layerLabel('avgPool', this.name), inputShape, this.config);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor<tf.Tensor4D>(inputs);
      return avgPool2d(x, this.attributes(x.shape));
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('avgPool', [x], this.attributes(x.shape));
  }

  private attributes(input: readonly (number | null)[]): PoolAttributes & { counted: Padding } {
    const { declared, ...attributes } = poolAttributes(input, this.config);
    const counts = this.countIncludePad && this.config.padding !== 'same';
    return { ...attributes, counted: counts ? declared : [0, 0, 0, 0] };
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config, countIncludePad: this.countIncludePad } as tf.serialization.ConfigDict;
  }
}

export interface AdaptiveAvgPoolOptions extends LayerOptions {
  /** One integer or [height, width]. */
  outputSize: number | [number, number];
}

/** Adaptive average pooling, torch's cells. [N, H, W, C] -> [N, outputSize, C]; identity where the size already fits. */
export class AdaptiveAvgPoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitAdaptiveAvgPool';
  private readonly outputSize: [number, number];

  constructor(options: AdaptiveAvgPoolOptions) {
    const { outputSize, ...base } = readOptions(layerLabel('adaptiveAvgPool', options?.name), { ...layerEntries, outputSize: option.pair(1) }, options);
    super(base);
    this.outputSize = outputSize;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const shape = imageShape(layerLabel('adaptiveAvgPool', this.name), inputShape);
    return [shape[0], ...this.outputSize, shape[3]];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return adaptiveAvgPool2d(oneTensor<tf.Tensor4D>(inputs), this.outputSize);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const fits = x.shape[1] === this.outputSize[0] && x.shape[2] === this.outputSize[1];
    return fits ? x : g.op('adaptiveAvgPool', [x], { outputSize: this.outputSize });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), outputSize: this.outputSize };
  }
}

/** Max pooling of a symbolic tensor. See {@link MaxPoolLayer}. */
export const maxPool = applyLayer((options: PoolOptions) => new MaxPoolLayer(options));
/** Average pooling of a symbolic tensor. See {@link AvgPoolLayer}. */
export const avgPool = applyLayer((options: AvgPoolOptions) => new AvgPoolLayer(options));
/** Adaptive average pooling of a symbolic tensor. See {@link AdaptiveAvgPoolLayer}. */
export const adaptiveAvgPool = applyLayer((options: AdaptiveAvgPoolOptions) => new AdaptiveAvgPoolLayer(options));
