/**
 * ShuffleNet v2 (Ma et al. 2018): channel split in place of grouped convolutions, one shuffle a unit. Layer names, order,
 * padding and initialisation are torchvision's (shufflenet_v2_x1_0).
 *
 * In the first unit of a stage torchvision gives both branches half of the output; in the authors' code (rows `_megvii`,
 * also pytorchcv's shufflenetv2b) the projection keeps the input's channels, and the classifier has no bias. The authors
 * shuffle by the inverse permutation at the start of the next unit: equal costs, but weights that fit only there. All
 * rows here shuffle as torchvision does.
 */
import {
  batchNorm, channelShuffle, concatenate, conv2d, defineFamily, dense, depthwiseConv2d, dropout, globalAveragePool, maxPool,
  layerLabel, layersUnder, option, OptionError, readOptions, sliceChannels, type BuildContext, type Built, type OptionOutput, type VariantRow,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { shuffleEntries, type ShuffleBlockOptions } from './block-options.js';
import { specEntries, type ShuffleStage, type ShuffleStem } from './spec-options.js';

/** Channels of the projection branch of a unit with stride: half of the output, or as many as the input has. */
export type ShuffleProjection = 'half' | 'input';

export interface ShuffleNetV2Spec {
  readonly stem: ShuffleStem;
  readonly stages: readonly ShuffleStage[];
  /** Channels of the last 1x1 convolution. */
  readonly head: number;
  /** Default 'half'. */
  readonly projection?: ShuffleProjection;
  /** Default true. */
  readonly classifierBias?: boolean;
  /** Rate in front of the classifier. Default 0. */
  readonly dropout?: number;
}

const IMAGENET_STEM = { filters: 24, stride: 2, pool: true } as const;
/** Stages 2 to 4 of table 5. */
const stagesOf = (first: number, second: number, third: number) =>
  [{ filters: first, units: 4 }, { filters: second, units: 8 }, { filters: third, units: 4 }] as const;
const megvii = { projection: 'input', classifierBias: false } as const;

/** Table 5 of the paper. `tiny` is for 28x28 images of one channel. */
export const SHUFFLENETS_V2 = {
  shufflenet_v2_x0_5: { stem: IMAGENET_STEM, stages: stagesOf(48, 96, 192), head: 1024, params: 1_366_792, macs: 40_476_448 },
  shufflenet_v2_x1_0: { stem: IMAGENET_STEM, stages: stagesOf(116, 232, 464), head: 1024, params: 2_278_604, macs: 144_907_992 },
  shufflenet_v2_x1_5: { stem: IMAGENET_STEM, stages: stagesOf(176, 352, 704), head: 1024, params: 3_503_624, macs: 295_759_392 },
  shufflenet_v2_x2_0: { stem: IMAGENET_STEM, stages: stagesOf(244, 488, 976), head: 2048, params: 7_393_996, macs: 583_253_464 },
  shufflenet_v2_x1_0_megvii: { stem: IMAGENET_STEM, stages: stagesOf(116, 232, 464), head: 1024, ...megvii, params: 2_278_760, macs: 145_814_296 },
  shufflenet_v2_x1_5_megvii: { stem: IMAGENET_STEM, stages: stagesOf(176, 352, 704), head: 1024, ...megvii, params: 3_506_720, macs: 298_970_656 },
  shufflenet_v2_x2_0_megvii: { stem: IMAGENET_STEM, stages: stagesOf(244, 488, 976), head: 2048, ...megvii, dropout: 0.2, params: 7_402_600, macs: 590_783_000 },
  shufflenet_v2_tiny: {
    stem: { filters: 24, stride: 2, pool: false },
    stages: [{ filters: 96, units: 3 }, { filters: 192, units: 2 }],
    head: 192,
    input: [28, 28, 1],
    classes: 10,
  },
} as const satisfies Record<string, ShuffleNetV2Spec & VariantRow>;

const projectionEntry = option.withDefault(option.oneOf(['half', 'input']), 'half');

export interface ShuffleUnitV2Options extends ShuffleBlockOptions {
  /** Only with a stride above 1. Default 'half'. */
  projection?: ShuffleProjection;
}

/**
 * ShuffleNet v2 unit. Stride 1: half of the channels pass, the others go through 1x1, depthwise 3x3 and 1x1. A stride
 * above 1: all channels go through both that and a projection (depthwise 3x3, 1x1). Then concatenation and a shuffle of
 * two groups. [N, H, W, C] -> [N, ceil(H/s), ceil(W/s), filters] (figure 3c and 3d of the paper).
 * @throws OptionError for impossible options, odd filters, and filters that do not fit the input's channels.
 */
export function shuffleUnitV2(x: SymbolicTensor, options: ShuffleUnitV2Options): SymbolicTensor {
  const where = layerLabel('shuffleUnitV2', options?.name);
  const entries = { ...shuffleEntries, projection: projectionEntry };
  const { filters, name, stride, projection, ...weights } = readOptions(where, entries, options);
  const at = layersUnder(name);
  const channels = x.shape[3] ?? 0;
  const half = filters / 2;
  const kept = stride === 1 || projection === 'half' ? half : channels;
  if (filters % 2 !== 0) throw new OptionError(where, 'filters', filters, 'even, for two halves');
  if (stride === 1 && channels !== filters) throw new OptionError(where, 'filters', filters, `the ${channels} input channels at stride 1, half of which pass`);
  if (kept >= filters) throw new OptionError(where, 'filters', filters, `more than the ${channels} input channels, which the projection keeps`);

  const pointwise = (input: SymbolicTensor, channels: number, index: number, branch: string) => {
    const y = conv2d(input, { filters: channels, kernelSize: 1, useBias: false, ...weights, name: at(`${branch}.${index}`) });
    return batchNorm(y, { activation: 'relu', name: at(`${branch}.${index + 1}`) });
  };
  const depthwise = (input: SymbolicTensor, index: number, branch: string) => {
    const y = depthwiseConv2d(input, { kernelSize: 3, strides: stride, padding: 1, useBias: false, ...weights, name: at(`${branch}.${index}`) });
    return batchNorm(y, { name: at(`${branch}.${index + 1}`) });
  };
  const first = stride === 1
    ? sliceChannels(x, { start: 0, size: half, name: at('chunk1') })
    : pointwise(depthwise(x, 0, 'branch1'), kept, 2, 'branch1');
  let second = stride === 1 ? sliceChannels(x, { start: half, size: half, name: at('chunk2') }) : x;
  second = pointwise(second, half, 0, 'branch2');
  second = pointwise(depthwise(second, 3, 'branch2'), filters - kept, 5, 'branch2');
  return channelShuffle(concatenate([first, second], { name: at('concat') }), { groups: 2, name: at('shuffle') });
}

const shuffleNetV2Spec = {
  ...specEntries,
  head: option.integer(1),
  projection: projectionEntry,
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
} as const;

function build(input: SymbolicTensor, spec: OptionOutput<typeof shuffleNetV2Spec>, context: BuildContext): Built {
  const { stem, stages, head, projection, classifierBias, dropout: paperRate } = spec;
  const weights = context.weights('torchUniform');
  const features: Record<string, SymbolicTensor> = {};

  let x = conv2d(input, { filters: stem.filters, kernelSize: 3, strides: stem.stride, padding: 1, useBias: false, ...weights, name: 'conv1.0' });
  x = features['conv1'] = batchNorm(x, { activation: 'relu', name: 'conv1.1' });
  if (stem.pool) x = features['maxpool'] = maxPool(x, { poolSize: 3, strides: 2, padding: 1, name: 'maxpool' });

  for (const [i, { filters, units }] of stages.entries()) {
    const stage = `stage${i + 2}`;
    for (let unit = 0; unit < units; unit++) {
      x = shuffleUnitV2(x, { filters, projection, stride: unit === 0 ? 2 : 1, ...weights, name: `${stage}.${unit}` });
    }
    features[stage] = x;
  }

  x = conv2d(x, { filters: head, kernelSize: 1, useBias: false, ...weights, name: 'conv5.0' });
  x = features['conv5'] = batchNorm(x, { activation: 'relu', name: 'conv5.1' });
  if (!context.includeTop) return { output: x, features };

  x = globalAveragePool(x, { name: 'mean' });
  const rate = context.dropout(paperRate);
  if (rate > 0) x = dropout(x, { rate, name: 'dropout' });
  return { output: dense(x, { units: context.classes, useBias: classifierBias, ...weights, name: 'fc' }), features };
}

/** ShuffleNet v2. Feature taps: `conv1`, `maxpool`, `stage2` to `stage4`, `conv5`. */
export const shufflenetV2 = defineFamily({
  id: 'shufflenet-v2',
  paper: {
    title: 'ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design',
    authors: 'Ningning Ma, Xiangyu Zhang, Hai-Tao Zheng, Jian Sun',
    year: 2018,
    url: 'https://arxiv.org/abs/1807.11164',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: SHUFFLENETS_V2,
  aliases: {
    // pytorchcv
    shufflenetv2_wd2: 'shufflenet_v2_x0_5',
    shufflenetv2_w1: 'shufflenet_v2_x1_0',
    // Without a width: the paper's 1.0
    shufflenet_v2: 'shufflenet_v2_x1_0',
  },
  spec: shuffleNetV2Spec,
  build,
});
