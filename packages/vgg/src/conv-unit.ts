import { batchNorm as batchNormLayer, conv2d, INITIALIZERS, option, readOptions, type InitializerName } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface ConvUnitOptions {
  /** Output channels. */
  filters: number;
  /** Odd; the padding keeps height and width. Default 3. */
  kernelSize?: number;
  /** Default false. */
  batchNorm?: boolean;
  /** Default true. */
  convBias?: boolean;
  /** Default 'heNormalFanOut'. */
  kernelInitializer?: InitializerName;
  /** Mixed with the kernel's name. Default 0. */
  seed?: number;
  /** The Sequential that the unit is part of: its layers are called `name.index`, `name.(index + 1)`. Default: tf.layers' own names. */
  name?: string;
  /** Default 0. */
  index?: number;
}

/** Kernel sizes whose padding keeps the size of the image. */
export const isOdd = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) % 2 === 1;

const unitEntries = {
  filters: option.integer(1),
  kernelSize: option.withDefault(option.custom<number>(isOdd, 'an odd integer >= 1'), 3),
  batchNorm: option.withDefault(option.boolean(), false),
  convBias: option.withDefault(option.boolean(), true),
  kernelInitializer: option.withDefault(option.oneOf(INITIALIZERS), 'heNormalFanOut'),
  seed: option.withDefault(option.integer(0, 0xffffffff), 0),
  name: option.optional(option.text()),
  index: option.withDefault(option.integer(0), 0),
} as const;

/**
 * Convolution, batch norm where asked for, ReLU: [N, H, W, C] -> [N, H, W, filters].
 * @throws OptionError for unknown and impossible options.
 */
export function convUnit(x: SymbolicTensor, options: ConvUnitOptions): SymbolicTensor {
  const where = options?.name ? `convUnit "${options.name}.${options.index ?? 0}"` : 'convUnit';
  const { filters, kernelSize, batchNorm, convBias, name, index, ...weights } = readOptions(where, unitEntries, options);
  const at = (module: number) => (name === undefined ? undefined : `${name}.${module}`);
  const y = conv2d(x, { filters, kernelSize, padding: (kernelSize - 1) / 2, useBias: convBias, activation: batchNorm ? 'linear' : 'relu', name: at(index), ...weights });
  return batchNorm ? batchNormLayer(y, { activation: 'relu', name: at(index + 1) }) : y;
}
