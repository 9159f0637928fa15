/**
 * Residual networks with deformable 3x3 convolutions: Dai et al., "Deformable Convolutional Networks" (ICCV 2017, arXiv
 * 1703.06211), section 3.2 and table 1, and Zhu et al., "Deformable ConvNets v2" (CVPR 2019, arXiv 1811.11168), section 3.1.
 * v1: the three 3x3 of the last stage, which keeps its input's size with dilation 2; four deformable groups as in the authors'
 * R-FCN. v2: all 3x3 of conv3 to conv5, modulated, at the ordinary strides. Both on torchvision's ResNet (V1.5, stride in the
 * 3x3), where the authors' v1 has the stride in the first 1x1; with the classifier, which their detectors drop.
 *
 * No reference library has these as classifiers: counts are the ResNet's own plus k k C_in C_out + C_out parameters for each
 * branch. Layer names are torchvision's, the branch is mmdetection's (`layer4.0.conv2.conv_offset`). Output: logits.
 */
import { defineFamily, option, OptionError, type BuildContext, type Built, type OptionOutput, type Paper, type VariantRow } from '@convkit/core';
import { bottleneck, residualNetwork, residualStages } from '@convkit/resnet';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { deformableEntries, deformableSpatial, type DeformableOptions } from './deformable-conv2d.js';

export interface DeformableResNetSpec extends DeformableOptions {
  /** Bottlenecks of each stage; every stage after the first doubles the width and, but for a dilated last one, halves the size. */
  readonly depths: readonly number[];
  /** Filters of the first stage. Default 64. */
  readonly width?: number;
  /** How many stages are deformable, counted from the end. */
  readonly deformableStages: number;
  /** Dilation of the last stage; above 1 the stage has no stride. Default 1. */
  readonly lastDilation?: number;
}

const V1 = { deformableStages: 1, lastDilation: 2, deformableGroups: 4 } as const;
const V2 = { deformableStages: 3, modulated: true } as const;

/** The authors' networks, and `deformable_resnet_tiny` for tests and short runs. */
export const DEFORMABLE_RESNETS = {
  deformable_resnet50: { ...V1, depths: [3, 4, 6, 3], params: 26_552_576, macs: 6_403_702_784 },
  deformable_resnet101: { ...V1, depths: [3, 4, 23, 3], params: 45_544_704, macs: 10_115_923_968 },
  deformable_resnet50_v2: { ...V2, depths: [3, 4, 6, 3], params: 26_428_295, macs: 4_278_172_160 },
  deformable_resnet101_v2: { ...V2, depths: [3, 4, 23, 3], params: 46_478_418, macs: 8_197_670_400 },
  deformable_resnet_tiny: { depths: [1, 1], width: 8, deformableStages: 1, modulated: true, input: [28, 28, 1], classes: 10 },
} as const satisfies Record<string, DeformableResNetSpec & VariantRow>;

const V2_PAPER: Paper = {
  title: 'Deformable ConvNets v2: More Deformable, Better Results',
  authors: 'Xizhou Zhu, Han Hu, Stephen Lin, Jifeng Dai',
  year: 2018,
  url: 'https://arxiv.org/abs/1811.11168',
};

const spec = {
  ...deformableEntries,
  depths: option.list(option.integer(1)),
  width: option.withDefault(option.integer(1), 64),
  deformableStages: option.integer(0),
  lastDilation: option.withDefault(option.integer(1), 1),
} as const;

function build(x: SymbolicTensor, options: OptionOutput<typeof spec>, context: BuildContext): Built {
  const { depths, width, deformableStages, lastDilation, deformableGroups, modulated, maskScale, offsetLearningRate } = options;
  if (deformableStages > depths.length) throw new OptionError('deformable-resnet', 'deformableStages', deformableStages, `at most the ${depths.length} stages`);
  const ordinary = residualStages(depths, width);
  const stages = ordinary.map((stage, i) => (i === ordinary.length - 1 && lastDilation > 1 ? { ...stage, stride: 1, dilation: lastDilation } : stage));
  const parts = { spatial: deformableSpatial({ deformableGroups, modulated, maskScale, offsetLearningRate }) };
  return residualNetwork(x, {
    naming: 'torchvision', stem: 'imagenet', stemFilters: width, stages,
    block: (y, unit, { stage }) => bottleneck(y, { ...unit, ...(stage >= depths.length - deformableStages ? { parts } : {}) }),
  }, context);
}

/** The family: `deformableResnet.build('deformable_resnet50', { classes: 10 })`. Feature taps: layer1 .. layer4. */
export const deformableResnet = defineFamily({
  id: 'deformable-resnet',
  paper: {
    title: 'Deformable Convolutional Networks',
    authors: 'Jifeng Dai, Haozhi Qi, Yuwen Xiong, Yi Li, Guodong Zhang, Han Hu, Yichen Wei',
    year: 2017,
    url: 'https://arxiv.org/abs/1703.06211',
  },
  papers: { deformable_resnet50_v2: V2_PAPER, deformable_resnet101_v2: V2_PAPER },
  input: [224, 224, 3],
  classes: 1000,
  variants: DEFORMABLE_RESNETS,
  spec,
  build,
});
