import { applyLayer, layerEntries, layerLabel, multiplyMatrices, oneTensor, option, OptionError, readOptions, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import type { AffineGridOptions } from './affine-grid.js';
import { pixelPositions } from './positions.js';
import { thinPlateWeights } from './thin-plate.js';

export interface ThinPlateGridOptions extends AffineGridOptions {
  /** Rows and columns of the control points, at least 2 each; one integer for both. Default 4. */
  controlPoints?: number | [number, number];
}

/** Entries of what a thin-plate spline has beside a grid's own options. */
const controlPointsEntry = option.withDefault(option.pair(2), 4);

/**
 * Where each pixel of an image of that size looks, so that the control points, a regular grid from -1 to 1, look where they are
 * told, and the grid bends the least in between: a thin-plate spline. Linear, and so differentiable, in the targets.
 * @param targets [N, K, 2], (x, y) of each control point, row by row.
 * @param weights Of `thinPlateWeights` for that size.
 * @returns [N, H, W, 2]
 */
function warpedGrid(targets: tf.Tensor3D, [height, width]: readonly [number, number], weights: Float32Array): tf.Tensor4D {
  return tf.tidy(() => {
    const count = targets.shape[1];
    const byCoordinate = tf.reshape(tf.transpose(targets, [0, 2, 1]), [-1, count]) as tf.Tensor2D;
    const mapped = multiplyMatrices(byCoordinate, tf.tensor2d(weights, [count, height * width]));
    return tf.reshape(tf.transpose(tf.reshape(mapped, [-1, 2, height * width]), [0, 2, 1]), [-1, height, width, 2]);
  });
}

/**
 * The grid of a thin-plate spline: [N, K, 2] -> [N, size, 2], (x, y) of where each of the K control points looks. They lie in a
 * regular grid from -1 to 1, row by row. The spline of the control points' own positions is the identity, and that of an affine
 * map of them the affine grid.
 * @throws OptionError for impossible options, and for targets of another number of control points.
 */
export function thinPlateGrid2d(targets: tf.Tensor3D, options: Pick<ThinPlateGridOptions, 'size' | 'controlPoints' | 'alignCorners'>): tf.Tensor4D {
  const { size, controlPoints, alignCorners } = readOptions('thinPlateGrid2d', { size: option.pair(1), controlPoints: controlPointsEntry, alignCorners: option.withDefault(option.boolean(), false) }, options);
  const count = controlPoints[0] * controlPoints[1];
  if (targets.shape.length !== 3 || targets.shape[1] !== count || targets.shape[2] !== 2) throw new OptionError('thinPlateGrid2d', 'targets', targets.shape, `[N, ${count}, 2], x and y of ${count} control points`);
  return warpedGrid(targets, size, thinPlateWeights(controlPoints, pixelPositions(size, alignCorners)));
}

/**
 * The grid of a thin-plate spline, [N, 2 K] -> [N, size, 2]: x and y of where each of the K control points looks, row by row; see
 * {@link thinPlateGrid2d}. In a graph it is a dense product with weights that are not trained, 2 K H W multiply-accumulates.
 * @throws OptionError for impossible options and other inputs.
 */
export class ThinPlateGridLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitThinPlateGrid';
  private readonly size: [number, number];
  private readonly controlPoints: [number, number];
  private readonly alignCorners: boolean;
  private readonly positions: Float32Array;

  constructor(options: ThinPlateGridOptions) {
    const { size, controlPoints, alignCorners, ...base } = readOptions(layerLabel('thinPlateGrid', options?.name), {
      ...layerEntries, size: option.pair(1), controlPoints: controlPointsEntry, alignCorners: option.withDefault(option.boolean(), false),
    }, options);
    super(base);
    this.size = size;
    this.controlPoints = controlPoints;
    this.alignCorners = alignCorners;
    this.positions = thinPlateWeights(controlPoints, pixelPositions(size, alignCorners));
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as (number | null)[];
    const wanted = 2 * this.controlPoints[0] * this.controlPoints[1];
    if (shape.length !== 2 || shape[1] !== wanted) throw new OptionError(layerLabel('thinPlateGrid', this.name), 'input', shape, `[N, ${wanted}], x and y of ${wanted / 2} control points`);
    return [shape[0] ?? null, ...this.size, 2];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => warpedGrid(tf.reshape(oneTensor(inputs), [-1, this.controlPoints[0] * this.controlPoints[1], 2]), this.size, this.positions));
  }

  lower(g: Lowering, [targets]: readonly [Value]): Value {
    const [height, width] = this.size;
    const count = this.controlPoints[0] * this.controlPoints[1];
    const swapped = (value: Value) => g.op('transpose', [value], { permutation: [0, 2, 1] });
    const byCoordinate = swapped(g.op('reshape', [targets], { shape: [count, 2] }));
    const mapped = g.op('dense', [byCoordinate, g.constant(this.positions, [count, height * width])], {});
    return g.op('reshape', [swapped(mapped)], { shape: [height, width, 2] });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), size: this.size, controlPoints: this.controlPoints, alignCorners: this.alignCorners };
  }
}

/** The grid of a thin-plate spline on a symbolic tensor: [N, 2 K] -> [N, size, 2]. See {@link ThinPlateGridLayer}. */
export const thinPlateGrid = applyLayer((options: ThinPlateGridOptions) => new ThinPlateGridLayer(options));
