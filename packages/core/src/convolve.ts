import { convolutionFilterGradient, convolutionInputGradient, depthwiseFilterGradient, depthwiseInputGradient, padOrCrop } from '@convkit/tfjs-extras/composed';
import { nativeConvolution, nativeConvolutionGradients, nativeDepthwiseGradients, suitsNativeConvolution } from '@convkit/tfjs-extras/native';
import * as tf from '@tensorflow/tfjs-core';
import { activate, type ActivationKind } from './activation.js';
import { FUSABLE, hasGradientKernel, isRecording, takesExplicitPadding } from './backend.js';
import { explicitPad, type Padding } from './padding.js';
import { subsample } from './pool.js';

export interface ConvolveAttributes {
  strides: readonly [number, number];
  padding: Padding;
  dilations: readonly [number, number];
  groups: number;
}

/**
 * 2-D convolution with groups, with stride and dilation at once, and with a gradient on every backend and for every
 * attribute (stock tf.conv2d: no groups, no gradient for dilation > 1, none at all on wasm).
 *
 * y[n,i,j,f] = b[f] + sum over a, b, c of x[n, i s + a d - pad, j s + b d - pad, c] K[a, b, c, f], c within f's group.
 * @param x [N, H, W, C]
 * @param kernel [kh, kw, C/groups, F]; output channels of a group are contiguous.
 * @param bias [F]
 */
export function convolve2d(x: tf.Tensor4D, kernel: tf.Tensor4D, attributes: ConvolveAttributes, bias?: tf.Tensor1D, activation: ActivationKind = 'linear'): tf.Tensor4D {
  return tf.tidy(() => {
    const { strides, padding, dilations, groups } = attributes;
    if (groups > 1 && suitsNativeConvolution(x, kernel, groups)) return groupedNatively(x, kernel, attributes, bias, activation);
    const strideAndDilation = (strides[0] > 1 || strides[1] > 1) && (dilations[0] > 1 || dilations[1] > 1);
    if (strideAndDilation) {
      const dense = convolve2d(x, kernel, { ...attributes, strides: [1, 1] }, bias, activation);
      return subsample(dense, strides);
    }
    if (groups > 1) return withBias(groupedConvolution(x, kernel, attributes), bias, activation);
    if (!isRecording() && FUSABLE.has(activation)) {
      return tf.fused.conv2d({ x, filter: kernel, strides: [...strides], pad: explicitPad(padding), dilations: [...dilations], ...(bias ? { bias } : {}), activation: activation as 'linear' });
    }
    return withBias(denseConvolution(x, kernel, attributes), bias, activation);
  });
}

function withBias(y: tf.Tensor4D, bias: tf.Tensor1D | undefined, activation: ActivationKind): tf.Tensor4D {
  return activate(bias ? tf.add(y, bias) : y, activation) as tf.Tensor4D;
}

/** With a kernel that knows groups: nothing is split or joined. */
function groupedNatively(x: tf.Tensor4D, kernel: tf.Tensor4D, attributes: ConvolveAttributes, bias: tf.Tensor1D | undefined, activation: ActivationKind): tf.Tensor4D {
  if (!isRecording() && FUSABLE.has(activation)) return nativeConvolution(x, kernel, attributes, bias, activation as 'linear') as tf.Tensor4D;
  const y = withGradient(x, kernel, (input, filter) => nativeConvolution(input, filter, attributes) as tf.Tensor4D,
    (dy, input, filter) => nativeConvolutionGradients(dy, input, filter, attributes) as [tf.Tensor4D, tf.Tensor4D]);
  return withBias(y, bias, activation);
}

function groupedConvolution(x: tf.Tensor4D, kernel: tf.Tensor4D, attributes: ConvolveAttributes): tf.Tensor4D {
  const inputs = tf.split(x, attributes.groups, 3);
  const kernels = tf.split(kernel, attributes.groups, 3);
  return tf.concat(inputs.map((part, g) => denseConvolution(part as tf.Tensor4D, kernels[g] as tf.Tensor4D, attributes)), 3);
}

function denseConvolution(x: tf.Tensor4D, kernel: tf.Tensor4D, { strides, padding, dilations }: ConvolveAttributes): tf.Tensor4D {
  const forward = (input: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(input, filter, [...strides], explicitPad(padding), 'NHWC', [...dilations]);
  const dilated = dilations[0] > 1 || dilations[1] > 1;
  if (!isRecording()) return forward(x, kernel);
  if (!dilated && hasGradientKernel('Conv2DBackpropFilter')) {
    return takesExplicitPadding() ? forward(x, kernel) : tf.conv2d(padOrCrop(x, padding), kernel, [...strides], 'valid');
  }
  const attributes = { strides, padding, dilations };
  return withGradient(x, kernel, forward, (dy, input, filter) => [
    convolutionInputGradient(dy, filter, input.shape, attributes),
    convolutionFilterGradient(input, dy, filter.shape, attributes),
  ]);
}

/** A function of input and kernel whose gradient is written by hand; both are saved for it. */
function withGradient(
  x: tf.Tensor4D,
  kernel: tf.Tensor4D,
  forward: (x: tf.Tensor4D, kernel: tf.Tensor4D) => tf.Tensor4D,
  backward: (dy: tf.Tensor4D, x: tf.Tensor4D, kernel: tf.Tensor4D) => [tf.Tensor4D, tf.Tensor4D],
): tf.Tensor4D {
  const differentiable = tf.customGrad((input, filter, save) => {
    (save as (tensors: tf.Tensor[]) => void)([input as tf.Tensor4D, filter as tf.Tensor4D]);
    return {
      value: forward(input as tf.Tensor4D, filter as tf.Tensor4D),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => backward(dy as tf.Tensor4D, saved[0] as tf.Tensor4D, saved[1] as tf.Tensor4D),
    };
  });
  return differentiable(x, kernel) as tf.Tensor4D;
}

export type DepthwiseAttributes = Omit<ConvolveAttributes, 'groups'>;

/**
 * Depthwise 2-D convolution, one filter a channel and multiplier, with dilation (stock tf.layers ignores it), stride
 * and dilation at once, and a gradient on every backend.
 * @param x [N, H, W, C]
 * @param kernel [kh, kw, C, m]; output channel c*m + j.
 * @param bias [C*m]
 */
export function depthwiseConvolve2d(x: tf.Tensor4D, kernel: tf.Tensor4D, attributes: DepthwiseAttributes, bias?: tf.Tensor1D, activation: ActivationKind = 'linear'): tf.Tensor4D {
  return tf.tidy(() => {
    const { strides, padding, dilations } = attributes;
    const dilated = dilations[0] > 1 || dilations[1] > 1;
    if (dilated && (strides[0] > 1 || strides[1] > 1)) {
      return subsample(depthwiseConvolve2d(x, kernel, { ...attributes, strides: [1, 1] }, bias, activation), strides);
    }
    if (!isRecording() && FUSABLE.has(activation)) {
      // The declared type of `pad` lacks the explicit form, which the op and every kernel of it take.
      const pad = explicitPad(padding) as unknown as 'valid';
      return tf.fused.depthwiseConv2d({ x, filter: kernel, strides: [...strides], pad, dilations: [...dilations], ...(bias ? { bias } : {}), activation: activation as 'linear' });
    }
    const forward = (input: tf.Tensor4D, filter: tf.Tensor4D) => tf.depthwiseConv2d(input, filter, [...strides], explicitPad(padding), 'NHWC', [...dilations]);
    if (!isRecording()) return withBias(forward(x, kernel), bias, activation);
    if (!dilated && hasGradientKernel('DepthwiseConv2dNativeBackpropFilter')) {
      return withBias(takesExplicitPadding() ? forward(x, kernel) : tf.depthwiseConv2d(padOrCrop(x, padding), kernel, [...strides], 'valid'), bias, activation);
    }
    const y = withGradient(x, kernel, forward, (dy, input, filter) => nativeDepthwiseGradients(dy, input, filter, attributes) ?? [
      depthwiseInputGradient(dy, filter, input.shape, attributes),
      depthwiseFilterGradient(input, dy, filter.shape, attributes),
    ]);
    return withBias(y, bias, activation);
  });
}
