import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { ActivationKind } from './activation.js';
import type { Padding } from './padding.js';

/** Shape of a tensor in a graph, NHWC for images; only the batch may be unknown (null). */
export type ValueShape = readonly (number | null)[];

/** A tensor of the graph that is being built. What else it holds is the graph's business. */
export interface Value {
  readonly shape: ValueShape;
}

export interface WindowAttributes {
  readonly strides: readonly [number, number];
  /** Rows and columns added at [top, bottom, left, right]. */
  readonly padding: Padding;
}

/** How a batch norm acts in training: with the batch's statistics, which enter its moving averages. Without it, it is frozen. */
export interface BatchNormTraining {
  /** Weight of the old value. */
  readonly momentum: number;
  /** Variance that enters the moving average: over M - 1 or over M elements. */
  readonly variance: 'unbiased' | 'biased';
}

/**
 * The closed set of primitive ops with their attributes. A layer says with these what it computes (`lower`); cost,
 * compilation, export and gradients all follow from the op, never from the layer.
 */
export interface OpAttributes {
  /** Inputs x [N, H, W, C], kernel [kh, kw, C/groups, F], optional bias [F]. */
  conv2d: WindowAttributes & { readonly dilations: readonly [number, number]; readonly groups: number };
  /** Inputs x [N, H, W, C], kernel [kh, kw, C, m], optional bias [C*m]; output channel c*m + j. */
  depthwiseConv2d: WindowAttributes & { readonly dilations: readonly [number, number] };
  /**
   * Inputs x [N, H, W, C], kernel [kh, kw, C/groups, F], offset [N, H', W', 2 G kh kw], where `modulated` a mask [N, H', W', G kh kw],
   * optional bias [F]; channels as `deformableConvolve2d` has them.
   */
  deformConv2d: WindowAttributes & { readonly dilations: readonly [number, number]; readonly modulated: boolean };
  /** Inputs x [N, H, W, C], kernel [kh, kw, F, C], optional bias [F]; `padding` is cropped from the full output. */
  convTranspose2d: WindowAttributes & { readonly outputSize: readonly [number, number] };
  /** Inputs x [..., I], kernel [I, O], optional bias [O]. */
  dense: Record<never, never>;
  /** Inputs x, gamma, beta, mean, variance, all but x [C]: (x - mean) / sqrt(variance + epsilon) * gamma + beta. */
  batchNorm: { readonly epsilon: number; readonly training?: BatchNormTraining };
  /** Inputs x, gamma, beta over the last axis. */
  layerNorm: { readonly epsilon: number };
  maxPool: WindowAttributes & { readonly size: readonly [number, number] };
  /** `counted`: the part of the padding that the divisor counts. */
  avgPool: WindowAttributes & { readonly size: readonly [number, number]; readonly counted: Padding };
  adaptiveAvgPool: { readonly outputSize: readonly [number, number] };
  reduce: { readonly kind: 'mean' | 'max' | 'sum'; readonly axes: readonly number[]; readonly keepDims: boolean };
  binary: { readonly kind: 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min' };
  activation: { readonly kind: ActivationKind; readonly alpha?: number };
  /** Inputs x, slope (broadcast against x without its batch axis). */
  prelu: Record<never, never>;
  concat: { readonly axis: number };
  slice: { readonly axis: number; readonly start: number; readonly size: number };
  /** The elements at `indices` along an axis, in that order. */
  take: { readonly axis: number; readonly indices: readonly number[] };
  /** One [before, after] an axis. */
  pad: { readonly padding: readonly (readonly [number, number])[]; readonly value: number };
  /** Target shape without the batch axis. */
  reshape: { readonly shape: readonly number[] };
  transpose: { readonly permutation: readonly number[] };
  channelShuffle: { readonly groups: number };
  /** x / (k + alpha/size * sum of squares over `size` neighbouring channels)^beta. */
  localResponseNorm: { readonly size: number; readonly alpha: number; readonly beta: number; readonly k: number };
  /** Inputs x [N, H, W, C], grid [N, H', W', 2]: positions as `gridSample2d` has them. */
  gridSample: { readonly padding: 'zeros' | 'border' | 'reflection'; readonly alignCorners: boolean };
  /**
   * Inputs boxes [N, R, 4] (x1, y1, x2, y2), scores [N, R, K]; result [N, limit, 6] (x1, y1, x2, y2, score, class), as `suppressedBoxes` has it.
   * `candidates`: most of a class before suppression. `limit`: of an image behind it.
   */
  nonMaxSuppression: { readonly threshold: number; readonly scoreThreshold: number; readonly candidates: number; readonly limit: number };
  /** Inputs x [N, H, W, C], boxes [N, R, 4], which are constant: means of samples as `alignBoxes` has them, [N, R, outputSize, C]. */
  roiAlign: { readonly outputSize: readonly [number, number]; readonly spatialScale: number; readonly samplingRatio: number; readonly aligned: boolean };
  /** Inputs x [N, H, W, C], boxes [N, R, 4], which are constant: maxima as `poolBoxes` has them, [N, R, outputSize, C]. */
  roiPool: { readonly outputSize: readonly [number, number]; readonly spatialScale: number };
  resize: { readonly size: readonly [number, number]; readonly method: 'nearest' | 'bilinear'; readonly alignCorners: boolean; readonly halfPixelCenters: boolean };
  /** Identity at inference. `perSample`: a sample is dropped as a whole (stochastic depth), not element by element. */
  dropout: { readonly rate: number; readonly perSample?: boolean };
  /** Identity, whose gradient is multiplied: a learning rate of its own for what stands in front. */
  scaleGradient: { readonly factor: number };
}

export type OpKind = keyof OpAttributes;

/**
 * What a layer's `lower(g, inputs)` writes to. Implemented by `@convkit/graph`; whatever has `lower` can be traced,
 * costed, compiled and exported. This is the whole plug-in interface of third-party layers.
 */
export interface Lowering {
  /** A weight of the layer, by reference: its value is read when the graph is evaluated or compiled. */
  weight(variable: LayerVariable): Value;
  /** A tensor that is no weight: filled with one number, or with numbers of its own, row major and not changed afterwards. */
  constant(values: number | Float32Array, shape: readonly number[]): Value;
  op<K extends OpKind>(kind: K, inputs: readonly Value[], attributes: OpAttributes[K]): Value;
}

/** A layer that says how it reads as primitive ops. */
export interface Lowerable {
  /** True where `lower` describes inference only and a training step would not be the layer's. Default false. */
  readonly inferenceOnly?: boolean;
  lower(g: Lowering, inputs: readonly Value[]): Value;
}

/** Whether a layer has a `lower` of its own. */
export function isLowerable(layer: object): layer is Lowerable {
  return 'lower' in layer && typeof layer.lower === 'function';
}
