import { convolutionFilterGradient, convolutionInputGradient } from '@convkit/tfjs-extras/composed';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';
import { activate, activationOption, type ActivationKind } from './activation.js';
import { constantInitializer, initializer, initializerOption, seedOption, type KernelInitializer } from './initialization.js';
import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, OpAttributes, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';
import { explicitPad } from './padding.js';

/** Window and output size of a transposed convolution; `padding` is cut off the full output. */
export type ConvolveTransposeAttributes = OpAttributes['convTranspose2d'];

/**
 * Transposed convolution, the input gradient of the convolution with the same kernel: every input pixel adds its kernel to the
 * output, `strides` pixels apart, and `padding` is cut off around. With a gradient on every backend (tf.conv2dTranspose has none on wasm).
 * @param x [N, H, W, C] @param kernel [kh, kw, F, C] @param bias [F]
 * @returns [N, outputSize, F]
 */
export function convolveTranspose2d(x: tf.Tensor4D, kernel: tf.Tensor4D, { strides, padding, outputSize }: ConvolveTransposeAttributes, bias?: tf.Tensor1D): tf.Tensor4D {
  return tf.tidy(() => {
    const attributes = { strides, padding, dilations: [1, 1] as const };
    const transposed = tf.customGrad((input, filter, save) => {
      const [image, weights] = [input as tf.Tensor4D, filter as tf.Tensor4D];
      (save as (tensors: tf.Tensor[]) => void)([image, weights]);
      return {
        value: convolutionInputGradient(image, weights, [image.shape[0], ...outputSize, weights.shape[2]], attributes),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
          const [from, by] = saved as [tf.Tensor4D, tf.Tensor4D];
          const back = tf.conv2d(dy as tf.Tensor4D, by, [...strides], explicitPad(padding));
          return [back, convolutionFilterGradient(dy as tf.Tensor4D, from, by.shape, attributes)];
        },
      };
    });
    const y = transposed(x, kernel) as tf.Tensor4D;
    return bias ? tf.add(y, bias) : y;
  });
}

export interface ConvTranspose2dOptions extends LayerOptions {
  /** Output channels. */
  filters: number;
  /** One integer or [height, width]. */
  kernelSize: number | [number, number];
  /** Output pixels for each input pixel, one integer or [vertical, horizontal]. Default 1. */
  strides?: number | [number, number];
  /** Rows cut off above and below, columns left and right; below the kernel's size. Default 0. */
  padding?: number | [number, number];
  /** Rows and columns that the output has more at its end; below the stride. Default 0. */
  outputPadding?: number | [number, number];
  /** Default true. */
  useBias?: boolean;
  /** Applied after the bias. Default 'linear'. */
  activation?: ActivationKind;
  /** Default 'heNormal', with the inputs of one output at stride 1 as its fan in. */
  kernelInitializer?: KernelInitializer;
  /** Mixed with the weight's name. Default 0. */
  seed?: number;
}

const entries = {
  ...layerEntries,
  filters: option.integer(1),
  kernelSize: option.pair(1),
  strides: option.withDefault(option.pair(1), 1),
  padding: option.withDefault(option.pair(0), 0),
  outputPadding: option.withDefault(option.pair(0), 0),
  useBias: option.withDefault(option.boolean(), true),
  activation: option.withDefault(activationOption, 'linear'),
  kernelInitializer: option.withDefault(initializerOption, 'heNormal'),
  seed: option.withDefault(seedOption, 0),
} as const;

/**
 * 2-D transposed convolution with gradients on every backend, torch's `ConvTranspose2d`.
 * [N, H, W, C] -> [N, H', W', filters], H' = (H - 1) s - 2 padding + k + outputPadding.
 * Weights `kernel` [kh, kw, filters, C] and `bias` [filters].
 * @throws OptionError for impossible options, and when built, for an input that leaves no output.
 */
export class ConvTranspose2dLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitConvTranspose';
  private readonly config;
  private kernel: LayerVariable | undefined;
  private bias: LayerVariable | undefined;

  constructor(options: ConvTranspose2dOptions) {
    const where = layerLabel('convTranspose2d', options?.name);
    const { filters, kernelSize, strides, padding, outputPadding, useBias, activation, kernelInitializer, seed, ...base } = readOptions(where, entries, options);
    if (padding.some((cells, axis) => cells >= (kernelSize[axis] as number))) throw new OptionError(where, 'padding', padding, `below kernelSize (${kernelSize.join('x')})`);
    if (outputPadding.some((cells, axis) => cells >= (strides[axis] as number))) throw new OptionError(where, 'outputPadding', outputPadding, `below strides (${strides.join('x')})`);
    super(base);
    this.config = { filters, kernelSize, strides, padding, outputPadding, useBias, activation, kernelInitializer, seed };
  }

  private outputSize(shape: readonly (number | null)[]): [number | null, number | null] {
    const { kernelSize, strides, padding, outputPadding } = this.config;
    const along = (axis: 0 | 1) => {
      const length = shape[axis + 1] ?? null;
      const output = length === null ? null : (length - 1) * strides[axis] - 2 * padding[axis] + kernelSize[axis] + outputPadding[axis];
      if (output !== null && output < 1) throw new OptionError(layerLabel('convTranspose2d', this.name), 'padding', padding, `less, for an input of ${String(shape[1])}x${String(shape[2])}`);
      return output;
    };
    return [along(0), along(1)];
  }

  private attributes(shape: readonly (number | null)[]): ConvolveTransposeAttributes {
    const { strides, padding: [down, across] } = this.config;
    return { strides, padding: [down, down, across, across], outputSize: this.outputSize(shape) as [number, number] };
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const shape = imageShape(layerLabel('convTranspose2d', this.name), inputShape);
    this.outputSize(shape);
    const { filters, kernelSize: [kh, kw], kernelInitializer, useBias, seed } = this.config;
    const fans = { fanIn: kh * kw * shape[3], fanOut: kh * kw * filters };
    this.kernel = this.addWeight('kernel', [kh, kw, filters, shape[3]], 'float32', initializer(kernelInitializer, fans, seed, `${this.name}/kernel`));
    if (useBias) this.bias = this.addWeight('bias', [filters], 'float32', constantInitializer(0));
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const shape = imageShape(layerLabel('convTranspose2d', this.name), inputShape);
    return [shape[0], ...this.outputSize(shape), this.config.filters];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor<tf.Tensor4D>(inputs);
      const y = convolveTranspose2d(x, this.kernel?.read() as tf.Tensor4D, this.attributes(x.shape), this.bias?.read() as tf.Tensor1D | undefined);
      return activate(y, this.config.activation);
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const weights = [this.kernel, this.bias].filter((weight) => weight !== undefined).map((weight) => g.weight(weight));
    const y = g.op('convTranspose2d', [x, ...weights], this.attributes(x.shape));
    return this.config.activation === 'linear' ? y : g.op('activation', [y], { kind: this.config.activation });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config } as tf.serialization.ConfigDict;
  }
}

/** A transposed convolution of a symbolic tensor: [N, H, W, C] -> [N, H', W', filters]. See {@link ConvTranspose2dLayer}. */
export const convTranspose2d = applyLayer((options: ConvTranspose2dOptions) => new ConvTranspose2dLayer(options));
