/**
 * MobileNet v3 (Howard et al. 2019, arXiv 1905.02244), tables 1 and 2. Layer names, padding, batch norm (epsilon 1e-3,
 * momentum 0.99) and initialisation are torchvision's (mobilenet_v3_large). hardSwish and hardSigmoid are relu6(x + 3) / 6,
 * with and without the factor x.
 *
 * A width multiplier works as in the authors' release, Keras and timm: it scales the blocks' outputs, rounded to multiples
 * of 8, but neither the stem nor the hidden layer of the classifier; the expansion is a multiple of a block's input.
 * torchvision's width_mult scales both, and rounds the expanded widths of the table.
 */
import {
  batchNorm, conv2d, defineFamily, dense, dropout, globalAveragePool, option, type BuildContext, type Built, type OptionOutput, type VariantRow,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { invertedResidual } from './inverted-residual.js';
import { makeDivisible } from './make-divisible.js';
import { specEntries, type Stem } from './spec-options.js';

/** 'relu' is the tables' RE, 'hardSwish' their HS; the minimalistic networks have only the former. */
const ACTIVATIONS = ['relu', 'hardSwish'] as const;

/** A row of table 1 or 2. */
export interface MobileNetV3Block {
  readonly kernelSize: number;
  /** The table's exp size over the channels of the block's input. */
  readonly expansion: number;
  /** Output channels at width 1. */
  readonly filters: number;
  /** Squeeze to a quarter of the expanded channels. Default false. */
  readonly squeezeExcite?: boolean;
  readonly activation: (typeof ACTIVATIONS)[number];
  readonly stride: number;
}

export interface MobileNetV3Spec {
  /** Width multiplier, before rounding to multiples of 8. */
  readonly width: number;
  readonly stem: Stem;
  readonly blocks: readonly MobileNetV3Block[];
  /** Of the stem, the last 1x1 convolution (to six times its input's channels) and the hidden layer. Default 'hardSwish'. */
  readonly activation?: (typeof ACTIVATIONS)[number];
  /** Units of the hidden layer. */
  readonly head: number;
  /** Default true. */
  readonly headBias?: boolean;
}

const STEM = { filters: 16, stride: 2 } as const;
/** Section 5.3. */
const SQUEEZE = { of: 'expanded', divisor: 8, gate: 'hardSigmoid' } as const;

/** Table 1. */
const LARGE = {
  stem: STEM,
  blocks: [
    { kernelSize: 3, expansion: 1, filters: 16, activation: 'relu', stride: 1 },
    { kernelSize: 3, expansion: 4, filters: 24, activation: 'relu', stride: 2 },
    { kernelSize: 3, expansion: 3, filters: 24, activation: 'relu', stride: 1 },
    { kernelSize: 5, expansion: 3, filters: 40, squeezeExcite: true, activation: 'relu', stride: 2 },
    { kernelSize: 5, expansion: 3, filters: 40, squeezeExcite: true, activation: 'relu', stride: 1 },
    { kernelSize: 5, expansion: 3, filters: 40, squeezeExcite: true, activation: 'relu', stride: 1 },
    { kernelSize: 3, expansion: 6, filters: 80, activation: 'hardSwish', stride: 2 },
    { kernelSize: 3, expansion: 2.5, filters: 80, activation: 'hardSwish', stride: 1 },
    { kernelSize: 3, expansion: 2.3, filters: 80, activation: 'hardSwish', stride: 1 },
    { kernelSize: 3, expansion: 2.3, filters: 80, activation: 'hardSwish', stride: 1 },
    { kernelSize: 3, expansion: 6, filters: 112, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    { kernelSize: 3, expansion: 6, filters: 112, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    { kernelSize: 5, expansion: 6, filters: 160, squeezeExcite: true, activation: 'hardSwish', stride: 2 },
    { kernelSize: 5, expansion: 6, filters: 160, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    { kernelSize: 5, expansion: 6, filters: 160, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
  ],
  head: 1280,
} as const satisfies Omit<MobileNetV3Spec, 'width'>;

/** Table 2. */
const SMALL = {
  stem: STEM,
  blocks: [
    { kernelSize: 3, expansion: 1, filters: 16, squeezeExcite: true, activation: 'relu', stride: 2 },
    { kernelSize: 3, expansion: 72 / 16, filters: 24, activation: 'relu', stride: 2 },
    { kernelSize: 3, expansion: 88 / 24, filters: 24, activation: 'relu', stride: 1 },
    { kernelSize: 5, expansion: 4, filters: 40, squeezeExcite: true, activation: 'hardSwish', stride: 2 },
    { kernelSize: 5, expansion: 6, filters: 40, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    { kernelSize: 5, expansion: 6, filters: 40, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    { kernelSize: 5, expansion: 3, filters: 48, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    { kernelSize: 5, expansion: 3, filters: 48, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    { kernelSize: 5, expansion: 6, filters: 96, squeezeExcite: true, activation: 'hardSwish', stride: 2 },
    { kernelSize: 5, expansion: 6, filters: 96, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    { kernelSize: 5, expansion: 6, filters: 96, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
  ],
  head: 1024,
} as const satisfies Omit<MobileNetV3Spec, 'width'>;

/** The release's "minimalistic" form of a network: 3x3 windows, ReLU, no squeeze-and-excitation. */
function minimalistic<Spec extends Omit<MobileNetV3Spec, 'width'>>(spec: Spec) {
  const blocks = spec.blocks.map(({ expansion, filters, stride }) => ({ kernelSize: 3, expansion, filters, activation: 'relu', stride }) as const);
  return { ...spec, blocks, activation: 'relu' } as const;
}

/** The released widths. Of `_large_x0_75` table 3 prints 155 M and 4.0 M; the rest is counted by others. `tiny` is for 28x28 images of one channel. */
export const MOBILENETS_V3 = {
  mobilenet_v3_large: { ...LARGE, width: 1, params: 5_483_032, macs: 216_589_760 },
  mobilenet_v3_large_x0_75: { ...LARGE, width: 0.75, params: 3_993_528, macs: 154_560_624 },
  mobilenet_v3_large_minimalistic: { ...minimalistic(LARGE), width: 1, params: 3_924_288, macs: 209_136_704 },
  mobilenet_v3_small: { ...SMALL, width: 1, params: 2_542_856, macs: 56_510_400 },
  mobilenet_v3_small_x0_75: { ...SMALL, width: 0.75, params: 2_041_872, macs: 43_399_344 },
  mobilenet_v3_small_x0_5: { ...SMALL, width: 0.5, params: 1_593_224, macs: 24_188_688 },
  mobilenet_v3_small_minimalistic: { ...minimalistic(SMALL), width: 1, params: 2_044_736, macs: 52_288_448 },
  mobilenet_v3_tiny: {
    width: 1,
    stem: STEM,
    blocks: [
      { kernelSize: 3, expansion: 1, filters: 16, squeezeExcite: true, activation: 'relu', stride: 1 },
      { kernelSize: 3, expansion: 3, filters: 32, activation: 'relu', stride: 2 },
      { kernelSize: 5, expansion: 3, filters: 32, squeezeExcite: true, activation: 'hardSwish', stride: 1 },
    ],
    head: 128,
    input: [28, 28, 1],
    classes: 10,
  },
} as const satisfies Record<string, MobileNetV3Spec & VariantRow>;

const mobileNetV3Spec = {
  width: specEntries.width,
  stem: specEntries.stem,
  blocks: option.list(option.object({
    kernelSize: option.odd(),
    expansion: option.number({ above: 0 }),
    filters: option.integer(1),
    squeezeExcite: option.withDefault(option.boolean(), false),
    activation: option.oneOf(ACTIVATIONS),
    stride: option.integer(1),
  })),
  activation: option.withDefault(option.oneOf(ACTIVATIONS), 'hardSwish'),
  head: option.integer(1),
  headBias: option.withDefault(option.boolean(), true),
} as const;

function build(input: SymbolicTensor, spec: OptionOutput<typeof mobileNetV3Spec>, context: BuildContext): Built {
  const { width, stem, blocks, activation, head, headBias } = spec;
  const weights = context.weights('heNormalFanOut');
  const norm = { epsilon: 1e-3, momentum: 0.99 };
  const features: Record<string, SymbolicTensor> = {};

  let x = conv2d(input, { filters: stem.filters, kernelSize: 3, strides: stem.stride, padding: 1, useBias: false, ...weights, name: 'features.0.0' });
  x = features['features.0'] = batchNorm(x, { ...norm, activation, name: 'features.0.1' });

  let channels: number = stem.filters;
  for (const [i, { filters, squeezeExcite, ...block }] of blocks.entries()) {
    const name = `features.${i + 1}`;
    channels = makeDivisible(filters * width, 8);
    const gated = squeezeExcite ? { squeezeExcite: SQUEEZE } : {};
    x = features[name] = invertedResidual(x, { ...block, ...gated, filters: channels, divisor: 8, ...norm, ...weights, naming: 'mobilenetV3', name });
  }

  const name = `features.${blocks.length + 1}`;
  x = conv2d(x, { filters: 6 * channels, kernelSize: 1, useBias: false, ...weights, name: `${name}.0` });
  x = features[name] = batchNorm(x, { ...norm, activation, name: `${name}.1` });
  if (!context.includeTop) return { output: x, features };

  const classifier = context.weights('smallNormal');
  x = dense(globalAveragePool(x, { name: 'avgpool' }), { units: head, useBias: headBias, activation, ...classifier, name: 'classifier.0' });
  x = dropout(x, { rate: context.dropout(0.2), name: 'classifier.2' });
  return { output: dense(x, { units: context.classes, ...classifier, name: 'classifier.3' }), features };
}

/** MobileNet v3. Feature taps: `features.0` to `features.16` (large) or `features.12` (small). */
export const mobilenetV3 = defineFamily({
  id: 'mobilenet-v3',
  paper: {
    title: 'Searching for MobileNetV3',
    authors: 'Andrew Howard, Mark Sandler, Grace Chu, Liang-Chieh Chen, Bo Chen, Mingxing Tan, Weijun Wang, Yukun Zhu, Ruoming Pang, Vijay Vasudevan, Quoc V. Le, Hartwig Adam',
    year: 2019,
    url: 'https://arxiv.org/abs/1905.02244',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: MOBILENETS_V3,
  aliases: {
    // timm
    mobilenetv3_large_100: 'mobilenet_v3_large',
    mobilenetv3_small_100: 'mobilenet_v3_small',
    mobilenetv3_small_075: 'mobilenet_v3_small_x0_75',
    mobilenetv3_small_050: 'mobilenet_v3_small_x0_5',
    tf_mobilenetv3_large_100: 'mobilenet_v3_large',
    tf_mobilenetv3_large_075: 'mobilenet_v3_large_x0_75',
    tf_mobilenetv3_large_minimal_100: 'mobilenet_v3_large_minimalistic',
    tf_mobilenetv3_small_100: 'mobilenet_v3_small',
    tf_mobilenetv3_small_075: 'mobilenet_v3_small_x0_75',
    tf_mobilenetv3_small_minimal_100: 'mobilenet_v3_small_minimalistic',
    // Keras
    MobileNetV3Large: 'mobilenet_v3_large',
    MobileNetV3Small: 'mobilenet_v3_small',
  },
  spec: mobileNetV3Spec,
  build,
});
