import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';

/**
 * Channel shuffle (ShuffleNet, section 3.1): with n = C / groups, output channel j*groups + i is input channel i*n + j.
 * The inverse is a shuffle with n groups. Three dimensions transpose in half the time of five on wasm.
 */
export function shuffleChannels(x: tf.Tensor4D, groups: number): tf.Tensor4D {
  return tf.tidy(() => {
    const [n, h, w, c] = x.shape;
    return tf.reshape(tf.transpose(tf.reshape(x, [n * h * w, groups, c / groups]), [0, 2, 1]), [n, h, w, c]);
  });
}

export interface ChannelShuffleOptions extends LayerOptions {
  /** Must divide the channels. */
  groups: number;
}

/** Channel shuffle, shape unchanged. @throws OptionError, when built, if groups does not divide the channels. */
export class ChannelShuffleLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitChannelShuffle';
  private readonly groups: number;

  constructor(options: ChannelShuffleOptions) {
    const { groups, ...base } = readOptions(layerLabel('channelShuffle', options?.name), { ...layerEntries, groups: option.integer(1) }, options);
    super(base);
    this.groups = groups;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const where = layerLabel('channelShuffle', this.name);
    const shape = imageShape(where, inputShape);
    if (shape[3] % this.groups !== 0) throw new OptionError(where, 'groups', this.groups, `a divisor of the ${shape[3]} channels`);
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return shuffleChannels(oneTensor<tf.Tensor4D>(inputs), this.groups);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('channelShuffle', [x], { groups: this.groups });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), groups: this.groups };
  }
}

export interface SliceChannelsOptions extends LayerOptions {
  /** First channel kept. */
  start: number;
  /** Channels kept. */
  size: number;
}

/**
 * Channels start .. start + size - 1. [N, H, W, C] -> [N, H, W, size]. A split is two of these: tf.layers runs a layer
 * with two outputs twice a prediction.
 * @throws OptionError, when built, for channels that do not exist.
 */
export class SliceChannelsLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitSliceChannels';
  private readonly start: number;
  private readonly size: number;

  constructor(options: SliceChannelsOptions) {
    const { start, size, ...base } = readOptions(layerLabel('sliceChannels', options?.name), { ...layerEntries, start: option.integer(0), size: option.integer(1) }, options);
    super(base);
    this.start = start;
    this.size = size;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const where = layerLabel('sliceChannels', this.name);
    const shape = imageShape(where, inputShape);
    if (this.start + this.size > shape[3]) throw new OptionError(where, 'size', this.size, `at most the ${shape[3]} input channels less start (${this.start})`);
    return [...shape.slice(0, 3), this.size];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.slice(oneTensor<tf.Tensor4D>(inputs), [0, 0, 0, this.start], [-1, -1, -1, this.size]);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('slice', [x], { axis: 3, start: this.start, size: this.size });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), start: this.start, size: this.size };
  }
}

export interface PadChannelsOptions extends LayerOptions {
  /** Zero channels added in front. Default 0. */
  before?: number;
  /** Zero channels added at the end. Default 0. */
  after?: number;
}

/** Zero channels around the existing ones (the residual network's option A). [N, H, W, C] -> [N, H, W, before + C + after]. */
export class PadChannelsLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitPadChannels';
  private readonly before: number;
  private readonly after: number;

  constructor(options: PadChannelsOptions) {
    const count = option.withDefault(option.integer(0), 0);
    const { before, after, ...base } = readOptions(layerLabel('padChannels', options?.name), { ...layerEntries, before: count, after: count }, options);
    super(base);
    this.before = before;
    this.after = after;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const shape = imageShape(layerLabel('padChannels', this.name), inputShape);
    return [...shape.slice(0, 3), this.before + shape[3] + this.after];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.pad(oneTensor(inputs), [[0, 0], [0, 0], [0, 0], [this.before, this.after]]);
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('pad', [x], { padding: [[0, 0], [0, 0], [0, 0], [this.before, this.after]], value: 0 });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), before: this.before, after: this.after };
  }
}

/** Channel shuffle of a symbolic tensor. See {@link ChannelShuffleLayer}. */
export const channelShuffle = applyLayer((options: ChannelShuffleOptions) => new ChannelShuffleLayer(options));
/** Some channels of a symbolic tensor. See {@link SliceChannelsLayer}. */
export const sliceChannels = applyLayer((options: SliceChannelsOptions) => new SliceChannelsLayer(options));
/** Zero channels around a symbolic tensor's. See {@link PadChannelsLayer}. */
export const padChannels = applyLayer((options: PadChannelsOptions) => new PadChannelsLayer(options));
