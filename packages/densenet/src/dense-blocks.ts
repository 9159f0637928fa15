/** The dense layer, the dense block and the transition between blocks (Huang et al. 2017, section 3). */
import {
  avgPool, batchNorm, blockEntries, channelGate, concatenate, conv2d, dropout, gateOption, layerLabel, layersUnder, option, OptionError, readOptions, type BlockOptions,
  type GateOptions,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

const NAMINGS = ['torchvision', 'pytorchcv'] as const;
/** Whose module paths the layers have below a block's name. */
type Naming = (typeof NAMINGS)[number];

/** Module paths below a block's name; torchvision has no plain layer. */
const NAMES = {
  torchvision: { layer: 'denselayer', plain: ['norm1', 'conv1'], squeeze: ['norm1', 'conv1'], grow: ['norm2', 'conv2'], transition: ['norm', 'conv'] },
  pytorchcv: { layer: 'unit', plain: ['conv.bn', 'conv.conv'], squeeze: ['conv1.bn', 'conv1.conv'], grow: ['conv2.bn', 'conv2.conv'], transition: ['conv.bn', 'conv.conv'] },
} as const;

interface DenseNetBlockOptions extends BlockOptions {
  /** Dropout after every convolution, in [0, 1). Default 0. */
  dropout?: number;
  /** Default 'torchvision'. */
  naming?: Naming;
}

export interface DenseLayerOptions extends DenseNetBlockOptions {
  /** Channels that a layer adds: the paper's k. */
  growthRate: number;
  /** A 1x1 convolution to 4k channels in front of the 3x3 (the B of DenseNet-B). Default true. */
  bottleneck?: boolean;
  /**
   * Learned factors for what the layer reads: one for each earlier map (its connection) or for each of its channels. They
   * come after the first ReLU, for a batch norm undoes every factor in front of it. Default: none.
   */
  gate?: GateOptions;
  /** Channels of each of the earlier maps that x is a concatenation of, for `gate`. Default: x is one map. */
  connections?: readonly number[];
}

export interface DenseBlockOptions extends Omit<DenseLayerOptions, 'connections'> {
  /** Number of dense layers. */
  layers: number;
}

export interface TransitionOptions extends DenseNetBlockOptions {
  /** Share of the channels that goes on, in (0, 1]: the paper's theta. Default 0.5. */
  compression?: number;
}

const commonEntries = {
  ...blockEntries('heNormal'),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  naming: option.withDefault(option.oneOf(NAMINGS), 'torchvision'),
} as const;
const layerEntries = {
  ...commonEntries,
  growthRate: option.integer(1),
  bottleneck: option.withDefault(option.boolean(), true),
  gate: option.optional(gateOption),
} as const;
const connectedEntries = { ...layerEntries, connections: option.optional(option.list(option.integer(1))) } as const;
const blockOptionEntries = { ...layerEntries, layers: option.integer(1) } as const;

/** The schema of theta, which specs share. */
export const compressionOption = option.number({ above: 0, max: 1 });
const transitionEntries = { ...commonEntries, compression: option.withDefault(compressionOption, 0.5) } as const;

/** BN, ReLU, convolution and, in training, dropout: the pre-activated unit of which all three blocks are made. */
function preActivated(common: ReturnType<typeof readOptions<typeof commonEntries>>) {
  const { name, dropout: rate, kernelInitializer, seed } = common;
  const at = layersUnder(name);
  return (x: SymbolicTensor, [norm, conv]: readonly [string, string], filters: number, kernelSize: 1 | 3, gated?: (y: SymbolicTensor) => SymbolicTensor) => {
    let y = batchNorm(x, { activation: 'relu', name: at(norm) });
    if (gated) y = gated(y);
    y = conv2d(y, { filters, kernelSize, padding: kernelSize === 3 ? 1 : 0, useBias: false, name: at(conv), kernelInitializer, seed });
    return rate > 0 ? dropout(y, { rate, name: at(`${conv}.dropout`) }) : y;
  };
}

/**
 * [x, H(x)] along the channels, H = BN, ReLU, 1x1 to 4k, BN, ReLU, 3x3 to k; without the bottleneck BN, ReLU, 3x3 to k.
 * With `gate`, learned factors g stand behind the first ReLU: the first convolution reads g_1 y_1, g_2 y_2, ...
 * [N, H, W, C] -> [N, H, W, C + growthRate], the channels of x first.
 * @throws OptionError for unknown and impossible options, and for connections that do not sum to C.
 */
export function denseLayer(x: SymbolicTensor, options: DenseLayerOptions): SymbolicTensor {
  const { growthRate, bottleneck, gate, connections, ...common } = readOptions(layerLabel('denseLayer', options?.name), connectedEntries, options);
  const names = NAMES[common.naming];
  const unit = preActivated(common);
  const at = layersUnder(common.name);
  const gated = gate && ((y: SymbolicTensor) => channelGate(y, { ...gate, parts: connections, name: at('gate') }));
  const y = bottleneck ? unit(unit(x, names.squeeze, 4 * growthRate, 1, gated), names.grow, growthRate, 3) : unit(x, names.plain, growthRate, 3, gated);
  return concatenate([x, y], { name: at('concat') });
}

/**
 * Dense layers in a row: each sees the block's input and what all layers before it added. With `gate`, layer i has i connections.
 * [N, H, W, C] -> [N, H, W, C + layers growthRate].
 * @throws OptionError for unknown and impossible options.
 */
export function denseBlock(x: SymbolicTensor, options: DenseBlockOptions): SymbolicTensor {
  const { layers, name, ...layer } = readOptions(layerLabel('denseBlock', options?.name), blockOptionEntries, options);
  const at = layersUnder(name);
  const connections = [x.shape.at(-1) ?? 0];
  let y = x;
  for (let i = 1; i <= layers; i++) {
    y = denseLayer(y, { ...layer, connections: [...connections], name: at(`${NAMES[layer.naming].layer}${i}`) });
    connections.push(layer.growthRate);
  }
  return y;
}

/**
 * BN, ReLU, 1x1 to floor(compression C) channels, 2x2 average pool. [N, H, W, C] -> [N, floor(H / 2), floor(W / 2), floor(compression C)].
 * @throws OptionError for unknown and impossible options, and where no channel would be left.
 */
export function transition(x: SymbolicTensor, options: TransitionOptions = {}): SymbolicTensor {
  const where = layerLabel('transition', options?.name);
  const { compression, ...common } = readOptions(where, transitionEntries, options);
  const channels = x.shape.at(-1) ?? 0;
  const filters = Math.floor(compression * channels);
  if (filters < 1) throw new OptionError(where, 'compression', compression, `at least 1/${channels}, so that one of ${channels} channels is left`);
  const y = preActivated(common)(x, NAMES[common.naming].transition, filters, 1);
  return avgPool(y, { poolSize: 2, name: layersUnder(common.name)('pool') });
}
