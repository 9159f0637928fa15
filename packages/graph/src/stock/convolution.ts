import { effectiveKernel, resolvePadding, type Layer, type Lowering, type Value } from '@convkit/core';
import { activated, channelsLast, config, pair, refuse, single, weight, weights, type StockLowering } from './stock-layer.js';

interface ConvolutionConfig {
  kernelSize: number | number[];
  strides: number | number[];
  padding: string;
  dilationRate: number | number[];
  activation: string;
}

function padding(layer: Layer, name: string | undefined): 'same' | 'valid' {
  return name === 'same' || name === 'valid' ? name : refuse(layer, 'padding', name, "'same' or 'valid'");
}

function window(layer: Layer, x: Value, dilated = true) {
  const { kernelSize, strides, padding: name, dilationRate } = config<ConvolutionConfig>(layer);
  const [kernel, stride] = [pair(kernelSize, 1), pair(strides, 1)];
  const dilations = dilated ? pair(dilationRate, 1) : ([1, 1] as [number, number]);
  const extent = [effectiveKernel(kernel[0], dilations[0]), effectiveKernel(kernel[1], dilations[1])] as const;
  const size = [x.shape[1] ?? 0, x.shape[2] ?? 0] as const;
  return { strides: stride, dilations, padding: resolvePadding(padding(layer, name), size, extent, stride), kernel, size };
}

const conv2d: StockLowering = (layer, g, inputs) =>
  channelsLast(layer, g, single(inputs), (x) => {
    const { strides, dilations, padding } = window(layer, x);
    const y = g.op('conv2d', [x, ...weights(layer, g, 'kernel', 'bias')], { strides, dilations, padding, groups: 1 });
    return activated(layer, g, y, config<ConvolutionConfig>(layer).activation);
  });

// tf.layers' depthwise layer ignores its dilationRate (it passes none to the op), so its graph does too.
const depthwiseConv2d: StockLowering = (layer, g, inputs) =>
  channelsLast(layer, g, single(inputs), (x) => {
    const { strides, dilations, padding } = window(layer, x, false);
    const y = g.op('depthwiseConv2d', [x, ...weights(layer, g, 'depthwise_kernel', 'bias')], { strides, dilations, padding });
    return activated(layer, g, y, config<ConvolutionConfig>(layer).activation);
  });

const separableConv2d: StockLowering = (layer, g, inputs) =>
  channelsLast(layer, g, single(inputs), (x) => {
    const { strides, dilations, padding } = window(layer, x);
    const spatial = g.op('depthwiseConv2d', [x, ...weights(layer, g, 'depthwise_kernel')], { strides, dilations, padding });
    const pointwise = { strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0], groups: 1 } as const;
    const y = g.op('conv2d', [spatial, ...weights(layer, g, 'pointwise_kernel', 'bias')], pointwise);
    return activated(layer, g, y, config<ConvolutionConfig>(layer).activation);
  });

const conv2dTranspose: StockLowering = (layer, g, inputs) =>
  channelsLast(layer, g, single(inputs), (x) => {
    const { strides, kernel, size } = window(layer, x);
    const name = padding(layer, config<ConvolutionConfig>(layer).padding);
    const length = (axis: 0 | 1) => size[axis] * strides[axis] + (name === 'valid' ? Math.max(kernel[axis] - strides[axis], 0) : 0);
    const outputSize = [length(0), length(1)] as const;
    const cropped = resolvePadding(name, outputSize, kernel, strides);
    const y = g.op('convTranspose2d', [x, ...weights(layer, g, 'kernel', 'bias')], { strides, padding: cropped, outputSize });
    return activated(layer, g, y, config<ConvolutionConfig>(layer).activation);
  });

// [N, L, C] as [N, L, 1, C], the kernel [k, C, F] as [k, 1, C, F].
const conv1d: StockLowering = (layer, g, inputs) => {
  const x = single(inputs);
  const kernel = weight(layer, g, 'kernel');
  const { kernelSize, strides, padding: name, dilationRate, activation } = config<ConvolutionConfig>(layer);
  if (kernel === undefined || name === 'causal') return refuse(layer, 'padding', name, "'same' or 'valid'");
  const one = (value: number | number[] | undefined) => pair(value, 1)[0];
  const [length, stride, dilation] = [x.shape[1] ?? 0, one(strides), one(dilationRate)];
  const pads = resolvePadding(padding(layer, name), [length, 1], [effectiveKernel(one(kernelSize), dilation), 1], [stride, 1]);
  const [, channels, filters] = kernel.shape as number[];
  const image = g.op('reshape', [x], { shape: [length, 1, channels ?? 1] });
  const filter = g.op('reshape', [kernel], { shape: [1, channels ?? 1, filters ?? 1] });
  const y = g.op('conv2d', [image, filter, ...weights(layer, g, 'bias')], { strides: [stride, 1], dilations: [dilation, 1], padding: pads, groups: 1 });
  return activated(layer, g, squeeze(g, y), activation);
};

/** [N, L, 1, C] -> [N, L, C]. */
export function squeeze(g: Lowering, y: Value): Value {
  return g.op('reshape', [y], { shape: [y.shape[1] as number, y.shape[3] as number] });
}

export const convolution = { Conv2D: conv2d, DepthwiseConv2D: depthwiseConv2d, SeparableConv2D: separableConv2d, Conv2DTranspose: conv2dTranspose, Conv1D: conv1d };
