import { layerEntries, layerLabel, option, OptionError, readOptions, suppressedBoxes, type LayerOptions, type Lowering, type SuppressionAttributes, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface SuppressBoxesOptions extends LayerOptions {
  /** IoU above which the better box of a class takes the other away. Default 0.5. */
  threshold?: number;
  /** Only boxes with a score above it. Default 0. */
  scoreThreshold?: number;
  /** Best boxes of each class that are looked at. Default 1000. */
  candidates?: number;
  /** Boxes of an image, of all classes together. Default 100. */
  limit?: number;
  /** Whether class 0 of the scores is the background, which is not looked for; the others then count from 0. Default false. */
  background?: boolean;
}

const entries = {
  ...layerEntries,
  threshold: option.withDefault(option.number({ min: 0, max: 1 }), 0.5),
  scoreThreshold: option.withDefault(option.number(), 0),
  candidates: option.withDefault(option.integer(1), 1000),
  limit: option.withDefault(option.integer(1), 100),
  background: option.withDefault(option.boolean(), false),
} as const;

type Shape = (number | null)[];

/**
 * Greedy non-maximum suppression of [boxes, scores], class by class, as a layer: boxes [N, R, 4] (x1, y1, x2, y2), scores [N, R, K] ->
 * [N, limit, 6]: x1, y1, x2, y2, score, class, best first; places that stay empty are 0, 0, 0, 0, 0, -1. See `suppressedBoxes` of core.
 * It has no gradient.
 * @throws OptionError for impossible options and inputs of other shapes.
 */
export class NonMaxSuppressionLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitNonMaxSuppression';
  private readonly attributes: SuppressionAttributes;
  private readonly background: boolean;

  constructor(options: SuppressBoxesOptions = {}) {
    const { threshold, scoreThreshold, candidates, limit, background, ...base } = readOptions(layerLabel('suppressBoxes', options?.name), entries, options);
    super(base);
    this.attributes = { threshold, scoreThreshold, candidates, limit };
    this.background = background;
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const where = layerLabel('suppressBoxes', this.name);
    if (!Array.isArray(inputShape[0]) || inputShape.length !== 2) throw new OptionError(where, 'inputs', inputShape, 'two tensors, [boxes, scores]');
    const [boxes, scores] = inputShape as [Shape, Shape];
    if (boxes.length !== 3 || boxes[2] !== 4 || typeof boxes[1] !== 'number') throw new OptionError(where, 'boxes', boxes, '[N, R, 4] with a known R');
    const fewest = this.background ? 2 : 1;
    if (scores.length !== 3 || scores[1] !== boxes[1] || !((scores[2] ?? 0) >= fewest)) throw new OptionError(where, 'scores', scores, `[N, ${boxes[1]}, K] with a known K of at least ${fewest}`);
    return [boxes[0] ?? null, this.attributes.limit, 6];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [boxes, scores] = inputs as [tf.Tensor3D, tf.Tensor3D];
    return tf.tidy(() => suppressedBoxes(boxes, this.background ? tf.slice(scores, [0, 0, 1], [-1, -1, scores.shape[2] - 1]) : scores, this.attributes));
  }

  lower(g: Lowering, [boxes, scores]: readonly [Value, Value]): Value {
    const objects = this.background ? g.op('slice', [scores], { axis: 2, start: 1, size: (scores.shape[2] as number) - 1 }) : scores;
    return g.op('nonMaxSuppression', [boxes, objects], this.attributes);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.attributes, background: this.background };
  }
}

/** Greedy suppression of symbolic boxes by their scores. See {@link NonMaxSuppressionLayer}. */
export function suppressBoxes(boxes: SymbolicTensor, scores: SymbolicTensor, options: SuppressBoxesOptions = {}): SymbolicTensor {
  return new NonMaxSuppressionLayer(options).apply([boxes, scores]) as SymbolicTensor;
}
