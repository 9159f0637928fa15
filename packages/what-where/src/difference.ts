import { layerEntries, layerLabel, OptionError, readOptions, type LayerOptions, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';

type Shape = (number | null)[];

/** a - b of two tensors of one shape, so that a loss can ask for 0. @throws OptionError for tensors of different shapes. */
export class DifferenceLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitDifference';

  constructor(options: LayerOptions = {}) {
    super(readOptions(layerLabel('difference', options?.name), layerEntries, options));
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as Shape[];
    if (shapes.length !== 2 || String(shapes[0]) !== String(shapes[1])) throw new OptionError(layerLabel('difference', this.name), 'inputs', shapes, 'two tensors of one shape');
    return [...(shapes[0] as Shape)];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [a, b] = inputs as [tf.Tensor, tf.Tensor];
    return tf.sub(a, b);
  }

  lower(g: Lowering, [a, b]: readonly [Value, Value]): Value {
    return g.op('binary', [a, b], { kind: 'sub' });
  }
}

/** a - b of symbolic tensors. See {@link DifferenceLayer}. */
export function difference(a: SymbolicTensor, b: SymbolicTensor, options: LayerOptions = {}): SymbolicTensor {
  return new DifferenceLayer(options).apply([a, b]) as SymbolicTensor;
}
