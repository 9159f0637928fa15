/**
 * EfficientNet (Tan and Le 2019, arXiv 1905.11946), table 1 and its compound scaling. Layer names, padding, batch norm,
 * initialisation, input sizes (B2: 288, where the paper has 260), dropout and stochastic depth are torchvision's (efficientnet_b0).
 * Batch norm: epsilon 1e-5 and momentum 0.9, from B5 on epsilon 1e-3 and momentum 0.99; Keras has epsilon 1e-3 throughout.
 */
import {
  batchNorm, conv2d, defineFamily, dense, dropout, globalAveragePool, option, type BuildContext, type Built, type OptionOutput, type VariantRow,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { invertedResidual } from './inverted-residual.js';
import { makeDivisible } from './make-divisible.js';
import type { MobileNetV2Stage } from './mobilenet-v2.js';
import { specEntries, stageEntries, type Stem } from './spec-options.js';

/** A row of table 1: blocks of one form, the first of them with the stride. */
export interface EfficientNetStage extends MobileNetV2Stage {
  readonly kernelSize: number;
}

export interface EfficientNetSpec {
  /** Width coefficient, before rounding to multiples of 8. */
  readonly width: number;
  /** Depth coefficient: a stage of n blocks gets ceil(n * depth). */
  readonly depth: number;
  readonly stem: Stem;
  readonly stages: readonly EfficientNetStage[];
  /** Channels of the last 1x1 convolution at width 1. */
  readonly head: number;
  /** In front of the classifier. */
  readonly dropout: number;
  /** Share of samples that skip the last block in training; block i of n is skipped by this times i / n. Default 0. */
  readonly stochasticDepth?: number;
  /** Of the batch norms. Default 1e-5. */
  readonly epsilon?: number;
  /** Of the batch norms. Default 0.9. */
  readonly momentum?: number;
}

/** Table 1. */
const IMAGENET = {
  stem: { filters: 32, stride: 2 },
  stages: [
    { expansion: 1, kernelSize: 3, filters: 16, blocks: 1, stride: 1 },
    { expansion: 6, kernelSize: 3, filters: 24, blocks: 2, stride: 2 },
    { expansion: 6, kernelSize: 5, filters: 40, blocks: 2, stride: 2 },
    { expansion: 6, kernelSize: 3, filters: 80, blocks: 3, stride: 2 },
    { expansion: 6, kernelSize: 5, filters: 112, blocks: 3, stride: 1 },
    { expansion: 6, kernelSize: 5, filters: 192, blocks: 4, stride: 2 },
    { expansion: 6, kernelSize: 3, filters: 320, blocks: 1, stride: 1 },
  ],
  head: 1280,
  stochasticDepth: 0.2,
} as const;

/** Batch norm of the networks whose weights torchvision has from lukemelas/EfficientNet-PyTorch. */
const SLOW_NORM = { epsilon: 1e-3, momentum: 0.99 } as const;
/** Section 4: squeezed to a quarter of the block's input. */
const SQUEEZE = { of: 'input', activation: 'silu' } as const;

/**
 * The scaled networks. Counts are others' (reference/models.csv); of B5 and B7, params are torchvision's num_params and macs
 * were worked out from table 1 (torchvision prints 10.3 and 37.7 G). `tiny` is for 28x28 images of one channel.
 */
export const EFFICIENTNETS = {
  efficientnet_b0: { ...IMAGENET, width: 1, depth: 1, dropout: 0.2, params: 5_288_548, macs: 385_814_752 },
  efficientnet_b1: { ...IMAGENET, width: 1, depth: 1.1, dropout: 0.2, input: [240, 240, 3], params: 7_794_184, macs: 686_802_832 },
  efficientnet_b2: { ...IMAGENET, width: 1.1, depth: 1.2, dropout: 0.3, input: [288, 288, 3], params: 9_109_994, macs: 1_087_529_456 },
  efficientnet_b3: { ...IMAGENET, width: 1.2, depth: 1.4, dropout: 0.3, input: [300, 300, 3], params: 12_233_232, macs: 1_827_141_392 },
  efficientnet_b4: { ...IMAGENET, width: 1.4, depth: 1.8, dropout: 0.4, input: [380, 380, 3], params: 19_341_616, macs: 4_393_771_024 },
  efficientnet_b5: { ...IMAGENET, ...SLOW_NORM, width: 1.6, depth: 2.2, dropout: 0.4, input: [456, 456, 3], params: 30_389_784, macs: 10_266_384_752 },
  efficientnet_b6: { ...IMAGENET, ...SLOW_NORM, width: 1.8, depth: 2.6, dropout: 0.5, input: [528, 528, 3], params: 43_040_704, macs: 19_067_593_536 },
  efficientnet_b7: { ...IMAGENET, ...SLOW_NORM, width: 2, depth: 3.1, dropout: 0.5, input: [600, 600, 3], params: 66_347_960, macs: 37_745_884_192 },
  efficientnet_tiny: {
    width: 1,
    depth: 1,
    stem: { filters: 16, stride: 2 },
    stages: [
      { expansion: 1, kernelSize: 3, filters: 16, blocks: 1, stride: 1 },
      { expansion: 3, kernelSize: 3, filters: 32, blocks: 2, stride: 2 },
      { expansion: 3, kernelSize: 5, filters: 48, blocks: 2, stride: 1 },
    ],
    head: 128,
    dropout: 0,
    input: [28, 28, 1],
    classes: 10,
  },
} as const satisfies Record<string, EfficientNetSpec & VariantRow>;

const efficientNetSpec = {
  width: specEntries.width,
  depth: option.number({ above: 0 }),
  stem: specEntries.stem,
  stages: option.list(option.object({ ...stageEntries, expansion: option.number({ above: 0 }), kernelSize: option.odd() })),
  head: option.integer(1),
  dropout: option.number({ min: 0, below: 1 }),
  stochasticDepth: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  epsilon: option.withDefault(option.number({ above: 0 }), 1e-5),
  momentum: option.withDefault(option.number({ min: 0, below: 1 }), 0.9),
} as const;

function build(input: SymbolicTensor, spec: OptionOutput<typeof efficientNetSpec>, context: BuildContext): Built {
  const { width, stem, head, stochasticDepth, epsilon, momentum } = spec;
  const weights = context.weights('heNormalFanOut');
  const channels = (filters: number) => makeDivisible(filters * width, 8);
  const stages = spec.stages.map(({ blocks, ...stage }) => ({ ...stage, blocks: Math.ceil(blocks * spec.depth) }));
  const total = stages.reduce((sum, { blocks }) => sum + blocks, 0);
  const block = { activation: 'silu', divisor: 8, squeezeExcite: SQUEEZE, epsilon, momentum, ...weights, naming: 'mobilenetV3' } as const;
  const features: Record<string, SymbolicTensor> = {};

  let x = conv2d(input, { filters: channels(stem.filters), kernelSize: 3, strides: stem.stride, padding: 1, useBias: false, ...weights, name: 'features.0.0' });
  x = features['features.0'] = batchNorm(x, { epsilon, momentum, activation: 'silu', name: 'features.0.1' });

  let index = 0;
  for (const [i, { blocks, filters, stride, expansion, kernelSize }] of stages.entries()) {
    for (let n = 0; n < blocks; n++, index++) {
      const rate = (stochasticDepth * index) / total;
      x = invertedResidual(x, { ...block, filters: channels(filters), expansion, kernelSize, stride: n === 0 ? stride : 1, stochasticDepth: rate, name: `features.${i + 1}.${n}` });
    }
    features[`features.${i + 1}`] = x;
  }

  const name = `features.${stages.length + 1}`;
  x = conv2d(x, { filters: channels(head), kernelSize: 1, useBias: false, ...weights, name: `${name}.0` });
  x = features[name] = batchNorm(x, { epsilon, momentum, activation: 'silu', name: `${name}.1` });
  if (!context.includeTop) return { output: x, features };

  x = dropout(globalAveragePool(x, { name: 'avgpool' }), { rate: context.dropout(spec.dropout), name: 'classifier.0' });
  return { output: dense(x, { units: context.classes, ...context.weights('uniformFanOut'), name: 'classifier.1' }), features };
}

/** EfficientNet. Feature taps: `features.0` to `features.8`, the stem, the seven stages and the last convolution. */
export const efficientnet = defineFamily({
  id: 'efficientnet',
  paper: {
    title: 'EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks',
    authors: 'Mingxing Tan, Quoc V. Le',
    year: 2019,
    url: 'https://arxiv.org/abs/1905.11946',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: EFFICIENTNETS,
  aliases: {
    // timm; its tf_efficientnet_b2 and Keras' are for 260 x 260 images
    tf_efficientnet_b0: 'efficientnet_b0',
    tf_efficientnet_b1: 'efficientnet_b1',
    tf_efficientnet_b3: 'efficientnet_b3',
    tf_efficientnet_b4: 'efficientnet_b4',
    tf_efficientnet_b5: 'efficientnet_b5',
    tf_efficientnet_b6: 'efficientnet_b6',
    tf_efficientnet_b7: 'efficientnet_b7',
    // Keras
    EfficientNetB0: 'efficientnet_b0',
    EfficientNetB1: 'efficientnet_b1',
    EfficientNetB3: 'efficientnet_b3',
    EfficientNetB4: 'efficientnet_b4',
    EfficientNetB5: 'efficientnet_b5',
    EfficientNetB6: 'efficientnet_b6',
    EfficientNetB7: 'efficientnet_b7',
  },
  spec: efficientNetSpec,
  build,
});
