import { applyLayer, layerEntries, layerLabel, multiplyMatrices, oneTensor, option, OptionError, readOptions, type LayerOptions, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { ends, pixelPositions } from './positions.js';

/**
 * Where each pixel of an image of that size looks: the affine map of its own position, torch's `affine_grid`.
 * (x, y) = theta (u, v, 1), u across and v down from -1 to 1, both at pixel centres: -1 + 2 i / (n - 1) with `alignCorners`
 * (0 for n = 1), else (2 i + 1) / n - 1. theta leads from output to input: a scale of 1/2 enlarges. Differentiable in theta.
 * @param theta [N, 2, 3]
 * @returns [N, H, W, 2], (x, y)
 */
export function affineGrid2d(theta: tf.Tensor3D, [height, width]: readonly [number, number], alignCorners = false): tf.Tensor4D {
  return tf.tidy(() => {
    const positions = height * width;
    const own = pixelPositions([height, width], alignCorners);
    const columns = tf.tensor2d([own.map(([x]) => x), own.map(([, y]) => y), own.map(() => 1)]);
    const mapped = multiplyMatrices(tf.reshape(theta, [-1, 3]), columns);
    return tf.reshape(tf.transpose(tf.reshape(mapped, [-1, 2, positions]), [0, 2, 1]), [-1, height, width, 2]);
  });
}

/** Columns of theta, each of its two numbers. */
function affineColumns(g: Lowering, x: Value): Value[] {
  const rows = g.op('reshape', [x], { shape: [2, 3] });
  return [0, 1, 2].map((start) => g.op('slice', [rows], { axis: 2, start, size: 1 }));
}

function attentionColumns(g: Lowering, x: Value): Value[] {
  const scale = g.op('slice', [x], { axis: 1, start: 0, size: 1 });
  const beside = (sides: [number, number]) => g.op('pad', [scale], { padding: [[0, 0], sides], value: 0 });
  return [beside([0, 1]), beside([1, 0]), g.op('slice', [x], { axis: 1, start: 1, size: 2 })];
}

export interface AffineGridOptions extends LayerOptions {
  /** Height and width of the grid, one integer for both. */
  size: number | [number, number];
  /** Whether -1 and 1 are the centres of the outermost pixels; otherwise their outer edges. Default false, as in torch since 1.3. */
  alignCorners?: boolean;
}

/** [N, 6]: the rows of theta. [N, 3]: s, tx, ty of attention, theta = (s 0 tx; 0 s ty). */
function thetaOf(x: tf.Tensor2D): tf.Tensor3D {
  if (x.shape[1] === 6) return tf.reshape(x, [-1, 2, 3]);
  const [scale, across, down] = [0, 1, 2].map((i) => tf.slice(x, [0, i], [-1, 1])) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const zero = tf.zerosLike(scale);
  return tf.reshape(tf.concat([scale, zero, across, zero, scale, down], 1), [-1, 2, 3]);
}

/**
 * The grid of an affine map, {@link affineGrid2d}. [N, 6] -> [N, size, 2]: an image's t00, t01, t02, t10, t11, t12. Or
 * [N, 3] -> [N, size, 2]: s, tx, ty of the map that looks at a part of the image only, theta = (s 0 tx; 0 s ty).
 * @throws OptionError for impossible options and other inputs.
 */
export class AffineGridLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitAffineGrid';
  private readonly size: [number, number];
  private readonly alignCorners: boolean;

  constructor(options: AffineGridOptions) {
    const { size, alignCorners, ...base } = readOptions(layerLabel('affineGrid', options?.name), {
      ...layerEntries, size: option.pair(1), alignCorners: option.withDefault(option.boolean(), false),
    }, options);
    super(base);
    this.size = size;
    this.alignCorners = alignCorners;
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as (number | null)[];
    if (shape.length !== 2 || (shape[1] !== 6 && shape[1] !== 3)) throw new OptionError(layerLabel('affineGrid', this.name), 'input', shape, '[N, 6], the rows of theta, or [N, 3], a scale and a shift');
    return [shape[0] ?? null, ...this.size, 2];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => affineGrid2d(thetaOf(oneTensor<tf.Tensor2D>(inputs)), this.size, this.alignCorners));
  }

  /** theta's columns times positions across, times positions down, and the last as it is: no matrix product, so nothing that counts as one. */
  lower(g: Lowering, [theta]: readonly [Value]): Value {
    const [height, width] = this.size;
    const columns = theta.shape[1] === 6 ? affineColumns(g, theta) : attentionColumns(g, theta);
    const [first, second, third] = columns.map((column) => g.op('reshape', [column], { shape: [1, 1, 2] })) as [Value, Value, Value];
    /** A ramp is what interpolation makes of its ends. */
    const ramp = (axis: 1 | 2, length: number, size: readonly [number, number]) => {
      const [start, end] = ends(length, this.alignCorners).map((position) => g.constant(position, [1, 1, 1, 1])) as [Value, Value];
      return length === 1 ? start : g.op('resize', [g.op('concat', [start, end], { axis })], { size, method: 'bilinear', alignCorners: true, halfPixelCenters: false });
    };
    const across = g.op('binary', [first, ramp(2, width, [1, width])], { kind: 'mul' });
    const down = g.op('binary', [second, ramp(1, height, [height, 1])], { kind: 'mul' });
    return g.op('binary', [g.op('binary', [down, across], { kind: 'add' }), third], { kind: 'add' });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), size: this.size, alignCorners: this.alignCorners };
  }
}

/** The grid of an affine map on a symbolic tensor: [N, 6] -> [N, size, 2]. See {@link AffineGridLayer}. */
export const affineGrid = applyLayer((options: AffineGridOptions) => new AffineGridLayer(options));
