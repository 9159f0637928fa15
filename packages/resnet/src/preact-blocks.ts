/** The two residual blocks of ResNet v2 (He et al. 2016, "Identity Mappings in Deep Residual Networks", figure 4e): nothing follows the sum. */
import {
  batchNorm, blockEntries, conv2d, dropout, gateOption, layerLabel, layersUnder, option, readOptions, type BlockOptions, type Conv2dOptions, type GateOptions,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { fillSlots, preactPartsOption, type PreactParts } from './parts.js';
import { STRIDE_ON, type StrideOn } from './residual-blocks.js';
import { addShortcut, SHORTCUTS, type Shortcut } from './shortcuts.js';

/** Module paths below a block's name. */
const NAMES = {
  timm: { norm: (i: number) => `norm${i}`, conv: (i: number) => `conv${i}`, projection: 'downsample.conv' },
  pytorchcv: { norm: (i: number) => `body.conv${i}.bn`, conv: (i: number) => `body.conv${i}.conv`, projection: 'identity_conv' },
} as const;

export interface PreactBasicBlockOptions extends BlockOptions {
  /** Width of the convolutions. */
  filters: number;
  /** Default 1. */
  stride?: number;
  /** A projection reads the input after the first batch norm and ReLU, and has no batch norm; any other reads the input itself. Default 'projection'. */
  shortcut?: Shortcut;
  /** Learned factors for the two branches of the sum, the residual one first. Default: a plain sum. */
  gate?: GateOptions;
  /** Dropout rate in front of the last convolution (wide residual networks, section 2.4). Default 0. */
  dropout?: number;
  /** Whose module paths the layers have below `name`. Default 'timm'. */
  naming?: keyof typeof NAMES;
  /** What relatives add to the block, or put in place of its 3x3. Default: nothing. */
  parts?: PreactParts;
}

export interface PreactBottleneckOptions extends PreactBasicBlockOptions {
  /** Default 'middle'. */
  strideOn?: StrideOn;
}

const basicEntries = {
  ...blockEntries('heNormalFanOut'),
  filters: option.integer(1),
  stride: option.withDefault(option.integer(1), 1),
  shortcut: option.withDefault(option.oneOf(SHORTCUTS), 'projection'),
  gate: option.optional(gateOption),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  naming: option.withDefault(option.oneOf(['timm', 'pytorchcv']), 'timm'),
  parts: preactPartsOption,
} as const;
const bottleneckEntries = { ...basicEntries, strideOn: option.withDefault(option.oneOf(STRIDE_ON), 'middle') } as const;

type Convolution = Pick<Conv2dOptions, 'filters' | 'kernelSize' | 'strides'>;

/** x plus batch norm, ReLU and convolution, for each of the convolutions. */
function preactivated(where: string, x: SymbolicTensor, block: ReturnType<typeof readOptions<typeof basicEntries>>, convolutions: readonly Convolution[]) {
  const { name, stride, shortcut, gate, kernelInitializer, seed } = block;
  const names = NAMES[block.naming];
  const at = layersUnder(name);
  const { slot, spatial } = fillSlots(block.parts, block);
  const conv = (make: typeof conv2d, y: SymbolicTensor, path: string, window: Convolution) =>
    make(y, { ...window, padding: window.kernelSize === 3 ? 1 : 0, useBias: false, name: at(path), kernelInitializer, seed });
  const norm = (y: SymbolicTensor, i: number) => batchNorm(y, { activation: 'relu', name: at(names.norm(i)) });

  const first = norm(slot('before', x), 1);
  const residual = convolutions.reduce((y, window, i) => {
    let z = i === 0 ? first : norm(y, i + 1);
    if (i === convolutions.length - 1 && block.dropout > 0) z = dropout(z, { rate: block.dropout, name: at('dropout') });
    return conv(window.kernelSize === 3 ? (input, options) => spatial(input, options, i + 1) : conv2d, z, names.conv(i + 1), window);
  }, x);
  const project = (filters: number) => conv(conv2d, first, names.projection, { filters, kernelSize: 1, strides: stride });
  const finish = (y: SymbolicTensor) => slot('shortcut', y);
  return slot('output', addShortcut(x, slot('after', residual), { where, shortcut, stride, at, project, finish, gate }));
}

/**
 * x + F(x), F = BN, ReLU, 3x3/stride, BN, ReLU, 3x3. [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), filters].
 * @throws OptionError for unknown and impossible options, and for a padded shortcut to fewer channels.
 */
export function preactBasicBlock(x: SymbolicTensor, options: PreactBasicBlockOptions): SymbolicTensor {
  const where = layerLabel('preactBasicBlock', options?.name);
  const block = readOptions(where, basicEntries, options);
  const { filters, stride } = block;
  return preactivated(where, x, block, [{ filters, kernelSize: 3, strides: stride }, { filters, kernelSize: 3 }]);
}

/**
 * x + F(x), F = BN, ReLU, 1x1, BN, ReLU, 3x3, BN, ReLU, 1x1 to four times the width; `strideOn` says which one strides.
 * [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), 4 filters].
 * @throws OptionError for unknown and impossible options, and for a padded shortcut to fewer channels.
 */
export function preactBottleneck(x: SymbolicTensor, options: PreactBottleneckOptions): SymbolicTensor {
  const where = layerLabel('preactBottleneck', options?.name);
  const { strideOn, ...block } = readOptions(where, bottleneckEntries, options);
  const { filters, stride } = block;
  return preactivated(where, x, block, [
    { filters, kernelSize: 1, strides: strideOn === 'first' ? stride : 1 },
    { filters, kernelSize: 3, strides: strideOn === 'middle' ? stride : 1 },
    { filters: 4 * filters, kernelSize: 1 },
  ]);
}
