/**
 * Densely connected networks: Huang, Liu, van der Maaten and Weinberger, "Densely Connected Convolutional Networks"
 * (CVPR 2017, arXiv 1608.06993), tables 1 and 2. DenseNet-BC (bottleneck layers, transitions that halve) for ImageNet;
 * BC and plain for CIFAR. Plain rows are the paper's: a stem of 16 channels, transitions that keep them all. Others differ
 * and are rows of their own: `_lua`, the authors' release, has a stem of 2k channels; `_pytorchcv` halves as well. `_weighted`
 * rows are nobody's paper: connections with learned factors, to ask which of them a layer wants.
 *
 * Layer names are torchvision's for the ImageNet form (`features.denseblock1.denselayer1.norm1`) and pytorchcv's for the
 * CIFAR form, which torchvision lacks (`features.stage1.unit1.conv1.bn`). Initial weights are torchvision's (He, fan in;
 * the authors' release: fan out). Batch norm: epsilon 1e-5, momentum 0.9 (core's defaults). Output: logits.
 */
import { batchNorm, conv2d, defineFamily, dense, dropout, globalAveragePool, gateOption, maxPool, option, type BuildContext, type Built, type GateOptions, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { compressionOption, denseBlock, transition } from './dense-blocks.js';

export interface DenseNetSpec {
  /** Which of the paper's tables and which reference's names: 7x7/2 and a max pool, or one bare 3x3. */
  readonly stem: 'imagenet' | 'cifar';
  /** Channels that a layer adds: the paper's k. */
  readonly growthRate: number;
  /** Dense layers of each block; between blocks a transition halves the size. */
  readonly blocks: readonly number[];
  /** Channels of the stem. Default 2 growthRate. */
  readonly stemFilters?: number;
  /** A 1x1 convolution to 4k channels in every layer (B). Default true. */
  readonly bottleneck?: boolean;
  /** Share of the channels that a transition keeps, the paper's theta; below 1 it is C. Default 0.5. */
  readonly compression?: number;
  /** Dropout after every convolution but the stem's; the paper takes 0.2 where it trains without augmentation. Default 0. */
  readonly dropout?: number;
  /** Learned factors for the connections of every dense layer, one each or one for each channel. Default: none. */
  readonly gate?: GateOptions;
}

const CIFAR = { stem: 'cifar', input: [32, 32, 3], classes: 10 } as const;
/** DenseNet: no bottleneck, no compression. */
const PLAIN = { ...CIFAR, stemFilters: 16, bottleneck: false, compression: 1 } as const;
const BC40 = { ...CIFAR, growthRate: 12, blocks: [6, 6, 6] } as const;

/**
 * Rows of tables 1 and 2, torchvision's 161, pytorchcv's small BC networks, and `densenet_tiny` for tests and short runs. A
 * weight for each connection of a block of L layers makes L (L + 1) / 2 more parameters; `_channel` has one for each channel.
 */
export const DENSENETS = {
  densenet121: { stem: 'imagenet', growthRate: 32, blocks: [6, 12, 24, 16], params: 7_978_856, macs: 2_834_161_664 },
  densenet161: { stem: 'imagenet', growthRate: 48, blocks: [6, 12, 36, 24], params: 28_681_000, macs: 7_727_907_072 },
  densenet169: { stem: 'imagenet', growthRate: 32, blocks: [6, 12, 32, 32], params: 14_149_480, macs: 3_359_843_328 },
  densenet201: { stem: 'imagenet', growthRate: 32, blocks: [6, 12, 48, 32], params: 20_013_928, macs: 4_291_365_888 },
  densenet264: { stem: 'imagenet', growthRate: 32, blocks: [6, 12, 64, 48], params: 33_337_704, macs: 5_751_653_376 },
  densenet40_k12_cifar10: { ...PLAIN, growthRate: 12, blocks: [12, 12, 12], params: 1_019_722, macs: 264_812_928 },
  densenet100_k12_cifar10: { ...PLAIN, growthRate: 12, blocks: [32, 32, 32], params: 6_979_642, macs: 1_769_516_448 },
  densenet100_k24_cifar10: { ...PLAIN, growthRate: 24, blocks: [32, 32, 32], params: 27_249_082, macs: 6_889_347_744 },
  densenet40_k12_bc_cifar10: { ...BC40, params: 176_122, macs: 72_365_352 },
  densenet40_k24_bc_cifar10: { ...CIFAR, growthRate: 24, blocks: [6, 6, 6], params: 690_346, macs: 288_131_664 },
  densenet40_k36_bc_cifar10: { ...CIFAR, growthRate: 36, blocks: [6, 6, 6], params: 1_542_682, macs: 647_298_936 },
  densenet100_k12_bc_cifar10: { ...CIFAR, growthRate: 12, blocks: [16, 16, 16], params: 769_162, macs: 287_929_692 },
  densenet190_k40_bc_cifar10: { ...CIFAR, growthRate: 40, blocks: [31, 31, 31], params: 25_624_430, macs: 9_301_945_740 },
  densenet250_k24_bc_cifar10: { ...CIFAR, growthRate: 24, blocks: [41, 41, 41], params: 15_324_406, macs: 5_418_785_724 },
  densenet40_k12_cifar10_lua: { ...PLAIN, stemFilters: 24, growthRate: 12, blocks: [12, 12, 12], params: 1_059_298, macs: 282_917_328 },
  densenet100_k12_cifar10_lua: { ...PLAIN, stemFilters: 24, growthRate: 12, blocks: [32, 32, 32], params: 7_083_538, macs: 1_816_743_408 },
  densenet100_k24_cifar10_lua: { ...PLAIN, stemFilters: 48, growthRate: 24, blocks: [32, 32, 32], params: 28_071_706, macs: 7_265_623_008 },
  densenet40_k12_cifar10_pytorchcv: { ...CIFAR, bottleneck: false, growthRate: 12, blocks: [12, 12, 12], params: 599_050, macs: 205_906_452 },
  densenet100_k12_cifar10_pytorchcv: { ...CIFAR, bottleneck: false, growthRate: 12, blocks: [32, 32, 32], params: 4_068_490, macs: 1_324_548_732 },
  densenet100_k24_cifar10_pytorchcv: { ...CIFAR, bottleneck: false, growthRate: 24, blocks: [32, 32, 32], params: 16_114_138, macs: 5_296_854_264 },
  densenet40_k12_bc_cifar10_weighted: { ...BC40, gate: { per: 'tensor', form: 'linear' }, params: 176_185, macs: 72_365_352 },
  densenet40_k12_bc_cifar10_weighted_softmax: { ...BC40, gate: { per: 'tensor', form: 'softmax' }, params: 176_185, macs: 72_365_352 },
  densenet40_k12_bc_cifar10_weighted_sigmoid: { ...BC40, gate: { per: 'tensor', form: 'sigmoid' }, params: 176_185, macs: 72_365_352 },
  densenet40_k12_bc_cifar10_weighted_channel: { ...BC40, gate: { per: 'channel', form: 'linear' }, params: 177_454, macs: 72_365_352 },
  densenet_tiny: { stem: 'cifar', growthRate: 8, blocks: [2, 2, 2], input: [28, 28, 1], classes: 10 },
} as const satisfies Record<string, DenseNetSpec & VariantRow>;

const densenetSpec = {
  stem: option.oneOf(['imagenet', 'cifar']),
  growthRate: option.integer(1),
  blocks: option.list(option.integer(1)),
  stemFilters: option.optional(option.integer(1)),
  bottleneck: option.withDefault(option.boolean(), true),
  compression: option.withDefault(compressionOption, 0.5),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  gate: option.optional(gateOption),
} as const;

/** Module paths around the layers in the two references, and the taps of a backbone; blocks count from 1. */
const NAMES = {
  imagenet: {
    naming: 'torchvision', conv: 'features.conv0', norm: 'features.norm5', pool: 'avgpool', classifier: 'classifier',
    tap: (block: number) => `denseblock${block}`, transition: (block: number) => `features.transition${block}`, lastTap: 'norm5',
  },
  cifar: {
    naming: 'pytorchcv', conv: 'features.init_block', norm: 'features.post_activ.bn', pool: 'features.final_pool', classifier: 'output',
    tap: (block: number) => `stage${block}`, transition: (block: number) => `features.stage${block + 1}.trans${block + 1}`, lastTap: 'post_activ',
  },
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof densenetSpec>, context: BuildContext): Built {
  const { stem, growthRate, blocks, stemFilters = 2 * growthRate, bottleneck, compression, dropout: rate, gate } = spec;
  const names = NAMES[stem];
  const convolutions = context.weights('heNormal');
  const shared = { dropout: rate, naming: names.naming, ...convolutions };
  const features: Record<string, SymbolicTensor> = {};

  const window = stem === 'imagenet' ? { kernelSize: 7, strides: 2, padding: 3 } : { kernelSize: 3, padding: 1 };
  let y = conv2d(x, { filters: stemFilters, ...window, useBias: false, name: names.conv, ...convolutions });
  if (stem === 'imagenet') {
    y = batchNorm(y, { activation: 'relu', name: 'features.norm0' });
    y = maxPool(y, { poolSize: 3, strides: 2, padding: 1, name: 'features.pool0' });
  }

  blocks.forEach((layers, i) => {
    if (i > 0) y = transition(y, { compression, name: names.transition(i), ...shared });
    y = denseBlock(y, { layers, growthRate, bottleneck, gate, name: `features.${names.tap(i + 1)}`, ...shared });
    features[names.tap(i + 1)] = y;
  });
  y = batchNorm(y, { activation: 'relu', name: names.norm });
  features[names.lastTap] = y;
  if (!context.includeTop) return { output: y, features };

  y = globalAveragePool(y, { name: names.pool });
  const headRate = context.dropout(0);
  if (headRate > 0) y = dropout(y, { rate: headRate, name: 'dropout' });
  return { output: dense(y, { units: context.classes, name: names.classifier, ...context.weights('torchUniform') }), features };
}

/** The family: `densenet.build('densenet121', { classes: 10 })`. Feature taps: denseblock1 .. denseblock4 and norm5, for the CIFAR form stage1 .. stage3 and post_activ. */
export const densenet = defineFamily({
  id: 'densenet',
  paper: {
    title: 'Densely Connected Convolutional Networks',
    authors: 'Gao Huang, Zhuang Liu, Laurens van der Maaten, Kilian Q. Weinberger',
    year: 2016,
    url: 'https://arxiv.org/abs/1608.06993',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: DENSENETS,
  // Keras. pytorchcv's densenet40_k12_cifar10 compresses: that name is the paper's network, theirs has a name of its own.
  aliases: { DenseNet121: 'densenet121', DenseNet169: 'densenet169', DenseNet201: 'densenet201' },
  spec: densenetSpec,
  build,
});
