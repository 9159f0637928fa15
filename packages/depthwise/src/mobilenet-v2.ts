/**
 * MobileNet v2 (Sandler et al. 2018): inverted residuals with linear bottlenecks. Layer names, padding (1 on every
 * side), epsilon 1e-5 and initialisation are torchvision's (mobilenet_v2); Keras pads bottom and right only.
 * The first block has no expansion convolution (t = 1). Every width is rounded to a multiple of 8 as in the released
 * code; the last convolution never shrinks below 1280.
 */
import { batchNorm, conv2d, defineFamily, dense, dropout, globalAveragePool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { invertedResidual } from './inverted-residual.js';
import { makeDivisible } from './make-divisible.js';
import { specEntries, stageEntries, type Stem } from './spec-options.js';

/** A row of table 2: n blocks of expansion t and c channels, the first of them with stride s. */
export interface MobileNetV2Stage {
  readonly expansion: number;
  /** Output channels at width 1. */
  readonly filters: number;
  readonly blocks: number;
  readonly stride: number;
}

export interface MobileNetV2Spec {
  /** Width multiplier, before rounding. */
  readonly width: number;
  readonly stem: Stem;
  readonly stages: readonly MobileNetV2Stage[];
  /** Channels of the last 1x1 convolution; widths below 1 leave it as it is. */
  readonly head: number;
  /** Channels are rounded to a multiple of this. Default 8. */
  readonly divisor?: number;
  /** Default true. */
  readonly classifierBias?: boolean;
  /** The resolution multiplier: multiply-accumulates by the side of the input. Params do not change. */
  readonly macsAt?: Readonly<Record<number, number>>;
}

/** Table 2 of the paper. */
const IMAGENET = {
  stem: { filters: 32, stride: 2 },
  stages: [
    { expansion: 1, filters: 16, blocks: 1, stride: 1 },
    { expansion: 6, filters: 24, blocks: 2, stride: 2 },
    { expansion: 6, filters: 32, blocks: 3, stride: 2 },
    { expansion: 6, filters: 64, blocks: 4, stride: 2 },
    { expansion: 6, filters: 96, blocks: 3, stride: 1 },
    { expansion: 6, filters: 160, blocks: 3, stride: 2 },
    { expansion: 6, filters: 320, blocks: 1, stride: 1 },
  ],
  head: 1280,
} as const;

/** The released widths. `tiny` is for 28x28 images of one channel. */
export const MOBILENETS_V2 = {
  mobilenet_v2: { ...IMAGENET, width: 1, params: 3_504_872, macs: 300_774_272, macsAt: { 192: 221_316_608, 160: 154_083_200, 128: 99_074_048, 96: 56_289_152 } },
  mobilenet_v2_x1_4: { ...IMAGENET, width: 1.4, params: 6_108_776, macs: 582_195_824 },
  mobilenet_v2_x1_3: { ...IMAGENET, width: 1.3, params: 5_386_792, macs: 509_374_560 },
  mobilenet_v2_x0_75: { ...IMAGENET, width: 0.75, params: 2_636_424, macs: 209_069_792, macsAt: { 192: 153_941_888, 160: 107_295_200, 128: 69_129_728, 96: 39_445_472 } },
  mobilenet_v2_x0_5: { ...IMAGENET, width: 0.5, params: 1_968_680, macs: 97_131_840, macsAt: { 192: 71_701_760, 160: 50_184_000, 128: 32_578_560, 96: 18_885_440 } },
  mobilenet_v2_x0_35: { ...IMAGENET, width: 0.35, params: 1_677_128, macs: 59_285_808, macsAt: { 192: 43_896_512, 160: 30_874_800, 128: 20_220_672, 96: 11_934_128 } },
  mobilenet_v2_tiny: {
    width: 1,
    stem: { filters: 16, stride: 2 },
    stages: [
      { expansion: 1, filters: 16, blocks: 1, stride: 1 },
      { expansion: 3, filters: 32, blocks: 2, stride: 2 },
      { expansion: 3, filters: 48, blocks: 2, stride: 1 },
    ],
    head: 128,
    input: [28, 28, 1],
    classes: 10,
  },
} as const satisfies Record<string, MobileNetV2Spec & VariantRow>;

const mobileNetV2Spec = {
  ...specEntries,
  stages: option.list(option.object({ ...stageEntries, expansion: option.number({ above: 0 }) })),
  head: option.integer(1),
  divisor: option.withDefault(option.integer(1), 8),
  classifierBias: option.withDefault(option.boolean(), true),
} as const;

function build(input: SymbolicTensor, spec: OptionOutput<typeof mobileNetV2Spec>, context: BuildContext): Built {
  const { width, stem, stages, head, divisor, classifierBias } = spec;
  const weights = context.weights('heNormalFanOut');
  const features: Record<string, SymbolicTensor> = {};

  let x = conv2d(input, { filters: makeDivisible(stem.filters * width, divisor), kernelSize: 3, strides: stem.stride, padding: 1, useBias: false, ...weights, name: 'features.0.0' });
  x = features['features.0'] = batchNorm(x, { activation: 'relu6', name: 'features.0.1' });

  let index = 1;
  for (const { expansion, filters, blocks, stride } of stages) {
    for (let block = 0; block < blocks; block++, index++) {
      const name = `features.${index}`;
      x = features[name] = invertedResidual(x, { filters: makeDivisible(filters * width, divisor), expansion, stride: block === 0 ? stride : 1, ...weights, name });
    }
  }

  const name = `features.${index}`;
  x = conv2d(x, { filters: makeDivisible(head * Math.max(1, width), divisor), kernelSize: 1, useBias: false, ...weights, name: `${name}.0` });
  x = features[name] = batchNorm(x, { activation: 'relu6', name: `${name}.1` });
  if (!context.includeTop) return { output: x, features };

  x = dropout(globalAveragePool(x, { name: 'avgpool' }), { rate: context.dropout(0.2), name: 'classifier.0' });
  return { output: dense(x, { units: context.classes, useBias: classifierBias, ...context.weights('smallNormal'), name: 'classifier.1' }), features };
}

/** MobileNet v2. Feature taps: `features.0` to `features.18`. */
export const mobilenetV2 = defineFamily({
  id: 'mobilenet-v2',
  paper: {
    title: 'MobileNetV2: Inverted Residuals and Linear Bottlenecks',
    authors: 'Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen',
    year: 2018,
    url: 'https://arxiv.org/abs/1801.04381',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: MOBILENETS_V2,
  aliases: {
    // timm. pytorchcv's mobilenetv2_w1 has an extra convolution.
    mobilenetv2_035: 'mobilenet_v2_x0_35',
    mobilenetv2_050: 'mobilenet_v2_x0_5',
    mobilenetv2_075: 'mobilenet_v2_x0_75',
    mobilenetv2_100: 'mobilenet_v2',
    mobilenetv2_140: 'mobilenet_v2_x1_4',
    // Keras
    MobileNetV2: 'mobilenet_v2',
    // Without a width: the paper's 1.0
    mobilenet_v2_x1_0: 'mobilenet_v2',
  },
  spec: mobileNetV2Spec,
  build,
});
