import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';
import { activationOption, type ActivationKind } from './activation.js';
import { convolve2d } from './convolve.js';
import { constantInitializer, initializer, initializerOption, seedOption, type KernelInitializer } from './initialization.js';
import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';
import { effectiveKernel, paddingOption, resolvePadding, windowShape, type PaddingOption } from './padding.js';

/** Options that all convolutions share. */
export interface ConvolutionOptions extends LayerOptions {
  /** One integer or [height, width]. */
  kernelSize: number | [number, number];
  /** One integer or [vertical, horizontal]. Default 1. */
  strides?: number | [number, number];
  /** 'same', 'valid', or explicit as in torch. Default 'valid'. */
  padding?: PaddingOption;
  /** Spacing of the kernel's taps; may be combined with strides. Default 1. */
  dilationRate?: number | [number, number];
  /** Default true. */
  useBias?: boolean;
  /** Applied after the bias. Default 'linear'. */
  activation?: ActivationKind;
  /** Default 'heNormal'. */
  kernelInitializer?: KernelInitializer;
  /** Mixed with the weight's name. Default 0. */
  seed?: number;
}

export interface Conv2dOptions extends ConvolutionOptions {
  /** Output channels. */
  filters: number;
  /** Must divide input and output channels. Default 1. */
  groups?: number;
}

export const convolutionEntries = {
  ...layerEntries,
  kernelSize: option.pair(1),
  strides: option.withDefault(option.pair(1), 1),
  padding: option.withDefault(paddingOption, 'valid'),
  dilationRate: option.withDefault(option.pair(1), 1),
  useBias: option.withDefault(option.boolean(), true),
  activation: option.withDefault(activationOption, 'linear'),
  kernelInitializer: option.withDefault(initializerOption, 'heNormal'),
  seed: option.withDefault(seedOption, 0),
} as const;

/** What a convolution layer keeps of its options. */
export interface ConvolutionConfig {
  kernelSize: [number, number];
  strides: [number, number];
  padding: PaddingOption;
  dilationRate: [number, number];
  useBias: boolean;
  activation: ActivationKind;
  kernelInitializer: KernelInitializer;
  seed: number;
}

/** Splits parsed options into what a convolution keeps, what is its own, and what tf.layers takes. */
export function convolutionConfig<T extends ConvolutionConfig>(parsed: T): { config: ConvolutionConfig; rest: Omit<T, keyof ConvolutionConfig> } {
  const { kernelSize, strides, padding, dilationRate, useBias, activation, kernelInitializer, seed, ...rest } = parsed;
  return { config: { kernelSize, strides, padding, dilationRate, useBias, activation, kernelInitializer, seed }, rest };
}

/** [H', W'] of a convolution. @throws OptionError when the kernel does not fit. */
export function convolutionShape(where: string, input: readonly (number | null)[], { kernelSize, strides, padding, dilationRate }: ConvolutionConfig): [number | null, number | null] {
  const extent = [effectiveKernel(kernelSize[0], dilationRate[0]), effectiveKernel(kernelSize[1], dilationRate[1])] as const;
  return windowShape(where, 'kernelSize', [input[1] ?? null, input[2] ?? null], extent, strides, padding);
}

/** Window attributes over an input whose height and width are known. */
export function windowAttributes(input: readonly (number | null)[], { kernelSize, strides, padding, dilationRate }: ConvolutionConfig) {
  const extent = [effectiveKernel(kernelSize[0], dilationRate[0]), effectiveKernel(kernelSize[1], dilationRate[1])] as const;
  return { strides, padding: resolvePadding(padding, [input[1] ?? 0, input[2] ?? 0], extent, strides), dilations: dilationRate };
}

/**
 * 2-D convolution with groups, dilation with stride, explicit padding, and gradients on every backend.
 * [N, H, W, C] -> [N, H', W', filters], H' = floor((H + pads - d(k - 1) - 1) / s) + 1 ('same': ceil(H / s)).
 * Weights `kernel` [kh, kw, C/groups, filters] and `bias` [filters].
 * @throws OptionError for impossible options, and when built, for channels that `groups` does not divide.
 */
export class Conv2dLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitConv';
  private readonly config: ConvolutionConfig;
  private readonly filters: number;
  private readonly groups: number;
  private kernel: LayerVariable | undefined;
  private bias: LayerVariable | undefined;

  constructor(options: Conv2dOptions) {
    const where = layerLabel('conv2d', options?.name);
    const parsed = readOptions(where, { ...convolutionEntries, filters: option.integer(1), groups: option.withDefault(option.integer(1), 1) }, options);
    const { config, rest: { filters, groups, ...base } } = convolutionConfig(parsed);
    if (filters % groups !== 0) throw new OptionError(where, 'groups', groups, `a divisor of filters (${filters})`);
    super(base);
    this.config = config;
    this.filters = filters;
    this.groups = groups;
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const where = layerLabel('conv2d', this.name);
    const shape = imageShape(where, inputShape);
    if (shape[3] % this.groups !== 0) throw new OptionError(where, 'groups', this.groups, `a divisor of the ${shape[3]} input channels`);
    convolutionShape(where, shape, this.config);
    const { kernelSize: [kh, kw], kernelInitializer, seed } = this.config;
    const channels = shape[3] / this.groups;
    const fans = { fanIn: kh * kw * channels, fanOut: kh * kw * this.filters, groups: this.groups };
    this.kernel = this.addWeight('kernel', [kh, kw, channels, this.filters], 'float32', initializer(kernelInitializer, fans, seed, `${this.name}/kernel`));
    if (this.config.useBias) this.bias = this.addWeight('bias', [this.filters], 'float32', constantInitializer(0));
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const where = layerLabel('conv2d', this.name);
    const shape = imageShape(where, inputShape);
    return [shape[0], ...convolutionShape(where, shape, this.config), this.filters];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor<tf.Tensor4D>(inputs);
      const attributes = { ...windowAttributes(x.shape, this.config), groups: this.groups };
      return convolve2d(x, this.kernel?.read() as tf.Tensor4D, attributes, this.bias?.read() as tf.Tensor1D | undefined, this.config.activation);
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const weights = [this.kernel, this.bias].filter((weight) => weight !== undefined).map((weight) => g.weight(weight));
    const y = g.op('conv2d', [x, ...weights], { ...windowAttributes(x.shape, this.config), groups: this.groups });
    return this.config.activation === 'linear' ? y : g.op('activation', [y], { kind: this.config.activation });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config, filters: this.filters, groups: this.groups } as tf.serialization.ConfigDict;
  }
}

/** A convolution of a symbolic tensor: [N, H, W, C] -> [N, H', W', filters]. See {@link Conv2dLayer}. */
export const conv2d = applyLayer((options: Conv2dOptions) => new Conv2dLayer(options));
