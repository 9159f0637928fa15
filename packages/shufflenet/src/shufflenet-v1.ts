/**
 * ShuffleNet (Zhang et al. 2017): grouped 1x1 convolutions, made to talk to each other by a channel shuffle. Layer names,
 * order, padding (the average pool counts it) and initialisation are pytorchcv's (shufflenet_g3_w1).
 *
 * Widths other than 1 exist in two forms. pytorchcv scales the first convolution too; the authors (rows `_megvii`) choose
 * its width by hand and leave the classifier's bias out. The authors' code also shuffles by the inverse permutation, after
 * the depthwise convolution, and concatenates the other way round: equal costs, but weights that fit only there. All
 * rows here shuffle and concatenate as the paper and pytorchcv do.
 */
import {
  activation, add, avgPool, batchNorm, channelShuffle, concatenate, conv2d, defineFamily, dense, depthwiseConv2d, dropout,
  globalAveragePool, maxPool, layerLabel, layersUnder, option, OptionError, readOptions, type BuildContext, type Built, type OptionOutput, type VariantRow,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { shuffleEntries, type ShuffleBlockOptions } from './block-options.js';
import { specEntries, type ShuffleStage, type ShuffleStem } from './spec-options.js';

export interface ShuffleNetV1Spec {
  /** Groups of every 1x1 convolution but the first, whose input channels are few. */
  readonly groups: number;
  readonly stem: ShuffleStem;
  readonly stages: readonly ShuffleStage[];
  /** Default true. */
  readonly classifierBias?: boolean;
}

const stemOf = (filters: number) => ({ filters, stride: 2, pool: true }) as const;
/** Stages 2 to 4 of table 1 (pytorchcv counts them from 1). */
const stagesOf = (first: number, second: number, third: number) =>
  [{ filters: first, units: 4 }, { filters: second, units: 8 }, { filters: third, units: 4 }] as const;

/** Tables 1 and 2 of the paper. `tiny` is for 28x28 images of one channel. */
export const SHUFFLENETS_V1 = {
  shufflenet_v1_x1_0_g1: { groups: 1, stem: stemOf(24), stages: stagesOf(144, 288, 576), params: 1_531_936, macs: 143_078_976 },
  shufflenet_v1_x1_0_g2: { groups: 2, stem: stemOf(24), stages: stagesOf(200, 400, 800), params: 1_733_848, macs: 140_836_512 },
  shufflenet_v1_x1_0_g3: { groups: 3, stem: stemOf(24), stages: stagesOf(240, 480, 960), params: 1_865_728, macs: 137_460_672 },
  shufflenet_v1_x1_0_g4: { groups: 4, stem: stemOf(24), stages: stagesOf(272, 544, 1088), params: 1_968_344, macs: 134_339_776 },
  shufflenet_v1_x1_0_g8: { groups: 8, stem: stemOf(24), stages: stagesOf(384, 768, 1536), params: 2_434_768, macs: 138_365_952 },
  shufflenet_v1_x0_25_g1: { groups: 1, stem: stemOf(6), stages: stagesOf(36, 72, 144), params: 209_746, macs: 11_003_184 },
  shufflenet_v1_x0_25_g3: { groups: 3, stem: stemOf(6), stages: stagesOf(60, 120, 240), params: 305_902, macs: 11_009_808 },
  shufflenet_v1_x0_5_g1: { groups: 1, stem: stemOf(12), stages: stagesOf(72, 144, 288), params: 534_484, macs: 38_517_408 },
  shufflenet_v1_x0_5_g3: { groups: 3, stem: stemOf(12), stages: stagesOf(120, 240, 480), params: 718_324, macs: 37_589_856 },
  shufflenet_v1_x0_75_g1: { groups: 1, stem: stemOf(18), stages: stagesOf(108, 216, 432), params: 975_214, macs: 82_542_672 },
  shufflenet_v1_x0_75_g3: { groups: 3, stem: stemOf(18), stages: stagesOf(180, 360, 720), params: 1_238_266, macs: 79_740_144 },
  shufflenet_v1_x1_5_g1: { groups: 1, stem: stemOf(36), stages: stagesOf(216, 432, 864), params: 2_993_356, macs: 313_684_704 },
  shufflenet_v1_x1_5_g3: { groups: 3, stem: stemOf(36), stages: stagesOf(360, 720, 1440), params: 3_443_212, macs: 299_612_448 },
  shufflenet_v1_x2_0_g1: { groups: 1, stem: stemOf(48), stages: stagesOf(288, 576, 1152), params: 4_918_744, macs: 550_334_592 },
  shufflenet_v1_x2_0_g3: { groups: 3, stem: stemOf(48), stages: stagesOf(480, 960, 1920), params: 5_450_776, macs: 524_045_184 },
  shufflenet_v1_x0_5_g3_megvii: { groups: 3, stem: stemOf(12), stages: stagesOf(120, 240, 480), classifierBias: false, params: 717_324, macs: 37_589_856 },
  shufflenet_v1_x0_5_g8_megvii: { groups: 8, stem: stemOf(16), stages: stagesOf(192, 384, 768), classifierBias: false, params: 1_010_448, macs: 40_469_760 },
  shufflenet_v1_x1_0_g3_megvii: { groups: 3, stem: stemOf(24), stages: stagesOf(240, 480, 960), classifierBias: false, params: 1_864_728, macs: 137_460_672 },
  shufflenet_v1_x1_0_g8_megvii: { groups: 8, stem: stemOf(24), stages: stagesOf(384, 768, 1536), classifierBias: false, params: 2_433_768, macs: 138_365_952 },
  shufflenet_v1_x1_5_g3_megvii: { groups: 3, stem: stemOf(24), stages: stagesOf(360, 720, 1440), classifierBias: false, params: 3_441_168, macs: 292_443_552 },
  shufflenet_v1_x1_5_g8_megvii: { groups: 8, stem: stemOf(24), stages: stagesOf(576, 1152, 2304), classifierBias: false, params: 4_268_952, macs: 290_188_800 },
  shufflenet_v1_x2_0_g3_megvii: { groups: 3, stem: stemOf(48), stages: stagesOf(480, 960, 1920), classifierBias: false, params: 5_449_776, macs: 524_045_184 },
  shufflenet_v1_x2_0_g8_megvii: { groups: 8, stem: stemOf(48), stages: stagesOf(768, 1536, 3072), classifierBias: false, params: 6_521_232, macs: 521_942_016 },
  shufflenet_v1_tiny: {
    groups: 3,
    stem: { filters: 12, stride: 1, pool: false },
    stages: [{ filters: 48, units: 2 }, { filters: 96, units: 3 }],
    input: [28, 28, 1],
    classes: 10,
  },
} as const satisfies Record<string, ShuffleNetV1Spec & VariantRow>;

export interface ShuffleUnitOptions extends ShuffleBlockOptions {
  /** Groups of both 1x1 convolutions and of the shuffle between them. */
  groups: number;
  /** Groups of the first 1x1 convolution, where they differ. Default groups. */
  compressGroups?: number;
}

/**
 * Shuffle unit: grouped 1x1 to filters/4, channel shuffle, depthwise 3x3, grouped 1x1, each convolution with batch norm.
 * Stride 1 adds the input; a stride above 1 concatenates the input's 3x3 average pool, so that the last convolution yields
 * filters - C channels. [N, H, W, C] -> [N, ceil(H/s), ceil(W/s), filters] (figure 2 of the paper).
 * @throws OptionError for impossible options and for channels that groups does not divide.
 */
export function shuffleUnit(x: SymbolicTensor, options: ShuffleUnitOptions): SymbolicTensor {
  const where = layerLabel('shuffleUnit', options?.name);
  const entries = { ...shuffleEntries, groups: option.integer(1), compressGroups: option.optional(option.integer(1)) };
  const { filters, name, stride, groups, compressGroups = groups, ...weights } = readOptions(where, entries, options);
  const at = layersUnder(name);
  const channels = x.shape[3] ?? 0;
  const [bottleneck, branch] = [Math.floor(filters / 4), stride === 1 ? filters : filters - channels];
  if (stride === 1 && channels !== filters) throw new OptionError(where, 'filters', filters, `the ${channels} input channels at stride 1, where the input is added`);
  if (branch < 1) throw new OptionError(where, 'filters', filters, `more than the ${channels} input channels, which it concatenates`);
  if (bottleneck % groups !== 0) throw new OptionError(where, 'groups', groups, `a divisor of the ${bottleneck} channels inside (filters ${filters} / 4)`);
  if (branch % groups !== 0) throw new OptionError(where, 'groups', groups, `a divisor of the ${branch} channels beside the input (filters ${filters} - ${channels})`);

  let y = conv2d(x, { filters: bottleneck, kernelSize: 1, groups: compressGroups, useBias: false, ...weights, name: at('compress_conv1') });
  y = batchNorm(y, { activation: 'relu', name: at('compress_bn1') });
  if (groups > 1) y = channelShuffle(y, { groups, name: at('c_shuffle') });
  y = depthwiseConv2d(y, { kernelSize: 3, strides: stride, padding: 1, useBias: false, ...weights, name: at('dw_conv2') });
  y = batchNorm(y, { name: at('dw_bn2') });
  y = conv2d(y, { filters: branch, kernelSize: 1, groups, useBias: false, ...weights, name: at('expand_conv3') });
  y = batchNorm(y, { name: at('expand_bn3') });
  y = stride === 1
    ? add([y, x], { name: at('add') })
    : concatenate([y, avgPool(x, { poolSize: 3, strides: stride, padding: 1, name: at('avgpool') })], { name: at('concat') });
  return activation(y, { kind: 'relu', name: at('activ') });
}

const shuffleNetV1Spec = { ...specEntries, groups: option.integer(1) } as const;

function build(input: SymbolicTensor, spec: OptionOutput<typeof shuffleNetV1Spec>, context: BuildContext): Built {
  const { groups, stem, stages, classifierBias } = spec;
  const weights = context.weights('heUniform');
  const features: Record<string, SymbolicTensor> = {};

  let x = conv2d(input, { filters: stem.filters, kernelSize: 3, strides: stem.stride, padding: 1, useBias: false, ...weights, name: 'features.init_block.conv' });
  x = batchNorm(x, { activation: 'relu', name: 'features.init_block.bn' });
  if (stem.pool) x = maxPool(x, { poolSize: 3, strides: 2, padding: 1, name: 'features.init_block.pool' });
  features['features.init_block'] = x;

  for (const [i, { filters, units }] of stages.entries()) {
    const stage = `features.stage${i + 1}`;
    for (let unit = 0; unit < units; unit++) {
      const compressGroups = i === 0 && unit === 0 ? 1 : groups;
      x = shuffleUnit(x, { filters, groups, compressGroups, stride: unit === 0 ? 2 : 1, ...weights, name: `${stage}.unit${unit + 1}` });
    }
    features[stage] = x;
  }
  if (!context.includeTop) return { output: x, features };

  x = globalAveragePool(x, { name: 'features.final_pool' });
  const rate = context.dropout(0);
  if (rate > 0) x = dropout(x, { rate, name: 'dropout' });
  return { output: dense(x, { units: context.classes, useBias: classifierBias, ...context.weights('torchUniform'), name: 'output' }), features };
}

/** ShuffleNet v1. Feature taps: `features.init_block`, `features.stage1` to `features.stage3`. */
export const shufflenetV1 = defineFamily({
  id: 'shufflenet-v1',
  paper: {
    title: 'ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices',
    authors: 'Xiangyu Zhang, Xinyu Zhou, Mengxiao Lin, Jian Sun',
    year: 2017,
    url: 'https://arxiv.org/abs/1707.01083',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: SHUFFLENETS_V1,
  aliases: {
    // pytorchcv
    shufflenet_g1_w1: 'shufflenet_v1_x1_0_g1',
    shufflenet_g2_w1: 'shufflenet_v1_x1_0_g2',
    shufflenet_g3_w1: 'shufflenet_v1_x1_0_g3',
    shufflenet_g4_w1: 'shufflenet_v1_x1_0_g4',
    shufflenet_g8_w1: 'shufflenet_v1_x1_0_g8',
    shufflenet_g1_w3d4: 'shufflenet_v1_x0_75_g1',
    shufflenet_g3_w3d4: 'shufflenet_v1_x0_75_g3',
    shufflenet_g1_wd2: 'shufflenet_v1_x0_5_g1',
    shufflenet_g3_wd2: 'shufflenet_v1_x0_5_g3',
    shufflenet_g1_wd4: 'shufflenet_v1_x0_25_g1',
    shufflenet_g3_wd4: 'shufflenet_v1_x0_25_g3',
    // Without a width: the paper's 1.0, and its best number of groups
    shufflenet_v1: 'shufflenet_v1_x1_0_g3',
  },
  spec: shuffleNetV1Spec,
  build,
});
