import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';
import { convolutionConfig, convolutionEntries, convolutionShape, windowAttributes, type ConvolutionConfig, type ConvolutionOptions } from './conv2d.js';
import { depthwiseConvolve2d } from './convolve.js';
import { constantInitializer, initializer } from './initialization.js';
import { applyLayer, imageShape, layerLabel, oneTensor } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { option, readOptions } from './options.js';

export interface DepthwiseConv2dOptions extends ConvolutionOptions {
  /** Filters an input channel. Default 1. */
  depthMultiplier?: number;
}

/**
 * Depthwise 2-D convolution: one filter an input channel and multiplier, with dilation, explicit padding and gradients
 * on every backend. [N, H, W, C] -> [N, H', W', C*m], output channel c*m + j.
 * Weights `depthwise_kernel` [kh, kw, C, m] and `bias` [C*m].
 * @throws OptionError for impossible options.
 */
export class DepthwiseConv2dLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitDepthwiseConv';
  private readonly config: ConvolutionConfig;
  private readonly depthMultiplier: number;
  private kernel: LayerVariable | undefined;
  private bias: LayerVariable | undefined;

  constructor(options: DepthwiseConv2dOptions) {
    const where = layerLabel('depthwiseConv2d', options?.name);
    const parsed = readOptions(where, { ...convolutionEntries, depthMultiplier: option.withDefault(option.integer(1), 1) }, options);
    const { config, rest: { depthMultiplier, ...base } } = convolutionConfig(parsed);
    super(base);
    this.config = config;
    this.depthMultiplier = depthMultiplier;
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const where = layerLabel('depthwiseConv2d', this.name);
    const shape = imageShape(where, inputShape);
    convolutionShape(where, shape, this.config);
    const { kernelSize: [kh, kw], kernelInitializer, seed } = this.config;
    const outputs = shape[3] * this.depthMultiplier;
    const fans = { fanIn: kh * kw, fanOut: kh * kw * outputs, groups: shape[3] };
    this.kernel = this.addWeight('depthwise_kernel', [kh, kw, shape[3], this.depthMultiplier], 'float32', initializer(kernelInitializer, fans, seed, `${this.name}/depthwise_kernel`));
    if (this.config.useBias) this.bias = this.addWeight('bias', [outputs], 'float32', constantInitializer(0));
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const where = layerLabel('depthwiseConv2d', this.name);
    const shape = imageShape(where, inputShape);
    return [shape[0], ...convolutionShape(where, shape, this.config), shape[3] * this.depthMultiplier];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor<tf.Tensor4D>(inputs);
      return depthwiseConvolve2d(x, this.kernel?.read() as tf.Tensor4D, windowAttributes(x.shape, this.config), this.bias?.read() as tf.Tensor1D | undefined, this.config.activation);
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const weights = [this.kernel, this.bias].filter((weight) => weight !== undefined).map((weight) => g.weight(weight));
    const y = g.op('depthwiseConv2d', [x, ...weights], windowAttributes(x.shape, this.config));
    return this.config.activation === 'linear' ? y : g.op('activation', [y], { kind: this.config.activation });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config, depthMultiplier: this.depthMultiplier } as tf.serialization.ConfigDict;
  }
}

/** A depthwise convolution of a symbolic tensor: [N, H, W, C] -> [N, H', W', C*m]. See {@link DepthwiseConv2dLayer}. */
export const depthwiseConv2d = applyLayer((options: DepthwiseConv2dOptions) => new DepthwiseConv2dLayer(options));
