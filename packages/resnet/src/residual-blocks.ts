/**
 * The two residual blocks (He et al. 2016, figures 2 and 5); the bottleneck also wide and in groups, as ResNeXt has it.
 * Both have slots (`parts`) for what relatives add to them.
 */
import {
  activation, avgPool, batchNorm, blockEntries, conv2d, gateOption, layerLabel, layersUnder, option, OptionError, readOptions, type BlockOptions, type Conv2dOptions,
  type GateOptions,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { fillSlots, partsOption, type ResidualParts } from './parts.js';
import { addShortcut, PROJECTIONS, SHORTCUTS, type Projection, type Shortcut } from './shortcuts.js';

export const STRIDE_ON = ['first', 'middle'] as const;
/** Which convolution of a bottleneck strides: the first 1x1 (V1, the paper's) or the 3x3 (V1.5). */
export type StrideOn = (typeof STRIDE_ON)[number];

/** Module paths below a block's name. */
const NAMES = {
  torchvision: {
    conv: (i: number) => `conv${i}`, norm: (i: number) => `bn${i}`, output: 'relu',
    projection: ['downsample.0', 'downsample.1'], pooled: ['downsample.0', 'downsample.1', 'downsample.2'],
  },
  pytorchcv: {
    conv: (i: number) => `body.conv${i}.conv`, norm: (i: number) => `body.conv${i}.bn`, output: 'activ',
    projection: ['identity_conv.conv', 'identity_conv.bn'], pooled: ['identity_conv.pool', 'identity_conv.conv', 'identity_conv.bn'],
  },
} as const;

interface ResidualBlockOptions extends BlockOptions {
  /** Width of the convolutions. */
  filters: number;
  /** Default 1. */
  stride?: number;
  /** Default 'projection'. */
  shortcut?: Shortcut;
  /** What a projection is. Default '1x1'. */
  projection?: Projection;
  /** Learned factors for the two branches of the sum, the residual one first. Default: a plain sum. */
  gate?: GateOptions;
  /** Start as the identity: gamma 0 in the last batch norm. Default false. */
  zeroGamma?: boolean;
  /** Whose module paths the layers have below `name`. Default 'torchvision'. */
  naming?: keyof typeof NAMES;
  /** What relatives add to the block, or put in place of its 3x3. Default: nothing. */
  parts?: ResidualParts;
}

export interface BasicBlockOptions extends ResidualBlockOptions {
  /** Of both convolutions, or [first, second]. Default 1. */
  dilation?: number | [number, number];
}

export interface BottleneckOptions extends ResidualBlockOptions {
  /** Of the 3x3. Default 1. */
  dilation?: number;
  /** Default 'middle'. */
  strideOn?: StrideOn;
  /** Groups of the 3x3: ResNeXt's cardinality. Default 1. */
  groups?: number;
  /** Width of the 3x3 for every 64 filters, in each group: it has floor(filters baseWidth / 64) groups channels. Default 64. */
  baseWidth?: number;
  /** Width of the first 1x1. Default: the 3x3's. */
  firstFilters?: number;
}

const blockOptionEntries = {
  ...blockEntries('heNormalFanOut'),
  filters: option.integer(1),
  stride: option.withDefault(option.integer(1), 1),
  shortcut: option.withDefault(option.oneOf(SHORTCUTS), 'projection'),
  projection: option.withDefault(option.oneOf(PROJECTIONS), '1x1'),
  gate: option.optional(gateOption),
  zeroGamma: option.withDefault(option.boolean(), false),
  naming: option.withDefault(option.oneOf(['torchvision', 'pytorchcv']), 'torchvision'),
  parts: partsOption,
} as const;
const basicEntries = { ...blockOptionEntries, dilation: option.withDefault(option.pair(1), 1) } as const;
const bottleneckEntries = {
  ...blockOptionEntries,
  dilation: option.withDefault(option.integer(1), 1),
  strideOn: option.withDefault(option.oneOf(STRIDE_ON), 'middle'),
  groups: option.withDefault(option.integer(1), 1),
  baseWidth: option.withDefault(option.integer(1), 64),
  firstFilters: option.optional(option.integer(1)),
} as const;

type ConvNormOptions = Pick<Conv2dOptions, 'filters' | 'kernelSize' | 'strides' | 'groups'> & { dilation?: number; relu?: boolean; gammaInitializer?: 'ones' | 'zeros' };

/** What both blocks are made of, with the block's names, initial weights and slots bound. */
function blockPieces(where: string, block: ReturnType<typeof readOptions<typeof blockOptionEntries>>) {
  const { name, stride, shortcut, projection, gate, kernelInitializer, seed } = block;
  const names = NAMES[block.naming];
  const at = layersUnder(name);
  const { slot, spatial } = fillSlots(block.parts, block);

  const named = (x: SymbolicTensor, make: typeof conv2d, [conv, norm]: readonly [string, string], { relu = false, gammaInitializer, dilation = 1, ...window }: ConvNormOptions) => {
    const y = make(x, {
      ...window, padding: window.kernelSize === 3 ? dilation : 0, ...(dilation === 1 ? {} : { dilationRate: dilation }), useBias: false,
      name: at(conv), kernelInitializer, seed,
    });
    return batchNorm(y, { activation: relu ? 'relu' : 'linear', gammaInitializer, name: at(norm) });
  };
  /** Convolution i of the residual branch with its batch norm, counted from 1. */
  const convNorm = (x: SymbolicTensor, i: number, options: ConvNormOptions) =>
    named(x, options.kernelSize === 3 ? (y, window) => spatial(y, window, i) : conv2d, [names.conv(i), names.norm(i)], options);

  const project = (x: SymbolicTensor, filters: number) => {
    if (projection !== 'averagePool') return named(x, conv2d, names.projection, { filters, kernelSize: projection === '3x3' ? 3 : 1, strides: stride });
    const [pool, ...paths] = names.pooled;
    const y = stride === 1 ? x : avgPool(x, { poolSize: 2, strides: stride, ceilMode: true, countIncludePad: false, name: at(pool) });
    return named(y, conv2d, paths, { filters, kernelSize: 1 });
  };
  const output = (x: SymbolicTensor, residual: SymbolicTensor) => {
    const finish = (y: SymbolicTensor) => slot('shortcut', y);
    const sum = addShortcut(x, slot('after', residual), { where, shortcut, stride, at, project: (filters) => project(x, filters), finish, gate });
    return slot('output', activation(sum, { kind: 'relu', name: at(names.output) }));
  };
  return { convNorm, output, slot, last: { gammaInitializer: block.zeroGamma ? 'zeros' : 'ones' } as const };
}

/**
 * relu(x + F(x)), F = 3x3/stride, BN, ReLU, 3x3, BN. With
 * `gate` it is relu(w_1 F(x) + w_2 x). [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), filters].
 * @throws OptionError for unknown and impossible options, and for a padded shortcut to fewer channels.
 */
export function basicBlock(x: SymbolicTensor, options: BasicBlockOptions): SymbolicTensor {
  const where = layerLabel('basicBlock', options?.name);
  const { dilation: [first, second], ...block } = readOptions(where, basicEntries, options);
  const { filters, stride } = block;
  const { convNorm, output, slot, last } = blockPieces(where, block);
  const y = convNorm(slot('before', x), 1, { filters, kernelSize: 3, strides: stride, dilation: first, relu: true });
  return output(x, convNorm(slot('inner', y), 2, { filters, kernelSize: 3, dilation: second, ...last }));
}

/**
 * relu(x + F(x)), F = 1x1, BN, ReLU, 3x3, BN, ReLU, 1x1 to four times the width, BN; `strideOn` says which one strides,
 * `groups` and `baseWidth` make it ResNeXt's (Xie et al. 2017, figure 3c) or that of a wide ResNet.
 * [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), 4 filters].
 * @throws OptionError for unknown and impossible options, and for a padded shortcut to fewer channels.
 */
export function bottleneck(x: SymbolicTensor, options: BottleneckOptions): SymbolicTensor {
  const where = layerLabel('bottleneck', options?.name);
  const { strideOn, groups, baseWidth, firstFilters, dilation, ...block } = readOptions(where, bottleneckEntries, options);
  const { filters, stride } = block;
  const width = Math.floor((filters * baseWidth) / 64) * groups;
  if (width === 0) throw new OptionError(where, 'baseWidth', baseWidth, `an integer >= ${Math.ceil(64 / filters)} with ${filters} filters`);
  const { convNorm, output, slot, last } = blockPieces(where, block);
  let y = convNorm(slot('before', x), 1, { filters: firstFilters ?? width, kernelSize: 1, strides: strideOn === 'first' ? stride : 1, relu: true });
  y = convNorm(y, 2, { filters: width, kernelSize: 3, groups, strides: strideOn === 'middle' ? stride : 1, dilation, relu: true });
  return output(x, convNorm(slot('inner', y), 3, { filters: 4 * filters, kernelSize: 1, ...last }));
}
