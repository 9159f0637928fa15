/**
 * AlexNet: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks" (NIPS 2012).
 *
 * `alexnet` is the one-tower form (Krizhevsky, "One weird trick", 2014) as torchvision builds it: other widths, no local
 * response normalisation, dropout in front of the hidden layers. `bvlc_alexnet` is the two-tower original as Caffe's model
 * of that name: conv2, conv4 and conv5 in two groups, ReLU, normalisation, overlapping pool, on 227 pixels; `caffenet` pools
 * before it normalises. Their k is 1 and alpha is divided by the window; the paper has k = 2 and does not divide.
 * `alexnet_ungrouped` has the original's widths in one tower, as pytorchcv's alexnet, k = 2 and pools that round up.
 * `zfnet` (Zeiler and Fergus, 2013) is pytorchcv's too: a smaller first kernel and stride.
 *
 * Layer names are those of the three references. Kernels start as torch's do: the paper's N(0, 0.01^2) needs its biases
 * of 1, and a layer's bias starts at 0 here. Output: logits.
 */
import { adaptiveAvgPool, conv2d, defineFamily, dense, dropout, flatten, localResponseNorm, maxPool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface AlexNetConvolution {
  readonly filters: number;
  readonly kernelSize: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default 0. */
  readonly padding?: number;
  /** 2: each half of the channels sees only its own half below. Default 1. */
  readonly groups?: number;
  /** Local response normalisation over 5 channels, after the ReLU. Default false. */
  readonly norm?: boolean;
  /** A max pool 3/2. Default false. */
  readonly pool?: boolean;
}

export interface AlexNetSpec {
  /** Whose module paths the layers have. */
  readonly naming: keyof typeof NAMES;
  readonly convolutions: readonly AlexNetConvolution[];
  /** The normalisation's k. Default 2, the paper's. */
  readonly normBias?: number;
  /** Which of the two comes first where a convolution has both. Default 'norm'. */
  readonly first?: 'norm' | 'pool';
  /** Pools round their size up, as Caffe's do. Default false. */
  readonly ceilPool?: boolean;
  /** The last feature map is averaged to this many rows and columns. Default: left as it is. */
  readonly headPool?: number;
  /** Widths of the hidden layers. Default 4096, 4096. */
  readonly hidden?: readonly number[];
  /** Default 0.5. */
  readonly dropout?: number;
  /** Where the hidden layers drop out. Default 'after'. */
  readonly dropoutAt?: 'before' | 'after';
}

type Kind = 'conv' | 'norm' | 'pool';
/** Module paths in the references. `below` and `hidden` count the convolutions and the hidden layers. */
const NAMES = {
  torchvision: {
    feature: (_: Kind, { position }: Place) => `features.${position}`,
    hidden: (i: number) => `classifier.${3 * i + 1}`, dropout: (i: number) => `classifier.${3 * i}`, classifier: (_: number, hidden: number) => `classifier.${3 * hidden}`,
  },
  caffe: {
    feature: (kind: Kind, { index }: Place) => `${kind}${index + 1}`,
    hidden: (i: number, below: number) => `fc${below + i + 1}`, dropout: (i: number, below: number) => `drop${below + i + 1}`, classifier: (below: number, hidden: number) => `fc${below + hidden + 1}`,
  },
  pytorchcv: {
    feature: (kind: Kind, { stage, unit }: Place) => `features.stage${stage + 1}.${kind === 'pool' ? `pool${stage + 1}` : `unit${unit + 1}.${kind}`}`,
    hidden: (i: number) => `output.fc${i + 1}.fc`, dropout: (i: number) => `output.fc${i + 1}.dropout`, classifier: (_: number, hidden: number) => `output.fc${hidden + 1}`,
  },
} as const;

/** Where a convolution stands, from 0: among all, its stage (a pool ends one) and in it, and among all modules of torchvision's Sequential. */
type Place = Record<'index' | 'stage' | 'unit' | 'position', number>;

const towers = (groups: number): readonly AlexNetConvolution[] => [
  { filters: 96, kernelSize: 11, stride: 4, norm: true, pool: true },
  { filters: 256, kernelSize: 5, padding: 2, groups, norm: true, pool: true },
  { filters: 384, kernelSize: 3, padding: 1 },
  { filters: 384, kernelSize: 3, padding: 1, groups },
  { filters: 256, kernelSize: 3, padding: 1, groups, pool: true },
];
const zeilerFergus = (third: number, fourth: number, fifth: number): readonly AlexNetConvolution[] => [
  { filters: 96, kernelSize: 7, stride: 2, padding: 1, norm: true, pool: true },
  { filters: 256, kernelSize: 5, stride: 2, norm: true, pool: true },
  { filters: third, kernelSize: 3, padding: 1 },
  { filters: fourth, kernelSize: 3, padding: 1 },
  { filters: fifth, kernelSize: 3, padding: 1, pool: true },
];
const ONE_TOWER: readonly AlexNetConvolution[] = [
  { filters: 64, kernelSize: 11, stride: 4, padding: 2, pool: true },
  { filters: 192, kernelSize: 5, padding: 2, pool: true },
  { filters: 384, kernelSize: 3, padding: 1 },
  { filters: 256, kernelSize: 3, padding: 1 },
  { filters: 256, kernelSize: 3, padding: 1, pool: true },
];
const CAFFE = { naming: 'caffe', convolutions: towers(2), normBias: 1, ceilPool: true, input: [227, 227, 3] } as const;
const PYTORCHCV = { naming: 'pytorchcv', ceilPool: true } as const;

/** The forms above; `zfnet_wide` has ZFNet's 512-1024-512. `alexnet_tiny` is for tests and short runs on 28x28 images. */
export const ALEXNETS = {
  alexnet: { naming: 'torchvision', convolutions: ONE_TOWER, headPool: 6, dropoutAt: 'before', params: 61_100_840, macs: 714_188_480 },
  bvlc_alexnet: { ...CAFFE, params: 60_965_224, macs: 724_406_816 },
  caffenet: { ...CAFFE, first: 'pool', params: 60_965_224, macs: 724_406_816 },
  alexnet_ungrouped: { ...PYTORCHCV, convolutions: towers(1), params: 62_378_344, macs: 1_131_457_664 },
  zfnet: { ...PYTORCHCV, convolutions: zeilerFergus(384, 384, 256), params: 62_357_608, macs: 1_168_032_896 },
  zfnet_wide: { ...PYTORCHCV, convolutions: zeilerFergus(512, 1024, 512), params: 107_627_624, macs: 2_476_704_896 },
  alexnet_tiny: {
    naming: 'torchvision', convolutions: [{ filters: 32, kernelSize: 5, stride: 2, padding: 2, pool: true }, { filters: 64, kernelSize: 3, padding: 1, groups: 2, pool: true }],
    headPool: 3, hidden: [128], dropout: 0, dropoutAt: 'before', input: [28, 28, 1], classes: 10,
  },
} as const satisfies Record<string, AlexNetSpec & VariantRow>;

const [flag, count] = [option.withDefault(option.boolean(), false), option.integer(1)];

const alexnetSpec = {
  naming: option.oneOf(['torchvision', 'caffe', 'pytorchcv']),
  convolutions: option.list(option.object({
    filters: count, kernelSize: count, stride: option.withDefault(count, 1), padding: option.withDefault(option.integer(0), 0), groups: option.withDefault(count, 1), norm: flag, pool: flag,
  })),
  normBias: option.withDefault(option.number({ above: 0 }), 2),
  first: option.withDefault(option.oneOf(['norm', 'pool']), 'norm'),
  ceilPool: flag,
  headPool: option.optional(count),
  hidden: option.withDefault(option.list(count, 0), [4096, 4096]),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0.5),
  dropoutAt: option.withDefault(option.oneOf(['before', 'after']), 'after'),
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof alexnetSpec>, context: BuildContext): Built {
  const { naming, convolutions, normBias, first, ceilPool, headPool, hidden, dropoutAt } = spec;
  const names = NAMES[naming];
  const weights = context.weights('torchUniform');
  const features: Record<string, SymbolicTensor> = {};
  const at: Place = { index: 0, stage: 0, unit: 0, position: 0 };

  let y = x;
  for (const { filters, kernelSize, stride, padding, groups, norm, pool } of convolutions) {
    y = conv2d(y, { filters, kernelSize, strides: stride, padding, groups, activation: 'relu', name: names.feature('conv', at), ...weights });
    features[`relu${at.index + 1}`] = y;
    at.position += 2;
    for (const kind of first === 'norm' ? ['norm', 'pool'] as const : ['pool', 'norm'] as const) {
      if (!(kind === 'norm' ? norm : pool)) continue;
      const name = names.feature(kind, at);
      y = kind === 'norm' ? localResponseNorm(y, { k: normBias, name }) : maxPool(y, { poolSize: 3, strides: 2, ceilMode: ceilPool, name });
      if (kind === 'pool') features[`pool${at.index + 1}`] = y;
      at.position += 1;
    }
    Object.assign(at, pool ? { stage: at.stage + 1, unit: 0 } : { unit: at.unit + 1 });
    at.index += 1;
  }
  if (!context.includeTop) return { output: y, features };

  if (headPool !== undefined) y = adaptiveAvgPool(y, { outputSize: headPool, name: 'avgpool' });
  y = flatten(y, { name: 'flatten' });
  const rate = context.dropout(spec.dropout);
  hidden.forEach((units, i) => {
    const drop = (z: SymbolicTensor) => dropout(z, { rate, name: names.dropout(i, convolutions.length) });
    if (dropoutAt === 'before') y = drop(y);
    y = dense(y, { units, activation: 'relu', name: names.hidden(i, convolutions.length), ...weights });
    if (dropoutAt === 'after') y = drop(y);
  });
  return { output: dense(y, { units: context.classes, name: names.classifier(convolutions.length, hidden.length), ...weights }), features };
}

const ZFNET = { title: 'Visualizing and Understanding Convolutional Networks', authors: 'Matthew D. Zeiler, Rob Fergus', year: 2013, url: 'https://arxiv.org/abs/1311.2901' };

/** The family: `alexnet.build('bvlc_alexnet', { classes: 10 })`. Feature taps: relu1 .. relu5, pool1, pool2, pool5. */
export const alexnet = defineFamily({
  id: 'alexnet',
  paper: {
    title: 'ImageNet Classification with Deep Convolutional Neural Networks',
    authors: 'Alex Krizhevsky, Ilya Sutskever, Geoffrey E. Hinton',
    year: 2012,
    url: 'https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks',
  },
  papers: { zfnet: ZFNET, zfnet_wide: ZFNET },
  input: [224, 224, 3],
  classes: 1000,
  variants: ALEXNETS,
  aliases: {
    // pytorchcv
    alexnetb: 'alexnet',
    'pytorchcv/alexnet': 'alexnet_ungrouped',
    zfnetb: 'zfnet_wide',
    // Caffe
    bvlc_reference_caffenet: 'caffenet',
  },
  spec: alexnetSpec,
  build,
});
