/** tf.layers' own layers that need nothing more than options that are checked. */
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { layerEntries, layerLabel, type LayerOptions } from './layer.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';

/** Elementwise sum of tensors of one shape. */
export function add(inputs: SymbolicTensor[], options: LayerOptions = {}): SymbolicTensor {
  return layers.add(readOptions(layerLabel('add', options?.name), layerEntries, options)).apply(inputs) as SymbolicTensor;
}

/**
 * Elementwise product; axes of length 1 are repeated: a gate [N, 1, 1, C] or [N, H, W, 1] scales an image [N, H, W, C].
 * All inputs have the same rank.
 */
export function multiply(inputs: SymbolicTensor[], options: LayerOptions = {}): SymbolicTensor {
  return layers.multiply(readOptions(layerLabel('multiply', options?.name), layerEntries, options)).apply(inputs) as SymbolicTensor;
}

/** Elementwise maximum of tensors of one shape. @throws OptionError for other shapes: tf.maximum's gradient knows no broadcasting. */
export function maximum(inputs: SymbolicTensor[], options: LayerOptions = {}): SymbolicTensor {
  const where = layerLabel('maximum', options?.name);
  const checked = readOptions(where, layerEntries, options);
  const shapes = inputs.map(({ shape }) => shape);
  if (new Set(shapes.map(String)).size > 1) throw new OptionError(where, 'inputs', shapes, 'tensors of one shape');
  return layers.maximum(checked).apply(inputs) as SymbolicTensor;
}

/** Concatenation along the channels: [N, H, W, C1], [N, H, W, C2], ... -> [N, H, W, C1 + C2 + ...]. */
export function concatenate(inputs: SymbolicTensor[], options: LayerOptions = {}): SymbolicTensor {
  return layers.concatenate({ ...readOptions(layerLabel('concatenate', options?.name), layerEntries, options), axis: -1 }).apply(inputs) as SymbolicTensor;
}

/** [N, H, W, C] -> [N, H*W*C], in that order. */
export function flatten(x: SymbolicTensor, options: LayerOptions = {}): SymbolicTensor {
  return layers.flatten(readOptions(layerLabel('flatten', options?.name), layerEntries, options)).apply(x) as SymbolicTensor;
}

export interface DropoutOptions extends LayerOptions {
  /** Share of elements set to 0 in training, in [0, 1). */
  rate: number;
}

/** Dropout in training, identity at inference. @throws OptionError for a rate outside [0, 1). */
export function dropout(x: SymbolicTensor, options: DropoutOptions): SymbolicTensor {
  const checked = readOptions(layerLabel('dropout', options?.name), { ...layerEntries, rate: option.number({ min: 0, below: 1 }) }, options);
  return layers.dropout(checked).apply(x) as SymbolicTensor;
}
