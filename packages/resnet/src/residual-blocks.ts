/** The two residual blocks (He et al. 2016, figures 2 and 5); the bottleneck also wide and in groups, as ResNeXt has it. */
import {
  activation, batchNorm, blockEntries, conv2d, layerLabel, layersUnder, option, OptionError, readOptions, type BlockOptions, type Conv2dOptions,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { addShortcut, SHORTCUTS, type Shortcut } from './shortcuts.js';

export const STRIDE_ON = ['first', 'middle'] as const;
/** Which convolution of a bottleneck strides: the first 1x1 (V1, the paper's) or the 3x3 (V1.5). */
export type StrideOn = (typeof STRIDE_ON)[number];

/** Module paths below a block's name. */
const NAMES = {
  torchvision: { conv: (i: number) => `conv${i}`, norm: (i: number) => `bn${i}`, projection: ['downsample.0', 'downsample.1'], output: 'relu' },
  pytorchcv: { conv: (i: number) => `body.conv${i}.conv`, norm: (i: number) => `body.conv${i}.bn`, projection: ['identity_conv.conv', 'identity_conv.bn'], output: 'activ' },
} as const;

export interface BasicBlockOptions extends BlockOptions {
  /** Width of the convolutions. */
  filters: number;
  /** Default 1. */
  stride?: number;
  /** Default 'projection'. */
  shortcut?: Shortcut;
  /** Start as the identity: gamma 0 in the last batch norm. Default false. */
  zeroGamma?: boolean;
  /** Whose module paths the layers have below `name`. Default 'torchvision'. */
  naming?: keyof typeof NAMES;
}

export interface BottleneckOptions extends BasicBlockOptions {
  /** Default 'middle'. */
  strideOn?: StrideOn;
  /** Groups of the 3x3: ResNeXt's cardinality. Default 1. */
  groups?: number;
  /** Width of the 3x3 for every 64 filters, in each group: it has floor(filters baseWidth / 64) groups channels. Default 64. */
  baseWidth?: number;
}

const basicEntries = {
  ...blockEntries('heNormalFanOut'),
  filters: option.integer(1),
  stride: option.withDefault(option.integer(1), 1),
  shortcut: option.withDefault(option.oneOf(SHORTCUTS), 'projection'),
  zeroGamma: option.withDefault(option.boolean(), false),
  naming: option.withDefault(option.oneOf(['torchvision', 'pytorchcv']), 'torchvision'),
} as const;
const bottleneckEntries = {
  ...basicEntries,
  strideOn: option.withDefault(option.oneOf(STRIDE_ON), 'middle'),
  groups: option.withDefault(option.integer(1), 1),
  baseWidth: option.withDefault(option.integer(1), 64),
} as const;

type ConvNormOptions = Pick<Conv2dOptions, 'filters' | 'kernelSize' | 'strides' | 'groups'> & { relu?: boolean; gammaInitializer?: 'ones' | 'zeros' };

/** The parts both blocks are made of, with the block's names and initial weights bound. */
function blockParts(where: string, block: ReturnType<typeof readOptions<typeof basicEntries>>) {
  const { name, stride, shortcut, kernelInitializer, seed } = block;
  const names = NAMES[block.naming];
  const at = layersUnder(name);

  const named = (x: SymbolicTensor, conv: string, norm: string, { relu = false, gammaInitializer, ...window }: ConvNormOptions) => {
    const y = conv2d(x, { ...window, padding: window.kernelSize === 3 ? 1 : 0, useBias: false, name: at(conv), kernelInitializer, seed });
    return batchNorm(y, { activation: relu ? 'relu' : 'linear', gammaInitializer, name: at(norm) });
  };
  /** Convolution i of the residual branch with its batch norm, counted from 1. */
  const convNorm = (x: SymbolicTensor, i: number, options: ConvNormOptions) => named(x, names.conv(i), names.norm(i), options);

  const output = (x: SymbolicTensor, residual: SymbolicTensor) => {
    const [conv, norm] = names.projection;
    const project = (filters: number) => named(x, conv, norm, { filters, kernelSize: 1, strides: stride });
    return activation(addShortcut(x, residual, { where, shortcut, stride, at, project }), { kind: 'relu', name: at(names.output) });
  };
  return { convNorm, output, last: { gammaInitializer: block.zeroGamma ? 'zeros' : 'ones' } as const };
}

/**
 * relu(x + F(x)), F = 3x3/stride, BN, ReLU, 3x3, BN. [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), filters].
 * @throws OptionError for unknown and impossible options, and for a padded shortcut to fewer channels.
 */
export function basicBlock(x: SymbolicTensor, options: BasicBlockOptions): SymbolicTensor {
  const where = layerLabel('basicBlock', options?.name);
  const block = readOptions(where, basicEntries, options);
  const { convNorm, output, last } = blockParts(where, block);
  const y = convNorm(x, 1, { filters: block.filters, kernelSize: 3, strides: block.stride, relu: true });
  return output(x, convNorm(y, 2, { filters: block.filters, kernelSize: 3, ...last }));
}

/**
 * relu(x + F(x)), F = 1x1, BN, ReLU, 3x3, BN, ReLU, 1x1 to four times the width, BN; `strideOn` says which one strides,
 * `groups` and `baseWidth` make it ResNeXt's (Xie et al. 2017, figure 3c) or that of a wide ResNet.
 * [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), 4 filters].
 * @throws OptionError for unknown and impossible options, and for a padded shortcut to fewer channels.
 */
export function bottleneck(x: SymbolicTensor, options: BottleneckOptions): SymbolicTensor {
  const where = layerLabel('bottleneck', options?.name);
  const { strideOn, groups, baseWidth, ...block } = readOptions(where, bottleneckEntries, options);
  const { filters, stride } = block;
  const inner = Math.floor((filters * baseWidth) / 64) * groups;
  if (inner === 0) throw new OptionError(where, 'baseWidth', baseWidth, `an integer >= ${Math.ceil(64 / filters)} with ${filters} filters`);
  const { convNorm, output, last } = blockParts(where, block);
  let y = convNorm(x, 1, { filters: inner, kernelSize: 1, strides: strideOn === 'first' ? stride : 1, relu: true });
  y = convNorm(y, 2, { filters: inner, kernelSize: 3, groups, strides: strideOn === 'middle' ? stride : 1, relu: true });
  return output(x, convNorm(y, 3, { filters: 4 * filters, kernelSize: 1, ...last }));
}
