/** Single operators with recorded values and gradients of other frameworks: the format parity-ops/1. */
import { roiAlign2d } from '@convkit/anchors';
import {
  adaptiveAvgPool2d, AvgPoolLayer, batchNormalize, batchNormalizeTraining, convolve2d, deformableConvolve2d, depthwiseConvolve2d, gridSample2d, localResponseNormalize, MaxPoolLayer,
  resizeBilinear2d, shuffleChannels,
} from '@convkit/core';
import { affineGrid2d } from '@convkit/spatial-transformer';
import * as tf from '@tensorflow/tfjs-core';
import { fixtureStream } from './fill.js';
import { relativeError } from './layouts.js';

interface TensorSpec {
  shape: number[];
  scale?: number;
  shift?: number;
}

/** A tensor in torch's layout: complete, or of more than 400 numbers both ends and the norm. */
interface Values {
  shape: number[];
  data?: number[];
  first?: number[];
  last?: number[];
  l2?: number;
}

export interface OperatorCase {
  name: string;
  op: string;
  attrs: Readonly<Record<string, unknown>>;
  inputs: Record<string, TensorSpec>;
  /** `y` is compared. */
  outputs: { y: Values };
  /** d sum(y * cotangent) by the inputs. */
  grads: Record<string, Values>;
}

export interface OperatorError {
  /** `y`, or `d x` for the gradient by x. */
  name: string;
  /** max|a - b| / max|b|; infinite where shapes differ. */
  error: number;
}

/** Float32 against float64 references: the limit of any correct float32 build, by the makers of the fixtures. */
export const OPERATOR_LIMIT = 1e-4;

type Inputs = Readonly<Record<string, tf.Tensor>>;

interface Operator {
  /** From torch-layout tensors to a torch-layout tensor. */
  run(inputs: Inputs, attrs: OperatorCase['attrs']): tf.Tensor;
}

/** The attributes of a case are those that the fixture's notes state for its operator: a wrong one shows as a wrong value. */
function operator<Attributes>(run: (inputs: Inputs, attrs: Attributes) => tf.Tensor): Operator {
  return { run } as Operator;
}

type Pair = [number, number];
type Quad = [number, number, number, number];
interface Aligned { align_corners: boolean }
interface PoolAttributes { kernel: Pair; stride: Pair; padding: Pair; ceil_mode: boolean }

const nhwc = (x: tf.Tensor | undefined) => tf.transpose(x as tf.Tensor, [0, 2, 3, 1]) as tf.Tensor4D;
const nchw = (x: tf.Tensor) => tf.transpose(x, [0, 3, 1, 2]);
/** OIHW -> HWIO. */
const hwio = (w: tf.Tensor | undefined) => tf.transpose(w as tf.Tensor, [2, 3, 1, 0]) as tf.Tensor4D;
const vector = (b: tf.Tensor | undefined) => b as tf.Tensor1D | undefined;

const sampleZeros = (x: tf.Tensor4D, grid: tf.Tensor4D, alignCorners: boolean) => gridSample2d(x, grid, { padding: 'zeros', alignCorners });

/** How an operator of the fixtures reads in convkit. A new one is one entry here; the tests and `convkit parity` follow. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  conv2d: operator(({ x, w, b }, { stride, dilation, padding, groups }: { stride: Pair; dilation: Pair; padding: Quad; groups: number }) => {
    const attributes = { strides: stride, dilations: dilation, padding };
    const image = nhwc(x);
    const [outputs, inputs, kh, kw] = w?.shape as Quad;
    if (groups !== image.shape[3] || inputs !== 1) return nchw(convolve2d(image, hwio(w), { ...attributes, groups }, vector(b)));
    // Output channel c m + j is channel j of input channel c on both sides.
    const kernel = tf.transpose(tf.reshape(w as tf.Tensor, [groups, outputs / groups, kh, kw]), [2, 3, 0, 1]) as tf.Tensor4D;
    return nchw(depthwiseConvolve2d(image, kernel, attributes, vector(b)));
  }),
  deform_conv2d: operator(({ x, w, offset, mask, b }, { stride, padding: [rows, columns], dilation }: { stride: Pair; padding: Pair; dilation: Pair }) => {
    const attributes = { strides: stride, dilations: dilation, padding: [rows, rows, columns, columns] as Quad };
    return nchw(deformableConvolve2d(nhwc(x), hwio(w), nhwc(offset), attributes, mask && nhwc(mask), vector(b)));
  }),
  max_pool2d: operator(({ x }, { kernel, stride, padding, ceil_mode }: PoolAttributes) =>
    nchw(new MaxPoolLayer({ poolSize: kernel, strides: stride, padding, ceilMode: ceil_mode }).call(nhwc(x)))),
  avg_pool2d: operator(({ x }, { kernel, stride, padding, ceil_mode, count_include_pad }: PoolAttributes & { count_include_pad: boolean }) =>
    nchw(new AvgPoolLayer({ poolSize: kernel, strides: stride, padding, ceilMode: ceil_mode, countIncludePad: count_include_pad }).call(nhwc(x)))),
  adaptive_avg_pool2d: operator(({ x }, { output_size }: { output_size: Pair }) => nchw(adaptiveAvgPool2d(nhwc(x), output_size))),
  interpolate_bilinear: operator(({ x }, { size, align_corners }: { size: Pair } & Aligned) => nchw(resizeBilinear2d(nhwc(x), size, align_corners))),
  grid_sample: operator(({ x, grid }, { align_corners }: Aligned) => nchw(sampleZeros(nhwc(x), grid as tf.Tensor4D, align_corners))),
  affine_grid: operator(({ theta }, { size: [, , ...size], align_corners }: { size: Quad } & Aligned) => affineGrid2d(theta as tf.Tensor3D, size, align_corners)),
  spatial_transformer: operator(({ x, theta }, { size: [, , ...size], align_corners }: { size: Quad } & Aligned) =>
    nchw(sampleZeros(nhwc(x), affineGrid2d(theta as tf.Tensor3D, size, align_corners), align_corners))),
  local_response_norm: operator(({ x }, attrs: { size: number; alpha: number; beta: number; k: number }) => nchw(localResponseNormalize(nhwc(x), attrs))),
  roi_align: operator(({ x }, { rois, output_size, spatial_scale, sampling_ratio, aligned }: { rois: number[][]; output_size: Pair; spatial_scale: number; sampling_ratio: number; aligned: boolean }) =>
    nchw(roiAlign2d(nhwc(x), tf.tensor2d(rois), { outputSize: output_size, spatialScale: spatial_scale, samplingRatio: Math.max(sampling_ratio, 0), aligned }))),
  channel_shuffle: operator(({ x }, { groups }: { groups: number }) => nchw(shuffleChannels(nhwc(x), groups))),
  batch_norm: operator(({ x, gamma, beta, running_mean, running_var }, { training, eps }: { training: boolean; eps: number }) => {
    if (!training) return nchw(batchNormalize(nhwc(x), running_mean as tf.Tensor, running_var as tf.Tensor, gamma, beta, eps));
    const { y, mean, variance } = batchNormalizeTraining(nhwc(x), gamma as tf.Tensor1D, beta as tf.Tensor1D, eps);
    tf.dispose([mean, variance]);
    return nchw(y);
  }),
};

/** The operator of a case if convkit lacks it. */
export function lackedBy({ op }: OperatorCase): string | undefined {
  return Object.hasOwn(OPERATORS, op) ? undefined : op;
}

function errorOf(actual: tf.Tensor, reference: Values): number {
  if (actual.shape.join() !== reference.shape.join()) return Number.POSITIVE_INFINITY;
  const values = actual.dataSync();
  if (reference.data !== undefined) return relativeError(values, reference.data);
  const { first = [], last = [], l2 = Number.NaN } = reference;
  const ends = relativeError([...values.slice(0, first.length), ...values.slice(values.length - last.length)], [...first, ...last]);
  return Math.max(ends, relativeError([Math.hypot(...values)], [l2]));
}

/**
 * Runs a case on the active backend: the output and every gradient against the recorded values.
 * @throws Error for a case that convkit lacks; see {@link lackedBy}.
 */
export function operatorErrors({ name, op, attrs, inputs, outputs: { y }, grads }: OperatorCase): OperatorError[] {
  const known = Object.hasOwn(OPERATORS, op) ? OPERATORS[op] : undefined;
  if (known === undefined) throw new Error(`no operator ${op}`);
  return tf.tidy(() => {
    const tensors: Record<string, tf.Tensor> = Object.fromEntries(
      Object.entries(inputs).map(([key, { shape, scale, shift }]) => [key, tf.tensor(fixtureStream(`${name}.${key}`, shape, scale, shift), shape)]),
    );
    const output = { name: 'y', error: errorOf(known.run(tensors, attrs), y) };
    const wanted = Object.entries(grads);
    if (wanted.length === 0) return [output] as unknown as tf.TensorContainer;
    const cotangent = tf.tensor(fixtureStream(`${name}.cotangent`, y.shape), y.shape);
    const loss = (...given: tf.Tensor[]) => {
      const changed = Object.fromEntries(wanted.map(([key], i) => [key, given[i] as tf.Tensor]));
      return tf.sum(tf.mul(known.run({ ...tensors, ...changed }, attrs), cotangent));
    };
    const actual = tf.grads(loss)(wanted.map(([key]) => tensors[key] as tf.Tensor));
    return [output, ...wanted.map(([key, reference], i) => ({ name: `d ${key}`, error: errorOf(actual[i] as tf.Tensor, reference) }))] as unknown as tf.TensorContainer;
  }) as unknown as OperatorError[];
}
