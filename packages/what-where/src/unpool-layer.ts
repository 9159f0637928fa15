import { imageShape, layerEntries, layerLabel, option, OptionError, readOptions, type LayerOptions, type Lowering, type Value } from '@convkit/core';
import type * as tf from '@tensorflow/tfjs-core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { lowerUnpool, unpool2d, type UnpoolAttributes } from './unpool.js';

export interface UnpoolOptions extends LayerOptions {
  /** That of the pooling, one integer or [height, width]. */
  poolSize: number | [number, number];
  /** Height and width of the image that was pooled. Default: those that the windows cover. */
  size?: number | [number, number];
}

type Shape = (number | null)[];

/**
 * What, back where it was: [what, where] or [what] alone -> [N, size, C]. The channels of the where say what it is: as many as the what
 * has are places ('hard'), twice as many offsets ('soft'); without it, each value fills its window.
 * @throws OptionError for impossible options, for a where that does not go with the what, and for a size that is not the windows' or
 *   less than one window more.
 */
export class UnpoolLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitUnpool';
  private readonly config: { poolSize: [number, number]; size?: [number, number] };

  constructor(options: UnpoolOptions) {
    const { poolSize, size, ...base } = readOptions(layerLabel('unpool', options?.name), { ...layerEntries, poolSize: option.pair(1), size: option.optional(option.pair(1)) }, options);
    super(base);
    this.config = { poolSize, ...(size === undefined ? {} : { size }) };
  }

  private attributes(what: readonly (number | null)[]): UnpoolAttributes {
    const { poolSize, size } = this.config;
    const windows: [number, number] = [(what[1] ?? 0) * poolSize[0], (what[2] ?? 0) * poolSize[1]];
    return { poolSize, size: size ?? windows };
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const label = layerLabel('unpool', this.name);
    const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as Shape[];
    if (shapes.length > 2) throw new OptionError(label, 'inputs', shapes, 'two tensors, [what, where], or the what alone');
    const [what, where] = shapes.map((shape) => imageShape(label, shape));
    if (what === undefined || what[1] === null || what[2] === null) throw new OptionError(label, 'what', what, 'an image batch of known size');
    if (where !== undefined && (where[1] !== what[1] || where[2] !== what[2] || (where[3] !== what[3] && where[3] !== 2 * what[3]))) {
      throw new OptionError(label, 'where', where, `[N, ${what[1]}, ${what[2]}, ${what[3]}], places, or [N, ${what[1]}, ${what[2]}, ${2 * what[3]}], offsets`);
    }
    const { poolSize, size } = this.attributes(what);
    const windows = [what[1], what[2]];
    if (size.some((length, axis) => Math.floor(length / (poolSize[axis] as number)) !== windows[axis])) throw new OptionError(label, 'size', size, `that of an image with ${windows.join('x')} windows of ${poolSize.join('x')}`);
    return [what[0], ...size, what[3]];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [what, where] = (Array.isArray(inputs) ? inputs : [inputs]) as [tf.Tensor4D, tf.Tensor4D | undefined];
    return unpool2d(what, where, this.attributes(what.shape));
  }

  lower(g: Lowering, [what, where]: readonly [Value, Value | undefined]): Value {
    return lowerUnpool(g, what, where, this.attributes(what.shape));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config };
  }
}

/** Unpooling of symbolic tensors; without a where, each value fills its window. See {@link UnpoolLayer}. */
export function unpool(what: SymbolicTensor, where: SymbolicTensor | undefined, options: UnpoolOptions): SymbolicTensor {
  return new UnpoolLayer(options).apply(where === undefined ? what : [what, where]) as SymbolicTensor;
}
