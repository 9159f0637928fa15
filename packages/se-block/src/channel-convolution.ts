import {
  applyLayer, convolve2d, imageShape, initializer, initializerOption, layerEntries, layerLabel, oneTensor, option, OptionError, readOptions, seedOption,
  type KernelInitializer, type LayerOptions, type Lowering, type Value,
} from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';

const window = (size: number) => ({ strides: [1, 1] as const, dilations: [1, 1] as const, padding: [0, 0, (size - 1) / 2, (size - 1) / 2] as const, groups: 1 });

/**
 * y[c] = sum_i w[i] x[c + i - (k - 1) / 2] at every position, channels outside are 0: the channels are the line that the
 * kernel of k numbers slides along. [N, H, W, C] x [k, 1, 1] -> [N, H, W, C].
 */
export function convolveChannels(x: tf.Tensor4D, kernel: tf.Tensor3D): tf.Tensor4D {
  return tf.tidy(() => {
    const [n, h, w, c] = x.shape;
    const [size] = kernel.shape;
    return tf.reshape(convolve2d(tf.reshape(x, [n, h * w, c, 1]), tf.reshape(kernel, [1, size, 1, 1]), window(size)), [n, h, w, c]);
  });
}

export interface ChannelConvolutionOptions extends LayerOptions {
  /** Odd. */
  kernelSize: number;
  /** Default 'heNormalFanOut'. */
  kernelInitializer?: KernelInitializer;
  /** Mixed with the weight's name. Default 0. */
  seed?: number;
}

/** A 1-D convolution along the channels. See {@link convolveChannels}. Weight `kernel` [k, 1, 1], no bias. */
export class ChannelConvolutionLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitChannelConvolution';
  private readonly config;
  private kernel: LayerVariable | undefined;

  constructor(options: ChannelConvolutionOptions) {
    const { kernelSize, kernelInitializer, seed, ...base } = readOptions(layerLabel('channelConvolution', options?.name), {
      ...layerEntries,
      kernelSize: option.odd(),
      kernelInitializer: option.withDefault(initializerOption, 'heNormalFanOut'),
      seed: option.withDefault(seedOption, 0),
    }, options);
    super(base);
    this.config = { kernelSize, kernelInitializer, seed };
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const { kernelSize, kernelInitializer, seed } = this.config;
    this.kernel = this.addWeight('kernel', [kernelSize, 1, 1], 'float32', initializer(kernelInitializer, { fanIn: kernelSize, fanOut: kernelSize }, seed, `${this.name}/kernel`));
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    return imageShape(layerLabel('channelConvolution', this.name), inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => convolveChannels(oneTensor<tf.Tensor4D>(inputs), this.kernel?.read() as tf.Tensor3D));
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const { kernelSize } = this.config;
    const [, h, w, c] = x.shape;
    if (h == null || w == null || c == null || this.kernel === undefined) throw new OptionError(layerLabel('channelConvolution', this.name), 'input', x.shape, 'of known height and width');
    const line = g.op('reshape', [x], { shape: [h * w, c, 1] });
    const kernel = g.op('transpose', [g.op('reshape', [g.weight(this.kernel)], { shape: [1, 1, 1] })], { permutation: [1, 0, 2, 3] });
    return g.op('reshape', [g.op('conv2d', [line, kernel], window(kernelSize))], { shape: [h, w, c] });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config } as tf.serialization.ConfigDict;
  }
}

/** A convolution along the channels of a symbolic tensor. See {@link ChannelConvolutionLayer}. */
export const channelConvolution = applyLayer((options: ChannelConvolutionOptions) => new ChannelConvolutionLayer(options));
