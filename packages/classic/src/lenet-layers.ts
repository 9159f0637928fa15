/** The layers of LeNet-5 that nothing since has (LeCun et al. 1998, section II-B and appendix A). */
import {
  applyLayer, avgPool2d, constantInitializer, imageShape, layerEntries, layerLabel, multiplyMatrices, oneTensor, option, OptionError, readOptions, windowOutput,
  type LayerOptions, type Lowering, type Padding, type Value,
} from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';
import { DIGIT_CODES } from './digit-codes.js';

const AMPLITUDE = 1.7159;
const SLOPE = 2 / 3;
/** A number that multiplies a tensor of any rank. */
const scalar = (g: Lowering, value: number, { shape }: Value) => g.constant(value, shape.map(() => 1));

/** The squashing function f(a) = 1.7159 tanh(2 a / 3): f(1) = 1 and f(-1) = -1, where its curvature is largest. Shapes unchanged. */
export class ScaledTanhLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitScaledTanh';

  constructor(options: LayerOptions = {}) {
    super(readOptions(layerLabel('scaledTanh', options?.name), layerEntries, options));
    this.supportsMasking = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => tf.mul(tf.tanh(tf.mul(oneTensor(inputs), SLOPE)), AMPLITUDE));
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const steep = g.op('binary', [x, scalar(g, SLOPE, x)], { kind: 'mul' });
    return g.op('binary', [g.op('activation', [steep], { kind: 'tanh' }), scalar(g, AMPLITUDE, x)], { kind: 'mul' });
  }
}

export interface SubsamplingOptions extends LayerOptions {
  /** Rows and columns of a window; windows do not overlap. Default 2. */
  poolSize?: number;
}

/**
 * Trainable subsampling: y_c = gamma_c * (sum of the window) + beta_c, one coefficient and one bias a map. It starts as the
 * average. [N, H, W, C] -> [N, floor(H / k), floor(W / k), C]. Weights gamma [C], beta [C].
 * @throws OptionError, when built, for a window larger than the input.
 */
export class SubsamplingLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitSubsampling';
  private readonly poolSize: number;
  private gamma: LayerVariable | undefined;
  private beta: LayerVariable | undefined;

  constructor(options: SubsamplingOptions = {}) {
    const { poolSize, ...base } = readOptions(layerLabel('subsampling', options?.name), { ...layerEntries, poolSize: option.withDefault(option.integer(1), 2) }, options);
    super(base);
    this.poolSize = poolSize;
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const channels = imageShape(layerLabel('subsampling', this.name), inputShape)[3];
    this.gamma = this.addWeight('gamma', [channels], 'float32', constantInitializer(1 / this.poolSize ** 2));
    this.beta = this.addWeight('beta', [channels], 'float32', constantInitializer(0));
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const where = layerLabel('subsampling', this.name);
    const [n, h, w, c] = imageShape(where, inputShape);
    const output = [h, w].map((length) => windowOutput(length, this.poolSize, this.poolSize, 0, 0)) as [number | null, number | null];
    if (output.some((length) => length !== null && length < 1)) throw new OptionError(where, 'poolSize', this.poolSize, `at most the input, here ${h}x${w} (H x W)`);
    return [n, ...output, c];
  }

  private get window() {
    const size = [this.poolSize, this.poolSize] as const;
    const padding: Padding = [0, 0, 0, 0];
    return { size, strides: size, padding, counted: padding };
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const coefficient = tf.mul(this.gamma?.read() as tf.Tensor1D, this.poolSize ** 2);
      return tf.add(tf.mul(avgPool2d(oneTensor<tf.Tensor4D>(inputs), this.window), coefficient), this.beta?.read() as tf.Tensor1D);
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const [gamma, beta] = [this.gamma, this.beta].map((weight) => g.weight(weight as LayerVariable)) as [Value, Value];
    const coefficient = g.op('binary', [gamma, g.constant(this.poolSize ** 2, [1])], { kind: 'mul' });
    const scaled = g.op('binary', [g.op('avgPool', [x], this.window), coefficient], { kind: 'mul' });
    return g.op('binary', [scaled, beta], { kind: 'add' });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), poolSize: this.poolSize };
  }
}

/** Starts the output units at the codes of the digits, [84, K]. */
class DigitCodesInitializer extends tf.serialization.Serializable {
  /** @nocollapse */
  static readonly className = 'ConvkitDigitCodesInitializer';

  fromConfigUsesCustomObjects(): boolean {
    return false;
  }

  apply([, classes]: (number | null)[]): tf.Tensor {
    return tf.tidy(() => tf.transpose(tf.tensor2d(DIGIT_CODES.slice(0, classes ?? 0).map((code) => [...code]))));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {};
  }
}

export interface RadialBasisOptions extends LayerOptions {
  /** Digits, from 0 on. Default 10. */
  classes?: number;
}

/**
 * Euclidean radial basis functions over fixed codes: y_k = -sum_j (x_j - w_jk)^2, w_k the +-1 picture of digit k. The paper's
 * units output the distance itself; its negative is a logit: largest where the digit is likeliest. [N, 84] -> [N, classes].
 * Weight fixed_kernel [84, classes], which training leaves alone.
 * @throws OptionError for more classes than there are codes and, when built, for an input that is not 84 wide.
 */
export class RadialBasisLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitRadialBasis';
  private readonly classes: number;
  private kernel: LayerVariable | undefined;

  constructor(options: RadialBasisOptions = {}) {
    const classes = option.withDefault(option.integer(1, DIGIT_CODES.length), DIGIT_CODES.length);
    const { classes: count, ...base } = readOptions(layerLabel('radialBasis', options?.name), { ...layerEntries, classes }, options);
    super(base);
    this.classes = count;
  }

  private units(inputShape: (number | null)[] | (number | null)[][]): number {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as (number | null)[];
    const wanted = DIGIT_CODES[0]?.length ?? 0;
    if (shape.length !== 2 || shape[1] !== wanted) throw new OptionError(layerLabel('radialBasis', this.name), 'input', shape, `a flat batch [N, ${wanted}], a number for each pixel of a code`);
    return wanted;
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    this.kernel = this.addWeight('fixed_kernel', [this.units(inputShape), this.classes], 'float32', new DigitCodesInitializer(), undefined, false);
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    this.units(inputShape);
    return [((Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as (number | null)[])[0] ?? null, this.classes];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x, kernel] = [oneTensor<tf.Tensor2D>(inputs), this.kernel?.read() as tf.Tensor2D];
      const cross = tf.mul(multiplyMatrices(x, kernel), 2);
      return tf.sub(tf.sub(cross, tf.sum(tf.square(x), 1, true)), tf.sum(tf.square(kernel), 0, true));
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const kernel = g.weight(this.kernel as LayerVariable);
    const squares = (value: Value, axis: number) => g.op('reduce', [g.op('binary', [value, value], { kind: 'mul' })], { kind: 'sum', axes: [axis], keepDims: true });
    const cross = g.op('binary', [g.op('dense', [x, kernel], {}), g.constant(2, [1, 1])], { kind: 'mul' });
    return g.op('binary', [g.op('binary', [cross, squares(x, 1)], { kind: 'sub' }), squares(kernel, 0)], { kind: 'sub' });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), classes: this.classes };
  }
}

/** f(a) = 1.7159 tanh(2 a / 3) on a symbolic tensor. See {@link ScaledTanhLayer}. */
export const scaledTanh = applyLayer((options: LayerOptions) => new ScaledTanhLayer(options));
/** Trainable subsampling of a symbolic tensor. See {@link SubsamplingLayer}. */
export const subsampling = applyLayer((options: SubsamplingOptions) => new SubsamplingLayer(options));
/** Output units over the codes of the digits. See {@link RadialBasisLayer}. */
export const radialBasis = applyLayer((options: RadialBasisOptions) => new RadialBasisLayer(options));
