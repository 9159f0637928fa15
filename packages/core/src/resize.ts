import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { isRecording } from './backend.js';
import { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type LayerOptions } from './layer.js';
import type { Lowering, OpAttributes, Value } from './lowering.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';

/** How the positions of a resized axis lie on the axis it was. */
export type Interpolation = Omit<OpAttributes['resize'], 'size'>;

/**
 * Weights of one axis of a resize, row-major [outputs, inputs]: output i lies at i s, at (i + 1/2) s - 1/2 between pixel
 * centres, with s = inputs / outputs, or (inputs - 1) / (outputs - 1) where the corners are aligned. What lies outside
 * repeats the edge.
 */
export function interpolationWeights(inputs: number, outputs: number, { method, alignCorners, halfPixelCenters }: Interpolation): Float32Array {
  const scale = alignCorners && outputs > 1 ? (inputs - 1) / (outputs - 1) : inputs / outputs;
  const weights = new Float32Array(outputs * inputs);
  const add = (output: number, input: number, weight: number) => {
    const at = output * inputs + Math.min(Math.max(input, 0), inputs - 1);
    weights[at] = (weights[at] ?? 0) + weight;
  };
  for (let i = 0; i < outputs; i++) {
    const position = halfPixelCenters ? (i + 0.5) * scale - 0.5 : i * scale;
    const low = Math.floor(position);
    if (method === 'bilinear') {
      add(i, low, 1 - position + low);
      add(i, low + 1, position - low);
    } else add(i, alignCorners ? Math.round(position) : Math.floor(halfPixelCenters ? position + 0.5 : position), 1);
  }
  return weights;
}

const CENTRES: Interpolation = { method: 'bilinear', alignCorners: false, halfPixelCenters: true };

const CORNERS: Interpolation = { method: 'bilinear', alignCorners: true, halfPixelCenters: false };

/** The transposed of a resize: dx = R^T dy C, with the weights of rows R and of columns C, as two matrix products. */
export function resizeGradient(dy: tf.Tensor4D, [height, width]: readonly [number, number], how: Interpolation): tf.Tensor4D {
  const [n, rows, columns, channels] = dy.shape;
  const fold = (x: tf.Tensor, inputs: number, outputs: number) =>
    tf.matMul(tf.transpose(tf.tensor2d(interpolationWeights(inputs, outputs, how), [outputs, inputs])), tf.reshape(x, [outputs, -1]) as tf.Tensor2D);
  const high = tf.reshape(fold(tf.transpose(dy, [1, 0, 2, 3]), height, rows), [height, n, columns, channels]);
  const wide = tf.reshape(fold(tf.transpose(high, [2, 0, 1, 3]), width, columns), [width, height, n, channels]);
  return tf.transpose(wide, [2, 1, 0, 3]) as tf.Tensor4D;
}

/**
 * Bilinear interpolation, [N, H, W, C] -> [N, size, C]: between pixel centres (torch's `align_corners=False`), or with
 * `alignCorners` such that the centres of the outermost pixels stay where they are.
 * tfjs' own gradient is that of pixels at corners (no halfPixelCenters), and on cpu throws unless height equals width.
 */
export function resizeBilinear2d(x: tf.Tensor4D, size: readonly [number, number], alignCorners = false): tf.Tensor4D {
  const how = alignCorners ? CORNERS : CENTRES;
  const forward = (input: tf.Tensor4D) => tf.image.resizeBilinear(input, [...size], alignCorners, !alignCorners);
  if (!isRecording()) return forward(x);
  const resize = tf.customGrad((input) => ({
    value: forward(input as tf.Tensor4D),
    gradFunc: (dy: tf.Tensor) => tf.tidy(() => resizeGradient(dy as tf.Tensor4D, [x.shape[1], x.shape[2]], how)),
  }));
  return resize(x) as tf.Tensor4D;
}

export interface ResizeBilinearOptions extends LayerOptions {
  /** Output height and width, one integer for both. This or `scale`. */
  size?: number | [number, number];
  /** Output pixels for each input pixel, vertically and horizontally. This or `size`. */
  scale?: number | [number, number];
  /**
   * What lies around the image: its edge, repeated, or zeros, which makes it the transposed convolution of fixed bilinear
   * weights (kernel 2s, stride s, padding s/2, a kernel for each channel). 'zero' needs `scale`. Default 'edge'.
   */
  outside?: 'edge' | 'zero';
}

const resizeEntries = {
  ...layerEntries,
  size: option.optional(option.pair(1)),
  scale: option.optional(option.pair(1)),
  outside: option.withDefault(option.oneOf(['edge', 'zero']), 'edge'),
} as const;

/**
 * Bilinear interpolation between pixel centres (torch's `align_corners=False`). [N, H, W, C] -> [N, size, C].
 * @throws OptionError unless exactly one of size and scale is given, and for 'zero' with a size.
 */
export class ResizeBilinearLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitResizeBilinear';
  private readonly to: { size: [number, number] } | { scale: [number, number] };
  private readonly outside: 'edge' | 'zero';

  constructor(options: ResizeBilinearOptions) {
    const where = layerLabel('resizeBilinear', options?.name);
    const { size, scale, outside, ...base } = readOptions(where, resizeEntries, options);
    if (size !== undefined && scale !== undefined) throw new OptionError(where, 'scale', scale, 'absent where size is given');
    if (scale === undefined && outside === 'zero') throw new OptionError(where, 'scale', scale, "given where outside is 'zero'");
    if (size === undefined && scale === undefined) throw new OptionError(where, 'size', size, 'one integer or 2 integers >= 1, or scale given');
    super(base);
    this.to = scale !== undefined ? { scale } : { size: size ?? [1, 1] };
    this.outside = outside;
  }

  private outputSize(input: readonly (number | null)[]): [number | null, number | null] {
    if ('size' in this.to) return this.to.size;
    const { scale } = this.to;
    const scaled = (length: number | null | undefined, factor: number) => (length === null || length === undefined ? null : length * factor);
    return [scaled(input[1], scale[0]), scaled(input[2], scale[1])];
  }

  override computeOutputShape(inputShape: (number | null)[] | (number | null)[][]): (number | null)[] {
    const shape = imageShape(layerLabel('resizeBilinear', this.name), inputShape);
    return [shape[0], ...this.outputSize(shape), shape[3]];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = oneTensor<tf.Tensor4D>(inputs);
      const [height, width] = this.outputSize(x.shape) as [number, number];
      if (!('scale' in this.to) || this.outside === 'edge') return resizeBilinear2d(x, [height, width]);
      const [rows, columns] = this.to.scale;
      const wide = resizeBilinear2d(tf.pad(x, BORDER), [height + 2 * rows, width + 2 * columns]);
      return tf.slice(wide, [0, rows, columns, 0], [-1, height, width, -1]);
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const [height, width] = this.outputSize(x.shape) as [number, number];
    const resized = (y: Value, size: readonly [number, number]) => g.op('resize', [y], { size, ...CENTRES });
    if (!('scale' in this.to) || this.outside === 'edge') return resized(x, [height, width]);
    const [rows, columns] = this.to.scale;
    const wide = resized(g.op('pad', [x], { padding: BORDER, value: 0 }), [height + 2 * rows, width + 2 * columns]);
    return g.op('slice', [g.op('slice', [wide], { axis: 1, start: rows, size: height })], { axis: 2, start: columns, size: width });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.to, outside: this.outside };
  }
}

/** One pixel on every side of an image batch. */
const BORDER: [number, number][] = [[0, 0], [1, 1], [1, 1], [0, 0]];

/** Bilinear interpolation of a symbolic tensor. See {@link ResizeBilinearLayer}. */
export const resizeBilinear = applyLayer((options: ResizeBilinearOptions) => new ResizeBilinearLayer(options));
