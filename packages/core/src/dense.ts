import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';
import { activate, activationOption, type ActivationKind } from './activation.js';
import { constantInitializer, initializer, initializerOption, seedOption, type KernelInitializer } from './initialization.js';
import { applyLayer, layerEntries, layerLabel, oneShape, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';

/**
 * Matrix product x K, [M, I] x [I, O] -> [M, O]. Its gradient transposes explicitly: tfjs' products with a transpose
 * flag take a slow path on wasm.
 */
export function multiplyMatrices(x: tf.Tensor2D, kernel: tf.Tensor2D): tf.Tensor2D {
  const product = tf.customGrad((a, b, save) => {
    (save as (tensors: tf.Tensor[]) => void)([a as tf.Tensor, b as tf.Tensor]);
    return {
      value: tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [input, weights] = saved as [tf.Tensor2D, tf.Tensor2D];
        return [tf.matMul(dy as tf.Tensor2D, tf.transpose(weights)), tf.matMul(tf.transpose(input), dy as tf.Tensor2D)];
      },
    };
  });
  return product(x, kernel) as tf.Tensor2D;
}

export interface DenseOptions extends LayerOptions {
  /** Outputs. */
  units: number;
  /** Default true. */
  useBias?: boolean;
  /** Default 'linear'. */
  activation?: ActivationKind;
  /** Default 'glorotUniform'. */
  kernelInitializer?: KernelInitializer;
  /** What the bias starts from, a number for each output. Default: zeros. */
  biasInitializer?: readonly number[];
  /** Mixed with the weight's name. Default 0. */
  seed?: number;
}

/** Fully connected layer, [N, I] -> [N, units]. Weights kernel [I, units], bias [units]. */
export class DenseLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitDense';
  private readonly config;
  private kernel: LayerVariable | undefined;
  private bias: LayerVariable | undefined;

  constructor(options: DenseOptions) {
    const where = layerLabel('dense', options?.name);
    const { units, useBias, activation, kernelInitializer, biasInitializer, seed, ...base } = readOptions(where, {
      ...layerEntries,
      units: option.integer(1),
      useBias: option.withDefault(option.boolean(), true),
      activation: option.withDefault(activationOption, 'linear'),
      kernelInitializer: option.withDefault(initializerOption, 'glorotUniform'),
      biasInitializer: option.optional(option.list(option.number())),
      seed: option.withDefault(seedOption, 0),
    }, options);
    if (biasInitializer !== undefined && (!useBias || biasInitializer.length !== units)) {
      throw new OptionError(where, 'biasInitializer', biasInitializer, useBias ? `a number for each of the ${units} units` : 'absent without a bias');
    }
    super(base);
    this.config = { units, useBias, activation, kernelInitializer, seed, ...(biasInitializer === undefined ? {} : { biasInitializer }) };
  }

  override build(inputShape: (number | null)[] | (number | null)[][]): void {
    const inputs = this.features(inputShape);
    const { units, useBias, kernelInitializer, biasInitializer, seed } = this.config;
    this.kernel = this.addWeight('kernel', [inputs, units], 'float32', initializer(kernelInitializer, { fanIn: inputs, fanOut: units }, seed, `${this.name}/kernel`));
    if (useBias) this.bias = this.addWeight('bias', [units], 'float32', constantInitializer(biasInitializer ?? 0));
    super.build(inputShape);
  }

  private features(inputShape: (number | null)[] | (number | null)[][]): number {
    const shape = oneShape(inputShape);
    const inputs = shape[1];
    if (shape.length !== 2 || inputs === null || inputs === undefined) {
      throw new OptionError(layerLabel('dense', this.name), 'input', shape, 'a flat batch [N, I] with known I (flatten or pool first)');
    }
    return inputs;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    this.features(inputShape);
    return [oneShape(inputShape)[0] ?? null, this.config.units];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const y = multiplyMatrices(oneTensor<tf.Tensor2D>(inputs), this.kernel?.read() as tf.Tensor2D);
      return activate(this.bias ? tf.add(y, this.bias.read()) : y, this.config.activation);
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const weights = [this.kernel, this.bias].filter((weight) => weight !== undefined).map((weight) => g.weight(weight));
    const y = g.op('dense', [x, ...weights], {});
    return this.config.activation === 'linear' ? y : g.op('activation', [y], { kind: this.config.activation });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config };
  }
}

/** A fully connected layer on a symbolic tensor: [N, I] -> [N, units]. See {@link DenseLayer}. */
export const dense = applyLayer((options: DenseOptions) => new DenseLayer(options));
