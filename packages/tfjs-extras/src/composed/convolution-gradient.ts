/**
 * Gradients of convolutions written as convolutions, so that they run wherever the forward op runs. tfjs' wasm
 * backend has no Conv2DBackpropFilter and no depthwise gradients, and no tfjs backend differentiates a dilated
 * convolution; these forms need neither. Derivations: decisions/002.
 */
import * as tf from '@tensorflow/tfjs-core';

/** Rows and columns added at [top, bottom, left, right]; negative: cut off. */
export type Padding = readonly [number, number, number, number];

/** What a convolution's gradient has to know of it. */
export interface GradientAttributes {
  strides: readonly [number, number];
  padding: Padding;
  dilations: readonly [number, number];
}

/** Puts s - 1 zeros behind every row and column: [N, H, W, C] -> [N, H s, W s, C]. */
export function insertZeros(x: tf.Tensor4D, [sh, sw]: readonly [number, number]): tf.Tensor4D {
  if (sh === 1 && sw === 1) return x;
  const [n, h, w, c] = x.shape;
  const wide = tf.pad(tf.reshape(x, [n * h * w, 1, c]), [[0, 0], [0, sw - 1], [0, 0]]);
  const tall = tf.pad(tf.reshape(wide, [n * h, 1, w * sw * c]), [[0, 0], [0, sh - 1], [0, 0]]);
  return tf.reshape(tall, [n, h * sh, w * sw, c]);
}

/** Adds (or, where negative, cuts) rows and columns at [top, bottom, left, right]. */
export function padOrCrop(x: tf.Tensor4D, [top, bottom, left, right]: Padding): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  const cut = (amount: number) => Math.max(-amount, 0);
  const add = (amount: number) => Math.max(amount, 0);
  let y = x;
  if (top < 0 || bottom < 0 || left < 0 || right < 0) {
    y = tf.slice(x, [0, cut(top), cut(left), 0], [n, h - cut(top) - cut(bottom), w - cut(left) - cut(right), c]);
  }
  if (top > 0 || bottom > 0 || left > 0 || right > 0) {
    y = tf.pad(y, [[0, 0], [add(top), add(bottom)], [add(left), add(right)], [0, 0]]);
  }
  return y;
}

/** The part of the padded input that the windows touch. */
function touched(x: tf.Tensor4D, output: readonly [number, number], kernel: readonly [number, number], { strides, padding, dilations }: GradientAttributes): tf.Tensor4D {
  const need = (axis: 0 | 1) => (output[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1;
  const [top, , left] = padding;
  return padOrCrop(x, [top, need(0) - x.shape[1] - top, left, need(1) - x.shape[2] - left]);
}

/** Padding of the zero-stuffed dy that turns the input gradient into a convolution with the flipped kernel. */
function gradientPadding(dy: tf.Tensor4D, input: readonly number[], kernel: readonly [number, number], { padding, dilations }: GradientAttributes): Padding {
  const sides = (axis: 0 | 1, before: number): [number, number] => {
    const reach = dilations[axis] * (kernel[axis] - 1);
    return [reach - before, (input[axis + 1] ?? 0) - (dy.shape[axis + 1] ?? 0) + before];
  };
  return [...sides(0, padding[0]), ...sides(1, padding[2])];
}

/** d/dx: zero-stuffed dy convolved with the flipped kernel, input and output channels exchanged. */
export function convolutionInputGradient(dy: tf.Tensor4D, kernel: tf.Tensor4D, inputShape: [number, number, number, number], attributes: GradientAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const stuffed = insertZeros(dy, attributes.strides);
    const flipped = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2]);
    const padded = padOrCrop(stuffed, gradientPadding(stuffed, inputShape, [kernel.shape[0], kernel.shape[1]], attributes));
    return tf.conv2d(padded, flipped, 1, 'valid', 'NHWC', [...attributes.dilations]);
  });
}

/**
 * d/dK as one convolution: batch and channels change places, dy is the filter, stride and dilation change places.
 * A 1x1 kernel at stride 1 is a plain matrix product.
 */
export function convolutionFilterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, kernelShape: [number, number, number, number], attributes: GradientAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const [kh, kw, channels, filters] = kernelShape;
    const [, ho, wo] = dy.shape;
    const input = touched(x, [ho, wo], [kh, kw], attributes);
    if (kh === 1 && kw === 1 && attributes.strides[0] === 1 && attributes.strides[1] === 1) {
      const columns = tf.transpose(tf.reshape(input, [-1, channels]));
      return tf.reshape(tf.matMul(columns, tf.reshape(dy, [-1, filters])), kernelShape);
    }
    const exchanged = tf.transpose(input, [3, 1, 2, 0]);
    const filter = tf.transpose(dy, [1, 2, 0, 3]);
    const gradient = tf.conv2d(exchanged, filter, [...attributes.dilations], 'valid', 'NHWC', [...attributes.strides]);
    return tf.transpose(gradient, [1, 2, 0, 3]);
  });
}

/** d/dx of a depthwise convolution; the multipliers of a channel are summed. */
export function depthwiseInputGradient(dy: tf.Tensor4D, kernel: tf.Tensor4D, inputShape: [number, number, number, number], attributes: GradientAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const [kh, kw, channels, multiplier] = kernel.shape;
    const stuffed = insertZeros(dy, attributes.strides);
    const flipped = tf.reshape<tf.Rank.R4>(tf.reverse(kernel, [0, 1]), [kh, kw, channels * multiplier, 1]);
    const padded = padOrCrop(stuffed, gradientPadding(stuffed, inputShape, [kh, kw], attributes));
    const spread = tf.depthwiseConv2d(padded, flipped, 1, 'valid', 'NHWC', [...attributes.dilations]);
    return multiplier === 1 ? spread : tf.reshape(tf.sum(tf.reshape(spread, [-1, channels, multiplier]), 2), inputShape);
  });
}

/** d/dK of a depthwise convolution: a depthwise convolution over N x C channels with dy as the filter, summed over N. */
export function depthwiseFilterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, kernelShape: [number, number, number, number], attributes: GradientAttributes): tf.Tensor4D {
  return tf.tidy(() => {
    const [kh, kw, channels, multiplier] = kernelShape;
    const [n, ho, wo] = dy.shape;
    const input = touched(x, [ho, wo], [kh, kw], attributes);
    const stacked = tf.reshape<tf.Rank.R4>(tf.transpose(input, [1, 2, 0, 3]), [1, input.shape[1], input.shape[2], n * channels]);
    const filter = tf.reshape<tf.Rank.R4>(tf.transpose(dy, [1, 2, 0, 3]), [ho, wo, n * channels, multiplier]);
    const each = tf.depthwiseConv2d(stacked, filter, [...attributes.dilations], 'valid', 'NHWC', [...attributes.strides]);
    return tf.reshape(tf.sum(tf.reshape(each, [kh * kw, n, channels * multiplier]), 1), kernelShape);
  });
}
