/**
 * One residual block with four ingredients that can each be left out: a bottleneck (He et al. 2015), group convolution (Xie
 * et al. 2017), channel shuffle (Zhang et al. 2018) and depthwise convolution (Howard et al. 2017). It is nobody's paper: all
 * four together are ShuffleNet's unit, except that this one adds where ShuffleNet's concatenates, and strides in any block.
 */
import {
  activation, batchNorm, blockEntries, channelShuffle, conv2d, depthwiseConv2d, gateOption, layerLabel, layersUnder, option, OptionError, readOptions,
  type BlockOptions, type GateOptions,
} from '@convkit/core';
import { addShortcut, SHORTCUTS, type Shortcut } from '@convkit/resnet';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface CombinedBlockOptions extends BlockOptions {
  /** Channels of the block's output. */
  filters: number;
  /** Of the 3x3. Default 1. */
  stride?: number;
  /** The 3x3 has filters / bottleneck channels; 1 leaves the bottleneck out. Default 4. */
  bottleneck?: number;
  /** Groups of every convolution of the residual branch, except a depthwise one; 1 leaves them out. Default 4. */
  groups?: number;
  /** Mix the groups behind the first 1x1. Default: where there are groups. */
  shuffle?: boolean;
  /** One 3x3 filter for each channel. Default true. */
  depthwise?: boolean;
  /** Default 'projection', a 1x1 convolution without groups where the shape changes. */
  shortcut?: Shortcut;
  /** Learned factors for the two branches of the sum, the residual one first. Default: a plain sum. */
  gate?: GateOptions;
}

/** The schemas of what can be combined, which specs share. */
export const ingredientEntries = {
  bottleneck: option.withDefault(option.integer(1), 4),
  groups: option.withDefault(option.integer(1), 4),
  shuffle: option.optional(option.boolean()),
  depthwise: option.withDefault(option.boolean(), true),
  gate: option.optional(gateOption),
} as const;

const combinedBlockEntries = {
  ...blockEntries('heNormalFanOut'),
  ...ingredientEntries,
  filters: option.integer(1),
  stride: option.withDefault(option.integer(1), 1),
  shortcut: option.withDefault(option.oneOf(SHORTCUTS), 'projection'),
} as const;

/** @throws OptionError for channels that cannot be narrowed, grouped or shuffled as asked. */
function checkChannels(where: string, channels: number, { filters, bottleneck, groups, shuffle }: { filters: number; bottleneck: number; groups: number; shuffle?: boolean | undefined }): number {
  if (filters % bottleneck !== 0) throw new OptionError(where, 'bottleneck', bottleneck, `a divisor of filters (${filters})`);
  const width = filters / bottleneck;
  const grouped: [string, number][] = [['input channels', channels], ['channels in between (filters / bottleneck)', width], ['filters', filters]];
  for (const [what, count] of grouped) if (count % groups !== 0) throw new OptionError(where, 'groups', groups, `a divisor of the ${count} ${what}`);
  if (shuffle === true && groups === 1) throw new OptionError(where, 'shuffle', shuffle, 'false where there is one group: nothing to mix');
  return width;
}

/**
 * relu(x + F(x)), F = 1x1 in groups, BN, ReLU, shuffle, 3x3/stride, BN, 1x1 in groups, BN, with w = filters / bottleneck channels
 * in between. Only a 3x3 that is not depthwise has a ReLU behind its batch norm (as ShuffleNet has none, section 3.2).
 * [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), filters].
 *
 * Weights of F without batch norms, g groups: (C w + w filters) / g and 9 w where depthwise, else 9 w^2 / g.
 * @throws OptionError for unknown and impossible options, for channels that do not divide by bottleneck or groups, for a
 *   shuffle of one group, and for a padded shortcut to fewer channels.
 */
export function combinedBlock(x: SymbolicTensor, options: CombinedBlockOptions): SymbolicTensor {
  const where = layerLabel('combinedBlock', options?.name);
  const block = readOptions(where, combinedBlockEntries, options);
  const { name, filters, stride, groups, shuffle = groups > 1, depthwise, shortcut, gate, kernelInitializer, seed } = block;
  const width = checkChannels(where, x.shape.at(-1) ?? 0, block);
  const at = layersUnder(name);
  const kernel = { useBias: false, kernelInitializer, seed };
  const norm = (y: SymbolicTensor, path: string, relu: boolean) => batchNorm(y, { activation: relu ? 'relu' : 'linear', name: at(path) });

  let y = norm(conv2d(x, { filters: width, kernelSize: 1, groups, name: at('conv1'), ...kernel }), 'bn1', true);
  if (shuffle) y = channelShuffle(y, { groups, name: at('shuffle') });
  const spatial = { kernelSize: 3, strides: stride, padding: 1, name: at('conv2'), ...kernel };
  y = norm(depthwise ? depthwiseConv2d(y, spatial) : conv2d(y, { filters: width, groups, ...spatial }), 'bn2', !depthwise);
  y = norm(conv2d(y, { filters, kernelSize: 1, groups, name: at('conv3'), ...kernel }), 'bn3', false);

  const project = () => norm(conv2d(x, { filters, kernelSize: 1, strides: stride, name: at('downsample.0'), ...kernel }), 'downsample.1', false);
  return activation(addShortcut(x, y, { where, shortcut, stride, at, project, gate }), { kind: 'relu', name: at('relu') });
}
