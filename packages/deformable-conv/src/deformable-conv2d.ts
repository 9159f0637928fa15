/**
 * A convolution that learns where to look: the deformable convolution with the branch that moves its taps (Dai et al. 2017,
 * section 2.1; with the mask Zhu et al. 2018, section 3.2). Channels and names of the branch are mmdetection's, which are the
 * authors': one convolution `conv_offset`, first all offsets, then the logits of the mask.
 */
import { blockEntries, conv2d, layerLabel, layersUnder, option, paddingOption, readOptions, type BlockOptions, type PaddingOption } from '@convkit/core';
import type { SpatialPart } from '@convkit/resnet';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { DeformableConv2dLayer } from './deformable-conv2d-layer.js';
import { scaleGradient } from './scale-gradient.js';

/** How a convolution deforms. */
export interface DeformableOptions {
  /** Groups of input channels that move on their own; must divide the channels. Default 1. */
  deformableGroups?: number;
  /** v2: every tap has a factor, too. Default false. */
  modulated?: boolean;
  /** The factor is this times a sigmoid. 2 starts it at 1, as the authors' example has it; other ports take 1, which starts at a half. Default 2. */
  maskScale?: number;
  /** Learning rate of the branch, as a share of the others', by scaling its gradient (so not with Adam). Default 0.1. */
  offsetLearningRate?: number;
}

export interface DeformableConv2dOptions extends BlockOptions, DeformableOptions {
  /** Output channels. */
  filters: number;
  /** One integer or [height, width]. */
  kernelSize: number | [number, number];
  /** One integer or [vertical, horizontal]. Default 1. */
  stride?: number | [number, number];
  /** 'same', 'valid', or explicit as in torch. Default 'valid'. */
  padding?: PaddingOption;
  /** Spacing of the kernel's taps; offsets come on top and are not multiplied by it. Default 1. */
  dilation?: number | [number, number];
  /** Must divide input and output channels. Default 1. */
  groups?: number;
  /** Default true. */
  useBias?: boolean;
}

/** Entries of {@link DeformableOptions}, which specs share. */
export const deformableEntries = {
  deformableGroups: option.withDefault(option.integer(1), 1),
  modulated: option.withDefault(option.boolean(), false),
  maskScale: option.withDefault(option.number({ above: 0 }), 2),
  offsetLearningRate: option.withDefault(option.number({ above: 0 }), 0.1),
} as const;

const entries = {
  ...blockEntries('heNormal'),
  ...deformableEntries,
  filters: option.integer(1),
  kernelSize: option.pair(1),
  stride: option.withDefault(option.pair(1), 1),
  padding: option.withDefault(paddingOption, 'valid'),
  dilation: option.withDefault(option.pair(1), 1),
  groups: option.withDefault(option.integer(1), 1),
  useBias: option.withDefault(option.boolean(), true),
} as const;

/**
 * Convolution whose taps move by what a second convolution of the same window reads from the same input. That one starts at
 * zero, so the block starts as the ordinary convolution. [N, H, W, C] -> [N, H', W', filters].
 * Layers: the convolution itself has the block's name, the branch is `conv_offset` below it.
 * @throws OptionError for unknown and impossible options.
 */
export function deformableConv2d(x: SymbolicTensor, options: DeformableConv2dOptions): SymbolicTensor {
  const { name, seed, kernelInitializer, stride, dilation, deformableGroups, maskScale, modulated, offsetLearningRate: rate, filters, groups, useBias, ...window } =
    readOptions(layerLabel('deformableConv2d', options?.name), entries, options);
  const at = layersUnder(name);
  const place = { ...window, strides: stride, dilationRate: dilation };
  const scaled = (y: SymbolicTensor, factor: number, side: string) => (factor === 1 ? y : scaleGradient(y, { factor, name: at(`conv_offset.${side}`) }));

  const channels = (modulated ? 3 : 2) * deformableGroups * window.kernelSize[0] * window.kernelSize[1];
  const branch = conv2d(scaled(x, 1 / rate, 'input'), { ...place, filters: channels, kernelInitializer: 'zeros', name: at('conv_offset') });
  const layer = new DeformableConv2dLayer({ ...place, filters, groups, useBias, modulated, maskScale, kernelInitializer, seed, name });
  return layer.apply([x, scaled(branch, rate, 'output')]) as SymbolicTensor;
}

/** Puts deformable convolutions in place of the 3x3 of residual blocks: `bottleneck(x, { filters, parts: { spatial: deformableSpatial() } })`. */
export function deformableSpatial(deformable: DeformableOptions = {}): SpatialPart {
  return (x, { filters, kernelSize, strides, padding, dilationRate, groups, useBias, kernelInitializer, seed, name }) =>
    deformableConv2d(x, { ...deformable, filters, kernelSize, stride: strides, padding, dilation: dilationRate, groups, useBias, kernelInitializer, seed, name });
}
