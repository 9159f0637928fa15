import {
  activate, constantInitializer, convolutionConfig, convolutionEntries, convolutionShape, deformableConvolve2d, imageShape, initializer, layerLabel, option, OptionError, readOptions,
  windowAttributes, type ConvolutionConfig, type ConvolutionOptions, type Lowering, type Value,
} from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';

export interface DeformableConv2dLayerOptions extends ConvolutionOptions {
  /** Output channels. */
  filters: number;
  /** Must divide input and output channels. Default 1. */
  groups?: number;
  /** Whether the second input ends in mask logits (v2). Default false. */
  modulated?: boolean;
  /** The mask is this times the sigmoid of the logits: 2, the default, makes it 1 for logits 0; others take 1. */
  maskScale?: number;
}

type Shape = (number | null)[];

/**
 * Deformable convolution of [x, movement]: x [N, H, W, C], movement [N, H', W', 2 G kh kw], the offsets of G deformable groups
 * in input pixels as (dy, dx) pairs; where `modulated` [N, H', W', 3 G kh kw], the last G kh kw the logits of the mask.
 * -> [N, H', W', filters]. Weights `kernel` [kh, kw, C/groups, filters] and `bias` [filters].
 * @throws OptionError for impossible options, and when built, for inputs that do not fit each other.
 */
export class DeformableConv2dLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitDeformableConv';
  private readonly config: ConvolutionConfig;
  private readonly own;
  private kernel: LayerVariable | undefined;
  private bias: LayerVariable | undefined;

  constructor(options: DeformableConv2dLayerOptions) {
    const where = layerLabel('deformableConv2d', options?.name);
    const { config, rest: { filters, groups, modulated, maskScale, ...base } } = convolutionConfig(readOptions(where, {
      ...convolutionEntries,
      filters: option.integer(1),
      groups: option.withDefault(option.integer(1), 1),
      modulated: option.withDefault(option.boolean(), false),
      maskScale: option.withDefault(option.number({ above: 0 }), 2),
    }, options));
    if (filters % groups !== 0) throw new OptionError(where, 'groups', groups, `a divisor of filters (${filters})`);
    super(base);
    this.config = config;
    this.own = { filters, groups, modulated, maskScale };
  }

  /** [N, H', W', filters] and the channels of x, from the shapes of both inputs. */
  private shapes(inputShape: Shape | Shape[]) {
    const where = layerLabel('deformableConv2d', this.name);
    const { filters, groups, modulated } = this.own;
    if (!Array.isArray(inputShape[0]) || inputShape.length !== 2) throw new OptionError(where, 'inputs', inputShape, 'two tensors, [x, movement]');
    const [x, movement] = (inputShape as Shape[]).map((shape) => imageShape(where, shape)) as [ReturnType<typeof imageShape>, ReturnType<typeof imageShape>];
    const channels = x[3];
    if (channels % groups !== 0) throw new OptionError(where, 'groups', groups, `a divisor of the ${channels} input channels`);
    const window = convolutionShape(where, x, this.config);
    const each = (modulated ? 3 : 2) * this.config.kernelSize[0] * this.config.kernelSize[1];
    const elsewhere = window.some((length, axis) => length !== null && movement[axis + 1] !== null && movement[axis + 1] !== length);
    if (elsewhere || movement[3] % each !== 0 || channels % (movement[3] / each) !== 0) {
      throw new OptionError(where, 'movement', movement, `[N, ${window.join(', ')}, ${each} G], G a divisor of the ${channels} input channels`);
    }
    return { channels, output: [x[0], ...window, filters] };
  }

  override build(inputShape: Shape | Shape[]): void {
    const { channels } = this.shapes(inputShape);
    const { kernelSize: [kh, kw], kernelInitializer, seed, useBias } = this.config;
    const { filters, groups } = this.own;
    const fans = { fanIn: kh * kw * (channels / groups), fanOut: kh * kw * filters };
    this.kernel = this.addWeight('kernel', [kh, kw, channels / groups, filters], 'float32', initializer(kernelInitializer, fans, seed, `${this.name}/kernel`));
    if (useBias) this.bias = this.addWeight('bias', [filters], 'float32', constantInitializer(0));
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return this.shapes(inputShape).output;
  }

  /** How many of so many channels are offsets. */
  private offsets(channels: number): number {
    return this.own.modulated ? (channels / 3) * 2 : channels;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x, movement] = inputs as [tf.Tensor4D, tf.Tensor4D];
      const offsets = this.offsets(movement.shape[3]);
      const part = (start: number, size: number) => tf.slice(movement, [0, 0, 0, start], [-1, -1, -1, size]);
      const mask = this.own.modulated ? tf.mul<tf.Tensor4D>(tf.sigmoid(part(offsets, offsets / 2)), this.own.maskScale) : undefined;
      const y = deformableConvolve2d(
        x, this.kernel?.read() as tf.Tensor4D, part(0, offsets), windowAttributes(x.shape, this.config), mask, this.bias?.read() as tf.Tensor1D | undefined,
      );
      return activate(y, this.config.activation);
    });
  }

  lower(g: Lowering, [x, movement]: readonly [Value, Value]): Value {
    const { modulated, maskScale } = this.own;
    const offsets = this.offsets(movement.shape[3] as number);
    const part = (start: number, size: number) => g.op('slice', [movement], { axis: 3, start, size });
    const scaled = (mask: Value) => (maskScale === 1 ? mask : g.op('binary', [mask, g.constant(maskScale, [1])], { kind: 'mul' }));
    const offset = modulated ? part(0, offsets) : movement;
    const mask = modulated ? [scaled(g.op('activation', [part(offsets, offsets / 2)], { kind: 'sigmoid' }))] : [];
    const [kernel, bias] = [this.kernel, this.bias].map((weight) => (weight === undefined ? [] : [g.weight(weight)])) as [Value[], Value[]];
    const y = g.op('deformConv2d', [x, ...kernel, offset, ...mask, ...bias], { ...windowAttributes(x.shape, this.config), modulated });
    return this.config.activation === 'linear' ? y : g.op('activation', [y], { kind: this.config.activation });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config, ...this.own } as tf.serialization.ConfigDict;
  }
}
