/**
 * Residual networks with attention in every block: Hu, Shen and Sun, "Squeeze-and-Excitation Networks" (CVPR 2018, arXiv
 * 1709.01507), tables 1 and 10 and section 6; ECA-Net (arXiv 1910.03151); CBAM (arXiv 1807.06521). Biases in the squeeze
 * and excitation, as in all released models. Batch norm: epsilon 1e-5, momentum 0.9 (core's defaults). Output: logits.
 *
 * Layer names are timm's (`layer1.0.se.fc1`), for networks as the authors released them and for CBAM pytorchcv's
 * (`features.stage1.unit1.se.conv1`). SENet's stem pools with padding 1, as pytorchcv; Caffe and timm round up instead.
 */
import { defineFamily, option, OptionError, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import { basicBlock, bottleneck, residualNetwork, residualStages } from '@convkit/resnet';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { attentionOption, attentionParts, PLACEMENTS, type Attention, type Placement } from './attention-parts.js';
import { CBAM_PAPER, ECA_PAPER, SE_PAPER } from './papers.js';

export interface SEResNetSpec {
  readonly block: 'basic' | 'bottleneck';
  /** Blocks of each stage; every stage after the first halves the size and doubles the width. */
  readonly depths: readonly number[];
  /** What is in every block. */
  readonly attention: Attention;
  /** Where it is. Default 'standard'. */
  readonly placement?: Placement;
  /** Whose names the layers have; timm's are torchvision's. Default 'torchvision'. */
  readonly naming?: 'torchvision' | 'pytorchcv';
  /** 7x7/2 and a max pool, three 3x3 and a max pool, or one 3x3. Default 'imagenet'. */
  readonly stem?: 'imagenet' | 'deep' | 'cifar';
  /** Filters of the first stage. Default 64. */
  readonly width?: number;
  /** Filters of the stem. Default: width. */
  readonly stemFilters?: number;
  /** Filters of the deep stem's first two convolutions. Default: half of stemFilters. */
  readonly innerStemFilters?: number | readonly [number, number];
  /** Which convolution of a bottleneck strides: the 3x3 (V1.5) or the first 1x1 (V1). Default 'middle'. */
  readonly strideOn?: 'first' | 'middle';
  /** Groups of a bottleneck's 3x3. Default 1. */
  readonly groups?: number;
  /** Width of a bottleneck's 3x3 for every 64 filters, in each group. Default 64. */
  readonly baseWidth?: number;
  /** A bottleneck's first 1x1 has half the width of its 3x3 (SENet-154). Default false. */
  readonly halfFirst?: boolean;
  /** What changes the shortcut's shape; '3x3' only where it strides, as in SENet-154. Default '1x1'. */
  readonly projection?: '1x1' | '3x3' | 'averagePool';
  /** Dropout rate in front of the classifier. Default 0. */
  readonly dropout?: number;
  /** Module path of the classifier. Default: fc, or with pytorchcv's names output. */
  readonly classifier?: string;
}

const SE = { kind: 'squeezeExcite', ratio: 16 } as const;
const TIMM_SE = { ...SE, rounding: 'multipleOf8' } as const;
const se = (ratio: number, useBias = true) => ({ kind: 'squeezeExcite', ratio, useBias }) as const;
const R18 = { block: 'basic', depths: [2, 2, 2, 2] } as const;
const R34 = { block: 'basic', depths: [3, 4, 6, 3] } as const;
const R50 = { block: 'bottleneck', depths: [3, 4, 6, 3] } as const;
const R101 = { block: 'bottleneck', depths: [3, 4, 23, 3] } as const;
const R152 = { block: 'bottleneck', depths: [3, 8, 36, 3] } as const;
const V1 = { attention: SE, naming: 'pytorchcv', strideOn: 'first' } as const;
const X32X4 = { groups: 32, baseWidth: 4 } as const;
const SENET = {
  block: 'bottleneck', attention: SE, naming: 'pytorchcv', stem: 'deep', stemFilters: 128, baseWidth: 4, halfFirst: true, projection: '3x3', dropout: 0.2, classifier: 'output.fc',
} as const;

/**
 * `_v1`: the authors' networks, stride in the first 1x1; the others are V1.5, as timm has them. `_floor`: squeezed widths of
 * floor(C / 16), which timm rounds to a multiple of 8; where C / 16 is one, there is one row. `_r<ratio>` and `_nobias`:
 * table 10, whose networks have no biases. `_pre`, `_post`, `_identity` and `_3x3`: the placements of section 6.5.
 */
export const SE_RESNETS = {
  seresnet18: { ...R18, attention: TIMM_SE, params: 11_779_624, macs: 1_814_161_408 },
  seresnet34: { ...R34, attention: TIMM_SE, params: 21_960_416, macs: 3_663_920_128 },
  seresnet18_floor: { ...R18, attention: SE, naming: 'pytorchcv', params: 11_778_592, macs: 1_814_160_384 },
  seresnet34_floor: { ...R34, attention: SE, naming: 'pytorchcv', params: 21_958_868, macs: 3_663_918_592 },
  seresnet50: { ...R50, attention: TIMM_SE, params: 28_088_024, macs: 4_091_699_200 },
  seresnet101: { ...R101, attention: TIMM_SE, params: 49_326_872, macs: 7_806_148_608 },
  seresnet152: { ...R152, attention: TIMM_SE, params: 66_821_848, macs: 11_520_204_800 },
  seresnet50_v1: { ...R50, ...V1, params: 28_088_024, macs: 3_860_488_192 },
  seresnet101_v1: { ...R101, ...V1, params: 49_326_872, macs: 7_574_937_600 },
  seresnet152_v1: { ...R152, ...V1, params: 66_821_848, macs: 11_288_993_792 },
  seresnext50_32x4d: { ...R50, ...X32X4, attention: TIMM_SE, params: 27_559_896, macs: 4_232_994_816 },
  seresnext101_32x4d: { ...R101, ...X32X4, attention: TIMM_SE, params: 48_955_416, macs: 7_974_739_968 },
  senet154: { ...SENET, depths: [3, 8, 36, 3], groups: 64, params: 115_088_984, macs: 20_688_363_520 },
  seresnet50_r2: { ...R50, attention: se(2), params: 45_699_240, macs: 4_109_303_808 },
  seresnet50_r4: { ...R50, attention: se(4), params: 35_635_688, macs: 4_099_244_032 },
  seresnet50_r8: { ...R50, attention: se(8), params: 30_603_912, macs: 4_094_214_144 },
  seresnet50_r32: { ...R50, attention: se(32), params: 26_830_080, macs: 4_090_441_728 },
  seresnet50_r2_nobias: { ...R50, attention: se(2, false), params: 45_676_584, macs: 4_109_303_808 },
  seresnet50_r4_nobias: { ...R50, attention: se(4, false), params: 35_616_808, macs: 4_099_244_032 },
  seresnet50_r8_nobias: { ...R50, attention: se(8, false), params: 30_586_920, macs: 4_094_214_144 },
  seresnet50_r16_nobias: { ...R50, attention: se(16, false), params: 28_071_976, macs: 4_091_699_200 },
  seresnet50_r32_nobias: { ...R50, attention: se(32, false), params: 26_814_504, macs: 4_090_441_728 },
  seresnet50_pre: { ...R50, attention: SE, placement: 'pre', params: 27_562_140, macs: 4_091_175_424 },
  seresnet50_post: { ...R50, attention: SE, placement: 'post', params: 28_088_024, macs: 4_091_699_200 },
  seresnet50_identity: { ...R50, attention: SE, placement: 'identity', params: 28_088_024, macs: 4_091_699_200 },
  seresnet50_3x3: { ...R50, attention: SE, placement: '3x3', params: 25_718_228, macs: 4_089_341_440 },
  ecaresnet50d: { ...R50, attention: { kind: 'efficientChannelAttention' }, stem: 'deep', projection: 'averagePool', params: 25_576_350, macs: 4_328_912_640 },
  cbam_resnet18: { ...R18, attention: { kind: 'cbam' }, naming: 'pytorchcv', params: 11_779_392, macs: 1_815_063_764 },
  cbam_resnet50: { ...R50, attention: { kind: 'cbam' }, naming: 'pytorchcv', params: 28_089_624, macs: 4_095_573_110 },
  seresnet_tiny: { block: 'basic', depths: [1, 1, 1], attention: se(4), width: 16, input: [28, 28, 1], classes: 10 },
} as const satisfies Record<string, SEResNetSpec & VariantRow>;

const seResnetSpec = {
  block: option.oneOf(['basic', 'bottleneck']),
  depths: option.list(option.integer(1)),
  attention: attentionOption,
  placement: option.withDefault(option.oneOf(PLACEMENTS), 'standard'),
  naming: option.withDefault(option.oneOf(['torchvision', 'pytorchcv']), 'torchvision'),
  stem: option.withDefault(option.oneOf(['imagenet', 'deep', 'cifar']), 'imagenet'),
  width: option.withDefault(option.integer(1), 64),
  stemFilters: option.optional(option.integer(1)),
  innerStemFilters: option.optional(option.pair(1)),
  strideOn: option.withDefault(option.oneOf(['first', 'middle']), 'middle'),
  groups: option.withDefault(option.integer(1), 1),
  baseWidth: option.withDefault(option.integer(1), 64),
  halfFirst: option.withDefault(option.boolean(), false),
  projection: option.withDefault(option.oneOf(['1x1', '3x3', 'averagePool']), '1x1'),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  classifier: option.optional(option.text()),
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof seResnetSpec>, context: BuildContext): Built {
  const { block, depths, attention, placement, naming, stem, width, stemFilters = width, innerStemFilters, strideOn, groups, baseWidth, halfFirst, projection } = spec;
  if (block === 'basic' && (groups !== 1 || baseWidth !== 64 || halfFirst)) throw new OptionError('se-resnet', 'block', block, "'bottleneck' where groups, baseWidth or halfFirst is given");
  const parts = attentionParts(attention, { placement, naming });
  return residualNetwork(x, {
    naming, stem, stemFilters, ...(innerStemFilters === undefined ? {} : { innerStemFilters }),
    stages: residualStages(depths, width),
    block(y, unit) {
      const options = { ...unit, parts, projection: projection === '3x3' && unit.stride === 1 ? '1x1' : projection } as const;
      if (block === 'basic') return basicBlock(y, options);
      const inner = Math.floor((unit.filters * baseWidth) / 64) * groups;
      return bottleneck(y, { ...options, strideOn, groups, baseWidth, ...(halfFirst ? { firstFilters: Math.floor(inner / 2) } : {}) });
    },
    dropout: spec.dropout,
    ...(spec.classifier === undefined ? {} : { classifier: spec.classifier }),
  }, context);
}

/** The family: `seResnet.build('seresnet50', { classes: 10 })`. Feature taps: layer1 .. layer4, with pytorchcv's names stage1 .. stage4. */
export const seResnet = defineFamily({
  id: 'se-resnet',
  paper: SE_PAPER,
  papers: { ecaresnet50d: ECA_PAPER, cbam_resnet18: CBAM_PAPER, cbam_resnet50: CBAM_PAPER },
  input: [224, 224, 3],
  classes: 1000,
  variants: SE_RESNETS,
  aliases: {
    // pytorchcv, which rounds down and strides in the first 1x1
    'pytorchcv/seresnet18': 'seresnet18_floor',
    'pytorchcv/seresnet34': 'seresnet34_floor',
    'pytorchcv/seresnet50': 'seresnet50_v1',
    'pytorchcv/seresnet101': 'seresnet101_v1',
    'pytorchcv/seresnet152': 'seresnet152_v1',
    seresnet50b: 'seresnet50',
    seresnet101b: 'seresnet101',
    seresnet152b: 'seresnet152',
    // timm, from the authors' weights
    legacy_seresnet18: 'seresnet18_floor',
    legacy_seresnet34: 'seresnet34_floor',
    legacy_seresnet50: 'seresnet50_v1',
    legacy_seresnet101: 'seresnet101_v1',
    legacy_seresnet152: 'seresnet152_v1',
    legacy_seresnext50_32x4d: 'seresnext50_32x4d',
    legacy_seresnext101_32x4d: 'seresnext101_32x4d',
    legacy_senet154: 'senet154',
  },
  spec: seResnetSpec,
  build,
});
