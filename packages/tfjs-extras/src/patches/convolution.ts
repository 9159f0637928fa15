/** The gradient kernels of convolutions, which wasm lacks or has as scalar loops, and which cpu reads element by element. */
import * as tf from '@tensorflow/tfjs-core';
import { convolutionFilterGradient, convolutionInputGradient, depthwiseFilterGradient, depthwiseInputGradient, type GradientAttributes } from '../composed/index.js';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { kernelPatch } from '../probe.js';

type Shape4D = [number, number, number, number];
type Pad = Parameters<typeof tf.backend_util.computeConv2DInfo>[4];

/** Attributes of the four kernels, as tfjs-core passes them. */
interface ConvolutionKernelAttributes {
  strides: number | [number, number];
  pad: Pad;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: 'NHWC' | 'NCHW';
  /** Null from layers that know no dilation. */
  dilations?: number | [number, number] | null;
  inputShape: Shape4D;
  filterShape: Shape4D;
}

/** What a convolution does, with 'same' and the like resolved to cells. */
export function resolveAttributes(inputShape: Shape4D, filterShape: Shape4D, attrs: Omit<ConvolutionKernelAttributes, 'inputShape' | 'filterShape'>, depthwise: boolean): GradientAttributes {
  if (attrs.dataFormat === 'NCHW') throw new Error('gradients of convolutions are for dataFormat NHWC, got NCHW');
  const { strides, dilations, pad, dimRoundingMode } = attrs;
  const info = tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, dilations ?? 1, pad, dimRoundingMode, depthwise);
  const { top, bottom, left, right } = info.padInfo;
  return { strides: [info.strideHeight, info.strideWidth], padding: [top, bottom, left, right], dilations: [info.dilationHeight, info.dilationWidth] };
}

/** A kernel function of 4-D tensors; inside a kernel no gradient is recorded, so operations compose freely. */
function kernel4D(compute: (inputs: Record<string, tf.Tensor4D>, attrs: ConvolutionKernelAttributes) => tf.Tensor): tf.KernelFunc {
  return ({ inputs, attrs }) => compute(inputs as unknown as Record<string, tf.Tensor4D>, attrs as unknown as ConvolutionKernelAttributes);
}

const ramp = (shape: number[]) => tf.div(tf.reshape(tf.range(0, tf.util.sizeFromShape(shape), 1, 'float32'), shape), 100);
const slowCall = { strides: [1, 1], dilations: [1, 1], pad: 'same', dataFormat: 'NHWC' } as const;

const filterGradient = kernelPatch({
  kernelName: 'Conv2DBackpropFilter',
  backends: [...WASM_BACKENDS, 'cpu'],
  slow: () => ({ inputs: { x: ramp([2, 10, 10, 8]), dy: ramp([2, 10, 10, 8]) }, attrs: { ...slowCall, filterShape: [3, 3, 8, 8] } }),
  make: () => kernel4D(({ x, dy }, attrs) => convolutionFilterGradient(x as tf.Tensor4D, dy as tf.Tensor4D, attrs.filterShape, resolveAttributes((x as tf.Tensor4D).shape, attrs.filterShape, attrs, false))),
});

const inputGradient = kernelPatch({
  kernelName: 'Conv2DBackpropInput',
  backends: WASM_BACKENDS,
  slow: () => ({ inputs: { dy: ramp([4, 14, 14, 32]), filter: ramp([3, 3, 32, 32]) }, attrs: { ...slowCall, inputShape: [4, 14, 14, 32] } }),
  make: () => kernel4D(({ dy, filter }, attrs) => convolutionInputGradient(dy as tf.Tensor4D, filter as tf.Tensor4D, attrs.inputShape, resolveAttributes(attrs.inputShape, (filter as tf.Tensor4D).shape, attrs, false))),
});

const depthwiseFilter = kernelPatch({
  kernelName: 'DepthwiseConv2dNativeBackpropFilter',
  backends: [...WASM_BACKENDS, 'cpu'],
  slow: () => ({ inputs: { x: ramp([2, 16, 16, 16]), dy: ramp([2, 16, 16, 16]) }, attrs: { ...slowCall, filterShape: [3, 3, 16, 1] } }),
  make: () => kernel4D(({ x, dy }, attrs) => depthwiseFilterGradient(x as tf.Tensor4D, dy as tf.Tensor4D, attrs.filterShape, resolveAttributes((x as tf.Tensor4D).shape, attrs.filterShape, attrs, true))),
});

const depthwiseInput = kernelPatch({
  kernelName: 'DepthwiseConv2dNativeBackpropInput',
  backends: [...WASM_BACKENDS, 'cpu'],
  slow: () => ({ inputs: { dy: ramp([2, 16, 16, 16]), filter: ramp([3, 3, 16, 1]) }, attrs: { ...slowCall, inputShape: [2, 16, 16, 16] } }),
  make: () => kernel4D(({ dy, filter }, attrs) => depthwiseInputGradient(dy as tf.Tensor4D, filter as tf.Tensor4D, attrs.inputShape, resolveAttributes(attrs.inputShape, (filter as tf.Tensor4D).shape, attrs, true))),
});

export const CONVOLUTION_PATCHES: readonly Patch[] = [filterGradient, inputGradient, depthwiseFilter, depthwiseInput];
