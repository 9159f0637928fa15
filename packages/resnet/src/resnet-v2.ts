/**
 * Pre-activation residual networks: He, Zhang, Ren and Sun, "Identity Mappings in Deep Residual Networks" (ECCV 2016, arXiv
 * 1603.05027), and the wide ones for CIFAR (Zagoruyko and Komodakis, arXiv 1605.07146, table 1). The first block of a
 * stage strides, a bottleneck in its 3x3; Keras' ResNet50V2, which strides in the last block of a stage and keeps
 * convolution biases, is another network. Batch norm: epsilon 1e-5, momentum 0.9 (core's defaults). Output: logits.
 *
 * Layer names are timm's for the ImageNet form (`stages.0.blocks.0.conv1`; its classifier is a 1x1 convolution) and
 * pytorchcv's for the CIFAR form, which timm lacks (`features.stage1.unit1.body.conv1.conv`).
 */
import {
  batchNorm, conv2d, defineFamily, dense, dropout, flatten, globalAveragePool, maxPool, option, type BuildContext, type Built, type OptionOutput, type VariantRow,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { WIDE_RESNET_PAPER } from './papers.js';
import { preactBasicBlock, preactBottleneck } from './preact-blocks.js';
import { STRIDE_ON, type StrideOn } from './residual-blocks.js';
import { SHORTCUTS, type Shortcut } from './shortcuts.js';

export interface ResNetV2Spec {
  /** Which reference's form and names: 7x7/2 and a max pool, or one 3x3. */
  readonly stem: 'imagenet' | 'cifar';
  readonly block: 'basic' | 'bottleneck';
  /** Blocks of each stage; every stage after the first halves the size and doubles the width. */
  readonly depths: readonly number[];
  /** Filters of the stem, and of the first stage where `widen` is 1. Default 64 (imagenet) or 16 (cifar). */
  readonly width?: number;
  /** k of WRN-d-k: multiplies the filters of every stage. Default 1. */
  readonly widen?: number;
  /** Default 'projection'. */
  readonly shortcut?: Shortcut;
  /** Which convolution of a bottleneck strides: the 3x3 or the first 1x1. Default 'middle'. */
  readonly strideOn?: StrideOn;
  /** Batch norm and ReLU also after the first convolution, as in pytorchcv's preresnet50. Default false. */
  readonly stemNorm?: boolean;
  /** Dropout rate inside the blocks, in front of the last convolution. Default 0. */
  readonly blockDropout?: number;
}

const CIFAR = { stem: 'cifar', block: 'basic', input: [32, 32, 3], classes: 10 } as const;

/** `resnetv2_*` as in timm; CIFAR rows as in pytorchcv, `wrn<depth>_<k>` the wide ones; `resnetv2_tiny` for tests and short runs. */
export const RESNETS_V2 = {
  resnetv2_18: { stem: 'imagenet', block: 'basic', depths: [2, 2, 2, 2], params: 11_687_720, macs: 1_814_073_344 },
  resnetv2_34: { stem: 'imagenet', block: 'basic', depths: [3, 4, 6, 3], params: 21_795_880, macs: 3_663_761_408 },
  resnetv2_50: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 6, 3], params: 25_549_352, macs: 4_089_184_256 },
  resnetv2_101: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 23, 3], params: 44_541_480, macs: 7_801_405_440 },
  resnetv2_152: { stem: 'imagenet', block: 'bottleneck', depths: [3, 8, 36, 3], params: 60_185_128, macs: 11_513_626_624 },
  preresnet20_cifar10: { ...CIFAR, depths: [3, 3, 3], params: 272_282, macs: 40_813_184 },
  preresnet56_cifar10: { ...CIFAR, depths: [9, 9, 9], params: 855_578, macs: 125_747_840 },
  preresnet110_cifar10: { ...CIFAR, depths: [18, 18, 18], params: 1_730_522, macs: 253_149_824 },
  preresnet164bn_cifar10: { ...CIFAR, block: 'bottleneck', depths: [18, 18, 18], params: 1_703_258, macs: 247_646_720 },
  wrn16_10_cifar10: { ...CIFAR, depths: [2, 2, 2], widen: 10, params: 17_116_634, macs: 2_412_173_568 },
  wrn28_10_cifar10: { ...CIFAR, depths: [4, 4, 4], widen: 10, params: 36_479_194, macs: 5_243_328_768 },
  wrn40_8_cifar10: { ...CIFAR, depths: [6, 6, 6], widen: 8, params: 35_748_314, macs: 5_172_024_320 },
  resnetv2_tiny: { stem: 'imagenet', block: 'basic', depths: [1, 1, 1], width: 16, input: [28, 28, 1], classes: 10 },
} as const satisfies Record<string, ResNetV2Spec & VariantRow>;

const resnetV2Spec = {
  stem: option.oneOf(['imagenet', 'cifar']),
  block: option.oneOf(['basic', 'bottleneck']),
  depths: option.list(option.integer(1)),
  width: option.optional(option.integer(1)),
  widen: option.withDefault(option.integer(1), 1),
  shortcut: option.withDefault(option.oneOf(SHORTCUTS), 'projection'),
  strideOn: option.withDefault(option.oneOf(STRIDE_ON), 'middle'),
  stemNorm: option.withDefault(option.boolean(), false),
  blockDropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
} as const;

/** Module paths around the blocks in the two references; stages and units count from 0. */
const NAMES = {
  imagenet: {
    naming: 'timm', conv: 'stem.conv', stemNorm: 'stem.norm', norm: 'norm', pool: 'head.global_pool', classifier: 'head.fc',
    tap: (stage: number) => `stages.${stage}`, unit: (stage: number, unit: number) => `stages.${stage}.blocks.${unit}`,
  },
  cifar: {
    naming: 'pytorchcv', conv: 'features.init_block', stemNorm: 'features.init_norm', norm: 'features.post_activ.bn', pool: 'features.final_pool', classifier: 'output',
    tap: (stage: number) => `stage${stage + 1}`, unit: (stage: number, unit: number) => `features.stage${stage + 1}.unit${unit + 1}`,
  },
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof resnetV2Spec>, context: BuildContext): Built {
  const { stem, block, depths, width = stem === 'imagenet' ? 64 : 16, widen, shortcut, strideOn, stemNorm, blockDropout } = spec;
  const names = NAMES[stem];
  const convolutions = context.weights('heNormalFanOut');
  const features: Record<string, SymbolicTensor> = {};

  const window = stem === 'imagenet' ? { kernelSize: 7, strides: 2, padding: 3 } : { kernelSize: 3, padding: 1 };
  let y = conv2d(x, { filters: width, ...window, useBias: false, name: names.conv, ...convolutions });
  if (stemNorm) y = batchNorm(y, { activation: 'relu', name: names.stemNorm });
  if (stem === 'imagenet') y = maxPool(y, { poolSize: 3, strides: 2, padding: 1, name: 'stem.pool' });

  depths.forEach((depth, stage) => {
    for (let unit = 0; unit < depth; unit++) {
      const options = {
        filters: width * widen * 2 ** stage, stride: stage > 0 && unit === 0 ? 2 : 1, shortcut, dropout: blockDropout,
        naming: names.naming, name: names.unit(stage, unit), ...convolutions,
      };
      y = block === 'basic' ? preactBasicBlock(y, options) : preactBottleneck(y, { ...options, strideOn });
    }
    features[names.tap(stage)] = y;
  });
  y = batchNorm(y, { activation: 'relu', name: names.norm });
  if (!context.includeTop) return { output: y, features };

  y = globalAveragePool(y, { keepDims: stem === 'imagenet', name: names.pool });
  const rate = context.dropout(0);
  if (rate > 0) y = dropout(y, { rate, name: 'dropout' });
  const classifier = { name: names.classifier, ...context.weights('torchUniform') };
  if (stem === 'cifar') return { output: dense(y, { units: context.classes, ...classifier }), features };
  return { output: flatten(conv2d(y, { filters: context.classes, kernelSize: 1, ...classifier }), { name: 'head.flatten' }), features };
}

/**
 * The family: `resnetV2.build('resnetv2_50', { classes: 10 })`. Feature taps: stages.0 .. stages.3, for the CIFAR form
 * stage1 .. stage3; they are sums, in front of the last batch norm.
 */
export const resnetV2 = defineFamily({
  id: 'resnet-v2',
  paper: {
    title: 'Identity Mappings in Deep Residual Networks',
    authors: 'Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun',
    year: 2016,
    url: 'https://arxiv.org/abs/1603.05027',
  },
  papers: { wrn16_10_cifar10: WIDE_RESNET_PAPER, wrn28_10_cifar10: WIDE_RESNET_PAPER, wrn40_8_cifar10: WIDE_RESNET_PAPER },
  input: [224, 224, 3],
  classes: 1000,
  variants: RESNETS_V2,
  aliases: {
    // Without a data set: these depths are the papers' for CIFAR
    preresnet20: 'preresnet20_cifar10',
    preresnet56: 'preresnet56_cifar10',
    preresnet110: 'preresnet110_cifar10',
    preresnet164: 'preresnet164bn_cifar10',
    wrn16_10: 'wrn16_10_cifar10',
    wrn28_10: 'wrn28_10_cifar10',
    wrn40_8: 'wrn40_8_cifar10',
  },
  spec: resnetV2Spec,
  build,
});
