/**
 * VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (ICLR 2015,
 * arXiv 1409.1556), columns A, A-LRN, B, C, D and E of table 1, each with and without batch normalisation.
 *
 * Layer names are torchvision's (`features.0`, `classifier.6`); N in `features.N` counts convolution, batch norm, ReLU
 * and pool as its Sequential does. torchvision has no A-LRN and no C: in A-LRN the normalisation counts as one module.
 * As there: an adaptive pool to 7x7 in front of the classifier (the identity at 224), biases kept under batch norm,
 * logits as output.
 */
import {
  adaptiveAvgPool, defineFamily, dense, dropout, flatten, localResponseNorm as crossChannelNorm, maxPool, option,
  type BuildContext, type Built, type OptionOutput, type VariantRow,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { convUnit } from './conv-unit.js';

/** Convolutions of one width, then a max pool 2/2. */
export interface VggStage {
  readonly filters: number;
  /** Kernel sizes in order, odd: 3 in all columns but C, whose third ones are 1. Padding keeps the size. */
  readonly kernels: readonly number[];
}

export interface VggHead {
  /** The last feature map is averaged to this many rows and columns. */
  readonly pool: number;
  /** Widths of the hidden fully connected layers, each followed by ReLU and dropout. */
  readonly widths: readonly number[];
  readonly dropout: number;
}

export interface VggSpec {
  readonly stages: readonly VggStage[];
  /** Batch norm between every convolution and its ReLU. Default false. */
  readonly batchNorm?: boolean;
  /** Default true, also under batch norm, as in torchvision. */
  readonly convBias?: boolean;
  /** AlexNet's local response normalisation after the first convolution (column A-LRN). Default false. */
  readonly localResponseNorm?: boolean;
  /** Default: the paper's, 7x7 and two layers of 4096 with dropout 0.5. */
  readonly head?: VggHead;
}

const A: readonly VggStage[] = [
  { filters: 64, kernels: [3] }, { filters: 128, kernels: [3] }, { filters: 256, kernels: [3, 3] }, { filters: 512, kernels: [3, 3] }, { filters: 512, kernels: [3, 3] },
];
const B: readonly VggStage[] = [
  { filters: 64, kernels: [3, 3] }, { filters: 128, kernels: [3, 3] }, { filters: 256, kernels: [3, 3] }, { filters: 512, kernels: [3, 3] }, { filters: 512, kernels: [3, 3] },
];
const C: readonly VggStage[] = [
  { filters: 64, kernels: [3, 3] }, { filters: 128, kernels: [3, 3] }, { filters: 256, kernels: [3, 3, 1] }, { filters: 512, kernels: [3, 3, 1] }, { filters: 512, kernels: [3, 3, 1] },
];
const D: readonly VggStage[] = [
  { filters: 64, kernels: [3, 3] }, { filters: 128, kernels: [3, 3] }, { filters: 256, kernels: [3, 3, 3] }, { filters: 512, kernels: [3, 3, 3] }, { filters: 512, kernels: [3, 3, 3] },
];
const E: readonly VggStage[] = [
  { filters: 64, kernels: [3, 3] }, { filters: 128, kernels: [3, 3] },
  { filters: 256, kernels: [3, 3, 3, 3] }, { filters: 512, kernels: [3, 3, 3, 3] }, { filters: 512, kernels: [3, 3, 3, 3] },
];
const HEAD = { pool: 7, widths: [4096, 4096], dropout: 0.5 };
// The layer divides alpha by size, AlexNet's formula does not: 5e-4 is the paper's 1e-4.
const ALEXNET_NORM = { size: 5, alpha: 5e-4, beta: 0.75, k: 2 } as const;

/** Table 1 of the paper, and `vgg_tiny` for tests and short runs on 28x28 or 32x32 images. */
export const VGGS = {
  vgg11: { stages: A, params: 132_863_336, macs: 7_609_090_048 },
  vgg11_bn: { stages: A, batchNorm: true, params: 132_868_840, macs: 7_609_090_048 },
  vgg11_lrn: { stages: A, localResponseNorm: true, params: 132_863_336, macs: 7_609_090_048 },
  vgg11_lrn_bn: { stages: A, localResponseNorm: true, batchNorm: true, params: 132_868_840, macs: 7_609_090_048 },
  vgg13: { stages: B, params: 133_047_848, macs: 11_308_466_176 },
  vgg13_bn: { stages: B, batchNorm: true, params: 133_053_736, macs: 11_308_466_176 },
  vgg16_c: { stages: C, params: 133_638_952, macs: 11_770_888_192 },
  vgg16_c_bn: { stages: C, batchNorm: true, params: 133_647_400, macs: 11_770_888_192 },
  vgg16: { stages: D, params: 138_357_544, macs: 15_470_264_320 },
  vgg16_bn: { stages: D, batchNorm: true, params: 138_365_992, macs: 15_470_264_320 },
  vgg19: { stages: E, params: 143_667_240, macs: 19_632_062_464 },
  vgg19_bn: { stages: E, batchNorm: true, params: 143_678_248, macs: 19_632_062_464 },
  vgg_tiny: {
    stages: [{ filters: 8, kernels: [3] }, { filters: 32, kernels: [3, 3] }],
    batchNorm: true, convBias: false, head: { pool: 7, widths: [64], dropout: 0 }, input: [28, 28, 1], classes: 10,
  },
} as const satisfies Record<string, VggSpec & VariantRow>;

const flag = (value: boolean) => option.withDefault(option.boolean(), value);
const count = option.integer(1);

const vggSpec = {
  stages: option.list(option.object({ filters: count, kernels: option.list(option.odd()) })),
  batchNorm: flag(false),
  convBias: flag(true),
  localResponseNorm: flag(false),
  head: option.withDefault(option.object({ pool: count, widths: option.list(count, 0), dropout: option.number({ min: 0, below: 1 }) }), HEAD),
} as const;

function build(x: SymbolicTensor, { stages, batchNorm, convBias, localResponseNorm, head }: OptionOutput<typeof vggSpec>, context: BuildContext): Built {
  const features: Record<string, SymbolicTensor> = {};
  let y = x;
  let index = 0;
  stages.forEach(({ filters, kernels }, stage) => {
    kernels.forEach((kernelSize, i) => {
      y = convUnit(y, { filters, kernelSize, batchNorm, convBias, name: 'features', index, ...context.weights('heNormalFanOut') });
      features[`relu${stage + 1}_${i + 1}`] = y;
      index += batchNorm ? 3 : 2;
      if (localResponseNorm && stage + i === 0) y = crossChannelNorm(y, { ...ALEXNET_NORM, name: `features.${index++}` });
    });
    y = maxPool(y, { poolSize: 2, name: `features.${index++}` });
    features[`pool${stage + 1}`] = y;
  });
  if (!context.includeTop) return { output: y, features };

  y = flatten(adaptiveAvgPool(y, { outputSize: head.pool, name: 'avgpool' }), { name: 'flatten' });
  head.widths.forEach((units, i) => {
    y = dense(y, { units, activation: 'relu', name: `classifier.${3 * i}`, ...context.weights('smallNormal') });
    y = dropout(y, { rate: context.dropout(head.dropout), name: `classifier.${3 * i + 2}` });
  });
  return { output: dense(y, { units: context.classes, name: `classifier.${3 * head.widths.length}`, ...context.weights('smallNormal') }), features };
}

/** The VGG family: `vgg.build('vgg16', { classes: 10, inputShape: [64, 64, 3] })`. Feature taps: relu1_1 .. relu5_4, pool1 .. pool5. */
export const vgg = defineFamily({
  id: 'vgg',
  paper: {
    title: 'Very Deep Convolutional Networks for Large-Scale Image Recognition',
    authors: 'Karen Simonyan, Andrew Zisserman',
    year: 2014,
    url: 'https://arxiv.org/abs/1409.1556',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: VGGS,
  aliases: {
    // pytorchcv
    bn_vgg11b: 'vgg11_bn',
    bn_vgg13b: 'vgg13_bn',
    bn_vgg16b: 'vgg16_bn',
    bn_vgg19b: 'vgg19_bn',
    // Keras
    VGG16: 'vgg16',
    VGG19: 'vgg19',
  },
  spec: vggSpec,
  build,
});
