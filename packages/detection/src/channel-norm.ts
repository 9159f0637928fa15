import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, option, readOptions, type LayerOptions, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers, type LayerVariable } from '@tensorflow/tfjs-layers';

export interface ChannelNormOptions extends LayerOptions {
  /** Where every channel's factor starts. Default 20, as in SSD. */
  scale?: number;
}

/** Added to the sum of squares, as in the authors' Caffe layer; torchvision bounds the root by 1e-12. */
const EPSILON = 1e-10;

/** x / sqrt(sum over the channels of x^2) times a factor for each channel. [N, H, W, C] unchanged. */
export function normalizeChannels(x: tf.Tensor4D, scale: tf.Tensor1D): tf.Tensor4D {
  return tf.tidy(() => tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), 3, true), EPSILON))), scale));
}

/**
 * L2 normalisation over the channels of each position, times a learned factor for each channel (ParseNet; Liu et al. 2016, section
 * 3.1: conv4_3 of VGG has larger features than the maps behind it). [N, H, W, C] unchanged. Weight scale [C].
 */
export class ChannelNormLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitChannelNorm';
  private readonly start: number;
  private scale: LayerVariable | undefined;

  constructor(options: ChannelNormOptions = {}) {
    const { scale, ...base } = readOptions(layerLabel('channelNorm', options?.name), { ...layerEntries, scale: option.withDefault(option.number(), 20) }, options);
    super(base);
    this.start = scale;
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const [, , , channels] = imageShape(layerLabel('channelNorm', this.name), inputShape);
    this.scale = this.addWeight('scale', [channels], 'float32', initializers.constant({ value: this.start }));
    super.build(inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return normalizeChannels(oneTensor<tf.Tensor4D>(inputs), this.scale?.read() as tf.Tensor1D);
  }

  // Layer normalisation of [x, -x], whose mean is 0 and whose variance is sum(x^2) / C: no other op of the graph has a root.
  lower(g: Lowering, [x]: readonly [Value]): Value {
    const channels = x.shape[3] as number;
    const both = g.op('concat', [x, g.op('binary', [x, g.constant(-1, [1, 1, 1, 1])], { kind: 'mul' })], { axis: 3 });
    const normal = g.op('layerNorm', [both, g.constant(1 / Math.sqrt(channels), [2 * channels]), g.constant(0, [2 * channels])], { epsilon: EPSILON / channels });
    const half = g.op('slice', [normal], { axis: 3, start: 0, size: channels });
    return g.op('binary', [half, g.weight(this.scale as LayerVariable)], { kind: 'mul' });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), scale: this.start };
  }
}

/** L2 normalisation over the channels of a symbolic tensor. See {@link ChannelNormLayer}. */
export const channelNorm = applyLayer((options: ChannelNormOptions) => new ChannelNormLayer(options));
