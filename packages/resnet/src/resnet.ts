/**
 * Residual networks: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (CVPR 2016, arXiv
 * 1512.03385), tables 1 and 6. `resnet50` and deeper are V1.5, stride in the 3x3 (torchvision, fb.resnet.torch); `_v1`
 * is the paper's, stride in the first 1x1. Its relatives, all V1.5: wide ResNets (Zagoruyko and Komodakis, arXiv
 * 1605.07146, torchvision's form) and ResNeXt (Xie et al., arXiv 1611.05431, table 1 and section 5.3). Batch norm: epsilon 1e-5, momentum 0.9 (core's defaults). Output: logits.
 *
 * Layer names are torchvision's for the ImageNet form (`layer1.0.conv1`) and pytorchcv's for the CIFAR form, which
 * torchvision lacks (`features.stage1.unit1.body.conv1.conv`).
 */
import { defineFamily, gateOption, option, OptionError, type BuildContext, type Built, type GateOptions, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { RESNEXT_PAPER, WIDE_RESNET_PAPER } from './papers.js';
import { basicBlock, bottleneck, STRIDE_ON, type StrideOn } from './residual-blocks.js';
import { residualNetwork, residualStages } from './residual-network.js';
import { SHORTCUTS, type Shortcut } from './shortcuts.js';

export interface ResNetSpec {
  /** Which paper's table and which reference's names: 7x7/2 and a max pool, or one 3x3. */
  readonly stem: 'imagenet' | 'cifar';
  readonly block: 'basic' | 'bottleneck';
  /** Blocks of each stage; every stage after the first halves the size and doubles the width. */
  readonly depths: readonly number[];
  /** Filters of the first stage. Default 64 (imagenet) or 16 (cifar). */
  readonly width?: number;
  /** Default 'projection'. */
  readonly shortcut?: Shortcut;
  /** Learned factors for the two branches of every sum, one each or one for each channel. Default: plain sums. */
  readonly gate?: GateOptions;
  /** Which convolution of a bottleneck strides: the 3x3 (V1.5) or the first 1x1 (V1). Default 'middle'. */
  readonly strideOn?: StrideOn;
  /** Groups of a bottleneck's 3x3: ResNeXt's cardinality. Default 1. */
  readonly groups?: number;
  /** Width of a bottleneck's 3x3 for every 64 filters, in each group. Default 64. */
  readonly baseWidth?: number;
  /** Start every block as the identity: gamma 0 in its last batch norm. Default false. */
  readonly zeroGamma?: boolean;
}

const CIFAR = { stem: 'cifar', block: 'basic', input: [32, 32, 3], classes: 10 } as const;
const RESNET20 = { ...CIFAR, depths: [3, 3, 3] } as const;
const RESNEXT_CIFAR = { ...CIFAR, block: 'bottleneck', depths: [3, 3, 3], width: 64 } as const;

/**
 * Rows of tables 1 and 6, and `resnet_tiny` for tests and short runs. CIFAR rows: option B as pytorchcv has it; `_a`: the
 * paper's option A; `_plain`: the paper's networks without shortcuts, which cost as much as those with option A.
 * `_weighted` rows are nobody's paper: sums with learned factors, 2 parameters a block, `_channel` 2 for each of its channels.
 */
export const RESNETS = {
  resnet18: { stem: 'imagenet', block: 'basic', depths: [2, 2, 2, 2], params: 11_689_512, macs: 1_814_073_344 },
  resnet34: { stem: 'imagenet', block: 'basic', depths: [3, 4, 6, 3], params: 21_797_672, macs: 3_663_761_408 },
  resnet50: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 6, 3], params: 25_557_032, macs: 4_089_184_256 },
  resnet101: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 23, 3], params: 44_549_160, macs: 7_801_405_440 },
  resnet152: { stem: 'imagenet', block: 'bottleneck', depths: [3, 8, 36, 3], params: 60_192_808, macs: 11_513_626_624 },
  resnet50_v1: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 6, 3], strideOn: 'first', params: 25_557_032, macs: 3_857_973_248 },
  resnet101_v1: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 23, 3], strideOn: 'first', params: 44_549_160, macs: 7_570_194_432 },
  resnet152_v1: { stem: 'imagenet', block: 'bottleneck', depths: [3, 8, 36, 3], strideOn: 'first', params: 60_192_808, macs: 11_282_415_616 },
  resnet20_cifar10: { ...RESNET20, params: 272_474, macs: 40_813_184 },
  resnet32_cifar10: { ...CIFAR, depths: [5, 5, 5], params: 466_906, macs: 69_124_736 },
  resnet44_cifar10: { ...CIFAR, depths: [7, 7, 7], params: 661_338, macs: 97_436_288 },
  resnet56_cifar10: { ...CIFAR, depths: [9, 9, 9], params: 855_770, macs: 125_747_840 },
  resnet110_cifar10: { ...CIFAR, depths: [18, 18, 18], params: 1_730_714, macs: 253_149_824 },
  resnet20_cifar10_a: { ...CIFAR, depths: [3, 3, 3], shortcut: 'padded', params: 269_722, macs: 40_551_040 },
  resnet32_cifar10_a: { ...CIFAR, depths: [5, 5, 5], shortcut: 'padded', params: 464_154, macs: 68_862_592 },
  resnet44_cifar10_a: { ...CIFAR, depths: [7, 7, 7], shortcut: 'padded', params: 658_586, macs: 97_174_144 },
  resnet56_cifar10_a: { ...CIFAR, depths: [9, 9, 9], shortcut: 'padded', params: 853_018, macs: 125_485_696 },
  resnet110_cifar10_a: { ...CIFAR, depths: [18, 18, 18], shortcut: 'padded', params: 1_727_962, macs: 252_887_680 },
  resnet18_plain: { stem: 'imagenet', block: 'basic', depths: [2, 2, 2, 2], shortcut: 'none', params: 11_515_688, macs: 1_794_805_760 },
  resnet34_plain: { stem: 'imagenet', block: 'basic', depths: [3, 4, 6, 3], shortcut: 'none', params: 21_623_848, macs: 3_644_493_824 },
  resnet20_cifar10_plain: { ...CIFAR, depths: [3, 3, 3], shortcut: 'none', params: 269_722, macs: 40_551_040 },
  resnet32_cifar10_plain: { ...CIFAR, depths: [5, 5, 5], shortcut: 'none', params: 464_154, macs: 68_862_592 },
  resnet44_cifar10_plain: { ...CIFAR, depths: [7, 7, 7], shortcut: 'none', params: 658_586, macs: 97_174_144 },
  resnet56_cifar10_plain: { ...CIFAR, depths: [9, 9, 9], shortcut: 'none', params: 853_018, macs: 125_485_696 },
  resnet110_cifar10_plain: { ...CIFAR, depths: [18, 18, 18], shortcut: 'none', params: 1_727_962, macs: 252_887_680 },
  resnet20_cifar10_weighted: { ...RESNET20, gate: { per: 'tensor', form: 'linear' }, params: 272_492, macs: 40_813_184 },
  resnet20_cifar10_weighted_softmax: { ...RESNET20, gate: { per: 'tensor', form: 'softmax' }, params: 272_492, macs: 40_813_184 },
  resnet20_cifar10_weighted_sigmoid: { ...RESNET20, gate: { per: 'tensor', form: 'sigmoid' }, params: 272_492, macs: 40_813_184 },
  resnet20_cifar10_weighted_channel: { ...RESNET20, gate: { per: 'channel', form: 'linear' }, params: 273_146, macs: 40_813_184 },
  wide_resnet50_2: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 6, 3], baseWidth: 128, params: 68_883_240, macs: 11_398_021_120 },
  wide_resnet101_2: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 23, 3], baseWidth: 128, params: 126_886_696, macs: 22_753_050_624 },
  resnext50_32x4d: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 6, 3], groups: 32, baseWidth: 4, params: 25_028_904, macs: 4_230_479_872 },
  resnext101_32x4d: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 23, 3], groups: 32, baseWidth: 4, params: 44_177_704, macs: 7_969_996_800 },
  resnext101_32x8d: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 23, 3], groups: 32, baseWidth: 8, params: 88_791_336, macs: 16_414_015_488 },
  resnext101_64x4d: { stem: 'imagenet', block: 'bottleneck', depths: [3, 4, 23, 3], groups: 64, baseWidth: 4, params: 83_455_272, macs: 15_460_270_080 },
  resnext29_32x4d_cifar10: { ...RESNEXT_CIFAR, groups: 32, baseWidth: 4, params: 4_775_754, macs: 774_055_936 },
  resnext29_8x64d_cifar10: { ...RESNEXT_CIFAR, groups: 8, baseWidth: 64, params: 34_426_698, macs: 5_387_266_048 },
  resnext29_16x64d_cifar10: { ...RESNEXT_CIFAR, groups: 16, baseWidth: 64, params: 68_155_210, macs: 10_688_866_304 },
  resnet_tiny: { stem: 'imagenet', block: 'basic', depths: [1, 1, 1], width: 16, input: [28, 28, 1], classes: 10 },
} as const satisfies Record<string, ResNetSpec & VariantRow>;

const resnetSpec = {
  stem: option.oneOf(['imagenet', 'cifar']),
  block: option.oneOf(['basic', 'bottleneck']),
  depths: option.list(option.integer(1)),
  width: option.optional(option.integer(1)),
  shortcut: option.withDefault(option.oneOf(SHORTCUTS), 'projection'),
  gate: option.optional(gateOption),
  strideOn: option.withDefault(option.oneOf(STRIDE_ON), 'middle'),
  groups: option.withDefault(option.integer(1), 1),
  baseWidth: option.withDefault(option.integer(1), 64),
  zeroGamma: option.withDefault(option.boolean(), false),
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof resnetSpec>, context: BuildContext): Built {
  const { stem, block, depths, width = stem === 'imagenet' ? 64 : 16, shortcut, gate, strideOn, groups, baseWidth, zeroGamma } = spec;
  if (block === 'basic' && (groups !== 1 || baseWidth !== 64)) throw new OptionError('resnet', 'block', block, "'bottleneck' where groups or baseWidth is given");
  return residualNetwork(x, {
    naming: stem === 'imagenet' ? 'torchvision' : 'pytorchcv',
    stem,
    stemFilters: width,
    stages: residualStages(depths, width),
    block: (y, unit) => {
      const options = { ...unit, shortcut, gate, zeroGamma };
      return block === 'basic' ? basicBlock(y, options) : bottleneck(y, { ...options, strideOn, groups, baseWidth });
    },
  }, context);
}

/** The family: `resnet.build('resnet50', { classes: 10 })`. Feature taps: layer1 .. layer4, for the CIFAR form stage1 .. stage3. */
export const resnet = defineFamily({
  id: 'resnet',
  paper: {
    title: 'Deep Residual Learning for Image Recognition',
    authors: 'Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun',
    year: 2015,
    url: 'https://arxiv.org/abs/1512.03385',
  },
  papers: {
    wide_resnet50_2: WIDE_RESNET_PAPER,
    wide_resnet101_2: WIDE_RESNET_PAPER,
    resnext50_32x4d: RESNEXT_PAPER,
    resnext101_32x4d: RESNEXT_PAPER,
    resnext101_32x8d: RESNEXT_PAPER,
    resnext101_64x4d: RESNEXT_PAPER,
    resnext29_32x4d_cifar10: RESNEXT_PAPER,
    resnext29_8x64d_cifar10: RESNEXT_PAPER,
    resnext29_16x64d_cifar10: RESNEXT_PAPER,
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: RESNETS,
  aliases: {
    // pytorchcv, whose resnet50 is resnet50_v1
    resnet50b: 'resnet50',
    resnet101b: 'resnet101',
    resnet152b: 'resnet152',
    // akamaster/pytorch_resnet_cifar10: the paper's own form, without parameters in the shortcuts
    resnet20: 'resnet20_cifar10_a',
    resnet32: 'resnet32_cifar10_a',
    resnet44: 'resnet44_cifar10_a',
    resnet56: 'resnet56_cifar10_a',
    resnet110: 'resnet110_cifar10_a',
  },
  spec: resnetSpec,
  build,
});
