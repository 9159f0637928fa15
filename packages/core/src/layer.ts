import type * as tf from '@tensorflow/tfjs-core';
import type { layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import * as v from 'valibot';
import { OptionError } from './option-error.js';

export type Layer = InstanceType<typeof layers.Layer>;

/** Options every layer takes. */
export interface LayerOptions {
  /** Name of the layer, unique in its model; the reference's module path in convkit's architectures. */
  name?: string;
  /** false freezes the layer's weights. Default true. */
  trainable?: boolean;
}

const anything = v.pipe(v.any(), v.description('what tf.layers takes'));

/** Entries that tf.layers itself passes to a constructor (its own options, and what loading a saved model adds). */
export const layerEntries = {
  name: v.optional(v.pipe(v.string(), v.nonEmpty(), v.description('a non-empty string'))),
  trainable: v.optional(v.pipe(v.boolean(), v.description('true or false'))),
  dtype: v.optional(anything),
  inputShape: v.optional(anything),
  batchInputShape: v.optional(anything),
  batchSize: v.optional(anything),
  inputDType: v.optional(anything),
  weights: v.optional(anything),
  customObjects: v.optional(anything),
} as const;

/** `call` receives a tensor or a list of one. */
export function oneTensor<T extends tf.Tensor = tf.Tensor>(inputs: tf.Tensor | tf.Tensor[]): T {
  const tensor = Array.isArray(inputs) ? inputs[0] : inputs;
  if (tensor === undefined) throw new Error('a layer was called with an empty list of tensors');
  return tensor as T;
}

/** A layer with one input: its shape, whichever way tf.layers hands it over. */
export function oneShape(shape: (number | null)[] | (number | null)[][]): (number | null)[] {
  return (Array.isArray(shape[0]) ? shape[0] : shape) as (number | null)[];
}

/** [N, H, W, C] of an image batch. @throws OptionError for another rank or an unknown channel count. */
export function imageShape(where: string, shape: (number | null)[] | (number | null)[][]): [number | null, number | null, number | null, number] {
  const dimensions = oneShape(shape);
  const channels = dimensions[3];
  if (dimensions.length !== 4 || channels === null || channels === undefined) {
    throw new OptionError(where, 'input', dimensions, 'an image batch [N, H, W, C] with a known number of channels');
  }
  return [dimensions[0] ?? null, dimensions[1] ?? null, dimensions[2] ?? null, channels];
}

/** The name under which errors speak of a layer. */
export function layerLabel(kind: string, name: string | undefined): string {
  return name ? `${kind} "${name}"` : kind;
}

/** Makes a block `(x, options) => y` on symbolic tensors out of a layer's constructor. */
export function applyLayer<Options>(make: (options: Options) => Layer) {
  return (x: SymbolicTensor, options: Options): SymbolicTensor => make(options).apply(x) as SymbolicTensor;
}
