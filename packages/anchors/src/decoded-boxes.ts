import { layerEntries, layerLabel, oneTensor, option, OptionError, readOptions, type LayerOptions, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers, type LayerVariable, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { decodeEntries, SCALE_CLAMP, type DecodeOptions } from './box-coding.js';
import { decodeOffsets } from './box-losses.js';
import { countBoxes } from './boxes.js';

export interface DecodedBoxesOptions extends LayerOptions {
  /** [A, 4], corners, as shares of the image. They become a weight that is not trained, which is saved with the others. */
  anchors: Float32Array;
  /** Of (x, y, w, h). Default [10, 10, 5, 5]. */
  boxWeights?: readonly [number, number, number, number];
  /** Upper bound of ln(w / anchor's w) and of h's. Default ln(1000 / 16). */
  clamp?: number;
  /** [height, width] that boxes are multiplied by. Default [1, 1]. */
  imageSize?: readonly [number, number];
}

const entries = {
  ...layerEntries,
  boxWeights: decodeEntries.weights,
  clamp: option.withDefault(option.number({ above: 0 }), SCALE_CLAMP),
  // A layer that is loaded gets them with its weights.
  anchors: option.optional(option.custom<Float32Array>((value) => value instanceof Float32Array, 'a Float32Array of four numbers an anchor')),
  imageSize: option.withDefault(option.size(), [1, 1]),
} as const;

type Shape = (number | null)[];

/**
 * Boxes from offsets, as `decodeBoxes` reads them, cut at the borders of the image: [N, A, 4] -> [N, A, 4], corners. Weight anchors [A, 4],
 * which no training changes.
 * @throws OptionError for impossible options and for offsets of other anchors.
 */
export class DecodedBoxesLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitDecodedBoxes';
  private readonly given: Float32Array | undefined;
  private readonly coding: Required<DecodeOptions>;
  private readonly imageSize: readonly [number, number];
  private anchors: LayerVariable | undefined;

  constructor(options: Omit<DecodedBoxesOptions, 'anchors'> & { anchors?: Float32Array }) {
    const where = layerLabel('decodedBoxes', options?.name);
    const { anchors, boxWeights, clamp, imageSize, ...base } = readOptions(where, entries, options);
    super(base);
    if (anchors !== undefined) countBoxes(where, 'anchors', anchors);
    this.given = anchors?.slice();
    this.coding = { weights: boxWeights, clamp };
    this.imageSize = imageSize;
  }

  override build(inputShape: Shape | Shape[]): void {
    const [, count] = this.computeOutputShape(inputShape) as [null, number];
    this.anchors = this.addWeight('anchors', [count, 4], 'float32', initializers.zeros(), undefined, false);
    if (this.given !== undefined) {
      const values = tf.tensor2d(this.given, [count, 4]);
      this.anchors.write(values);
      values.dispose();
    }
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as Shape;
    const count = this.given === undefined ? shape[1] : this.given.length / 4;
    if (shape.length !== 3 || typeof shape[1] !== 'number' || shape[1] !== count || shape[2] !== 4) throw new OptionError(layerLabel('decodedBoxes', this.name), 'input', shape, `offsets [N, ${count ?? 'A'}, 4]`);
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const offsets = oneTensor<tf.Tensor3D>(inputs);
      const [n, count] = offsets.shape;
      const anchors = tf.tile((this.anchors as LayerVariable).read() as tf.Tensor2D, [n, 1]);
      const boxes = decodeOffsets(tf.reshape(offsets, [n * count, 4]) as tf.Tensor2D, anchors, this.coding);
      const [height, width] = this.imageSize;
      return tf.reshape(tf.mul(tf.minimum(tf.maximum(boxes, 0), 1), tf.tensor1d([width, height, width, height])), [n, count, 4]);
    });
  }

  lower(g: Lowering, [offsets]: readonly [Value]): Value {
    const { weights: [sx, sy, sw, sh], clamp } = this.coding;
    const [height, width] = this.imageSize;
    const anchors = g.weight(this.anchors as LayerVariable);
    const op = (kind: 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min', a: Value, b: Value) => g.op('binary', [a, b], { kind });
    const pair = (x: number, y: number) => g.constant(Float32Array.of(x, y), [2]);
    const half = (value: Value, axis: number, start: 0 | 2) => g.op('slice', [value], { axis, start, size: 2 });
    const [first, last] = [half(anchors, 1, 0), half(anchors, 1, 2)];
    const sides = op('sub', last, first);
    const centre = op('add', op('mul', op('div', half(offsets, 2, 0), pair(sx, sy)), sides), op('mul', op('add', first, last), pair(0.5, 0.5)));
    const scale = op('min', op('div', half(offsets, 2, 2), pair(sw, sh)), pair(clamp, clamp));
    const reach = op('mul', g.op('activation', [scale], { kind: 'exponential' }), op('mul', sides, pair(0.5, 0.5)));
    const boxes = g.op('concat', [op('sub', centre, reach), op('add', centre, reach)], { axis: 2 });
    const inside = op('min', op('max', boxes, g.constant(0, [4])), g.constant(1, [4]));
    return height === 1 && width === 1 ? inside : op('mul', inside, g.constant(Float32Array.of(width, height, width, height), [4]));
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { weights, clamp } = this.coding;
    return { ...super.getConfig(), boxWeights: [...weights], clamp, imageSize: [...this.imageSize] };
  }
}

/** Boxes from symbolic offsets [N, A, 4] of anchors. See {@link DecodedBoxesLayer}. */
export function decodedBoxes(offsets: SymbolicTensor, options: DecodedBoxesOptions): SymbolicTensor {
  const where = layerLabel('decodedBoxes', options?.name);
  if (options?.anchors === undefined) throw new OptionError(where, 'anchors', options?.anchors, 'a Float32Array of four numbers an anchor');
  return new DecodedBoxesLayer(options).apply(offsets) as SymbolicTensor;
}
