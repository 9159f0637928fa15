/**
 * MobileNet (Howard et al. 2017): a stack of depthwise separable convolutions, scaled by a width multiplier and by the
 * input's resolution. Layer names are timm's (mobilenetv1_100).
 *
 * As in the released code and its ports: ReLU6 where the paper says ReLU, and stride 1 in the last depthwise layer,
 * which the paper prints as stride 2 with an unchanged 7x7 map. Padding is 1 on every side and epsilon 1e-5 as in timm;
 * Keras pads bottom and right only and has 1e-3. Dropout is off unless asked for.
 */
import {
  batchNorm, conv2d, defineFamily, dense, depthwiseConv2d, dropout, globalAveragePool, layerLabel, layersUnder, option, readOptions,
  type BuildContext, type Built, type OptionOutput, type VariantRow,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { depthwiseEntries, type DepthwiseBlockOptions } from './block-options.js';
import { specEntries, stageEntries, type Stem } from './spec-options.js';

/** Blocks on one resolution; the first of them has the stride. */
export interface MobileNetV1Stage {
  /** Output channels at width 1. */
  readonly filters: number;
  readonly blocks: number;
  readonly stride: number;
}

export interface MobileNetV1Spec {
  /** Width multiplier: a layer of n channels gets int(n * width). */
  readonly width: number;
  readonly stem: Stem;
  readonly stages: readonly MobileNetV1Stage[];
  /** The resolution multiplier: multiply-accumulates by the side of the input. Params do not change. */
  readonly macsAt?: Readonly<Record<number, number>>;
}

/** Table 1 of the paper. */
const IMAGENET = {
  stem: { filters: 32, stride: 2 },
  stages: [
    { filters: 64, blocks: 1, stride: 1 },
    { filters: 128, blocks: 2, stride: 2 },
    { filters: 256, blocks: 2, stride: 2 },
    { filters: 512, blocks: 6, stride: 2 },
    { filters: 1024, blocks: 2, stride: 2 },
  ],
} as const;

/** Tables 6 and 7 of the paper, and timm's mobilenetv1_125. `tiny` is for 28x28 images of one channel. */
export const MOBILENETS_V1 = {
  mobilenet_v1: { ...IMAGENET, width: 1, params: 4_231_976, macs: 568_740_352, macsAt: { 192: 418_121_728, 160: 290_675_200, 128: 186_400_768 } },
  mobilenet_v1_x0_75: { ...IMAGENET, width: 0.75, params: 2_585_560, macs: 325_400_448, macsAt: { 192: 239_273_472, 160: 166_396_800, 128: 106_770_432 } },
  mobilenet_v1_x0_5: { ...IMAGENET, width: 0.5, params: 1_331_592, macs: 149_497_088, macsAt: { 192: 109_970_432, 160: 76_524_800, 128: 49_160_192 } },
  mobilenet_v1_x0_25: { ...IMAGENET, width: 0.25, params: 470_072, macs: 41_030_272, macsAt: { 192: 30_212_608, 160: 21_059_200, 128: 13_570_048 } },
  mobilenet_v1_x1_25: { ...IMAGENET, width: 1.25, params: 6_270_840, macs: 879_516_800, macsAt: { 192: 646_515_200, 160: 449_360_000, 128: 288_051_200 } },
  mobilenet_v1_tiny: {
    width: 1,
    stem: { filters: 16, stride: 1 },
    stages: [{ filters: 32, blocks: 2, stride: 2 }, { filters: 64, blocks: 2, stride: 2 }, { filters: 128, blocks: 1, stride: 1 }],
    input: [28, 28, 1],
    classes: 10,
  },
} as const satisfies Record<string, MobileNetV1Spec & VariantRow>;

export type DepthwiseSeparableOptions = DepthwiseBlockOptions;

/**
 * Depthwise separable convolution: depthwise k x k, batch norm, activation, 1x1 to `filters`, batch norm, activation.
 * [N, H, W, C] -> [N, ceil(H/s), ceil(W/s), filters]; k*k*C + C*filters weights instead of k*k*C*filters (section 3.1).
 * Layers `conv_dw`, `bn1`, `conv_pw` and `bn2` under `name`.
 * @throws OptionError for impossible options.
 */
export function depthwiseSeparable(x: SymbolicTensor, options: DepthwiseSeparableOptions): SymbolicTensor {
  const { filters, name, stride, kernelSize, activation, ...weights } = readOptions(layerLabel('depthwiseSeparable', options?.name), depthwiseEntries, options);
  const at = layersUnder(name);
  let y = depthwiseConv2d(x, { kernelSize, strides: stride, padding: (kernelSize - 1) / 2, useBias: false, ...weights, name: at('conv_dw') });
  y = batchNorm(y, { activation, name: at('bn1') });
  y = conv2d(y, { filters, kernelSize: 1, useBias: false, ...weights, name: at('conv_pw') });
  return batchNorm(y, { activation, name: at('bn2') });
}

const mobileNetV1Spec = { ...specEntries, stages: option.list(option.object(stageEntries)) } as const;

function build(input: SymbolicTensor, { width, stem, stages }: OptionOutput<typeof mobileNetV1Spec>, context: BuildContext): Built {
  const weights = context.weights('heNormal');
  const channels = (filters: number) => Math.trunc(filters * width);
  const features: Record<string, SymbolicTensor> = {};

  let x = conv2d(input, { filters: channels(stem.filters), kernelSize: 3, strides: stem.stride, padding: 1, useBias: false, ...weights, name: 'conv_stem' });
  x = batchNorm(x, { activation: 'relu6', name: 'bn1' });

  for (const [i, stage] of stages.entries()) {
    for (let block = 0; block < stage.blocks; block++) {
      const stride = block === 0 ? stage.stride : 1;
      x = depthwiseSeparable(x, { filters: channels(stage.filters), stride, ...weights, name: `blocks.${i}.${block}` });
    }
    features[`blocks.${i}`] = x;
  }
  if (!context.includeTop) return { output: x, features };

  x = globalAveragePool(x, { name: 'global_pool.pool' });
  const rate = context.dropout(0);
  if (rate > 0) x = dropout(x, { rate, name: 'dropout' });
  return { output: dense(x, { units: context.classes, ...context.weights('torchUniform'), name: 'classifier' }), features };
}

/** MobileNet v1. Feature taps: `blocks.0` to `blocks.4`, the five resolutions. */
export const mobilenetV1 = defineFamily({
  id: 'mobilenet-v1',
  paper: {
    title: 'MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications',
    authors: 'Andrew G. Howard, Menglong Zhu, Bo Chen, Dmitry Kalenichenko, Weijun Wang, Tobias Weyand, Marco Andreetto, Hartwig Adam',
    year: 2017,
    url: 'https://arxiv.org/abs/1704.04861',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: MOBILENETS_V1,
  aliases: {
    // timm
    mobilenetv1_100: 'mobilenet_v1',
    mobilenetv1_125: 'mobilenet_v1_x1_25',
    // pytorchcv
    mobilenet_w1: 'mobilenet_v1',
    mobilenet_w3d4: 'mobilenet_v1_x0_75',
    mobilenet_wd2: 'mobilenet_v1_x0_5',
    mobilenet_wd4: 'mobilenet_v1_x0_25',
    // Keras
    MobileNet: 'mobilenet_v1',
    // Without a width: the paper's 1.0
    mobilenet: 'mobilenet_v1',
    mobilenet_v1_x1_0: 'mobilenet_v1',
  },
  spec: mobileNetV1Spec,
  build,
});
