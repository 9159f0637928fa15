/**
 * Networks of combined blocks, for the question what each ingredient is worth: a bottleneck, groups, channel shuffle and
 * depthwise convolution, alone and together, in the frame of the CIFAR residual networks (He et al. 2015, section 4.2): a 3x3
 * stem, three stages that halve the size and double the width, a global average. No paper has these rows; `combined29_b`
 * is a bottleneck ResNet, and deeper, with projections, the known ResNet-164.
 *
 * Shortcuts are padded (option A): they have no parameters, so that rows differ by their branches alone. Layer names are
 * torchvision's (`layer1.0.conv1`). Batch norm: epsilon 1e-5, momentum 0.9 (core's defaults). Output: logits.
 */
import { defineFamily, option, type BuildContext, type Built, type GateOptions, type OptionOutput, type VariantRow } from '@convkit/core';
import { residualNetwork, residualStages, resnet, SHORTCUTS, type Shortcut } from '@convkit/resnet';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { combinedBlock, ingredientEntries } from './combined-block.js';

export interface CombinedSpec {
  /** Blocks of each stage; every stage after the first halves the size and doubles the width. */
  readonly depths: readonly number[];
  /** Output channels of the first stage's blocks. Default 64. */
  readonly width?: number;
  /** Default 16. */
  readonly stemFilters?: number;
  /** The 3x3 has so many times fewer channels than the block; 1 leaves the bottleneck out. Default 4. */
  readonly bottleneck?: number;
  /** Groups of every convolution that is not depthwise; 1 leaves them out. Default 4. */
  readonly groups?: number;
  /** Mix the groups behind the first 1x1 of a block. Default: where there are groups. */
  readonly shuffle?: boolean;
  /** One 3x3 filter for each channel. Default true. */
  readonly depthwise?: boolean;
  /** Default 'padded'. */
  readonly shortcut?: Shortcut;
  /** Learned factors for the two branches of every sum. Default: plain sums. */
  readonly gate?: GateOptions;
}

const FRAME = { depths: [3, 3, 3] } as const;
/** What a row leaves out. */
const NO_BOTTLENECK = { bottleneck: 1 } as const;
const NO_GROUPS = { groups: 1 } as const;
const NO_SHUFFLE = { shuffle: false } as const;
const NO_DEPTHWISE = { depthwise: false } as const;

/**
 * Every combination of the ingredients (a shuffle needs groups), 29 layers deep: b, bottleneck of 4; g, 4 groups; s, shuffle;
 * d, depthwise. `combined_tiny` is for tests and short runs.
 */
export const COMBINED = {
  combined29_cifar10: { ...FRAME, ...NO_BOTTLENECK, ...NO_GROUPS, ...NO_DEPTHWISE, params: 2_805_594, macs: 420_923_904 },
  combined29_b_cifar10: { ...FRAME, ...NO_GROUPS, ...NO_DEPTHWISE, params: 270_234, macs: 41_863_680 },
  combined29_g_cifar10: { ...FRAME, ...NO_BOTTLENECK, ...NO_SHUFFLE, ...NO_DEPTHWISE, params: 709_722, macs: 105_564_672 },
  combined29_gs_cifar10: { ...FRAME, ...NO_BOTTLENECK, ...NO_DEPTHWISE, params: 709_722, macs: 105_564_672 },
  combined29_d_cifar10: { ...FRAME, ...NO_BOTTLENECK, ...NO_GROUPS, params: 495_258, macs: 84_281_856 },
  combined29_gd_cifar10: { ...FRAME, ...NO_BOTTLENECK, ...NO_SHUFFLE, params: 141_210, macs: 23_726_592 },
  combined29_gsd_cifar10: { ...FRAME, ...NO_BOTTLENECK, params: 141_210, macs: 23_726_592 },
  combined29_bg_cifar10: { ...FRAME, ...NO_SHUFFLE, ...NO_DEPTHWISE, params: 72_858, macs: 10_799_616 },
  combined29_bgs_cifar10: { ...FRAME, ...NO_DEPTHWISE, params: 72_858, macs: 10_799_616 },
  combined29_bd_cifar10: { ...FRAME, ...NO_GROUPS, params: 128_106, macs: 21_404_160 },
  combined29_bgd_cifar10: { ...FRAME, ...NO_SHUFFLE, params: 39_594, macs: 6_265_344 },
  combined29_bgsd_cifar10: { ...FRAME, params: 39_594, macs: 6_265_344 },
  combined_tiny: { depths: [1, 1], width: 32, bottleneck: 2, groups: 2, input: [28, 28, 1] },
} as const satisfies Record<string, CombinedSpec & VariantRow>;

const combinedSpec = {
  ...ingredientEntries,
  depths: option.list(option.integer(1)),
  width: option.withDefault(option.integer(1), 64),
  stemFilters: option.withDefault(option.integer(1), 16),
  shortcut: option.withDefault(option.oneOf(SHORTCUTS), 'padded'),
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof combinedSpec>, context: BuildContext): Built {
  const { depths, width, stemFilters, bottleneck, groups, shuffle, depthwise, shortcut, gate } = spec;
  return residualNetwork(x, {
    naming: 'torchvision',
    stem: 'cifar',
    stemFilters,
    stages: residualStages(depths, width),
    block: (y, { filters, stride, name, kernelInitializer, seed }) => combinedBlock(y, { bottleneck, groups, shuffle, depthwise, shortcut, gate, filters, stride, name, kernelInitializer, seed }),
  }, context);
}

/** The family: `combined.build('combined29_bgsd_cifar10')`. Feature taps: layer1 .. layer3. */
export const combined = defineFamily({
  id: 'combined',
  paper: {
    title: 'ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices',
    authors: 'Xiangyu Zhang, Xinyu Zhou, Mengxiao Lin, Jian Sun',
    year: 2017,
    url: 'https://arxiv.org/abs/1707.01083',
  },
  papers: { combined29_cifar10: resnet.paper, combined29_b_cifar10: resnet.paper },
  input: [32, 32, 3],
  classes: 10,
  variants: COMBINED,
  spec: combinedSpec,
  build,
});
