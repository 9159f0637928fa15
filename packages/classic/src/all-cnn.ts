/**
 * All-CNN: Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All Convolutional Net" (ICLR 2015
 * workshop, arXiv 1412.6806), tables 1 and 2: models A, B and C for CIFAR, each with its pools, with strides in their
 * place, with a convolution in front of them, and with a convolution of stride 2 in their place.
 *
 * The first convolution of the head has no padding, so that the average is over 6x6 as in the paper; most ports pad it and
 * average 8x8. Pools round up without padding: 32, 16, 8 pixels. ReLU follows every convolution, the one that makes the
 * class maps too, so no logit is negative. Parameters of C are those of the listed layers: 0.95 million, where the paper's
 * column says 1.3.
 *
 * Layer names count: `conv1`, `pool1`, ... Kernels start by He's rule.
 */
import { conv2d, defineFamily, dropout, globalAveragePool, maxPool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

const REDUCTIONS = ['pool', 'stride', 'convolutionAndPool', 'convolution'] as const;
/**
 * How a stage ends: a max pool 3/2; stride 2 in its last convolution instead (Strided-CNN); one more 3x3 and the pool
 * (ConvPool-CNN); one more 3x3 of stride 2 (All-CNN).
 */
export type Reduction = (typeof REDUCTIONS)[number];

export interface AllCnnSpec {
  /** Kernel sizes of a stage's convolutions, odd; padding keeps the size. */
  readonly kernels: readonly number[];
  readonly reduction: Reduction;
  /** Width of each stage; the head has the last one's. Default 96, 192. */
  readonly widths?: readonly number[];
  /** Of the head's 3x3. Default 0. */
  readonly headPadding?: number;
  /** Behind the convolution that makes the class maps. Default 'relu', the paper's: a map that falls below 0 everywhere stays there. */
  readonly classActivation?: 'relu' | 'linear';
  /** Behind each stage; the image itself gets two fifths of it. Default 0.5. */
  readonly dropout?: number;
}

const A = [5] as const;
const B = [5, 1] as const;
const C = [3, 3] as const;

/** Table 1 (`cnn_`) and table 2 of the paper, and `all_cnn_tiny` for tests and short runs on 28x28 images. */
export const ALL_CNNS = {
  cnn_a: { kernels: A, reduction: 'pool', params: 839_242, macs: 138_677_760 },
  cnn_b: { kernels: B, reduction: 'pool', params: 885_610, macs: 157_552_128 },
  cnn_c: { kernels: C, reduction: 'pool', params: 954_730, macs: 228_331_008 },
  strided_cnn_a: { kernels: A, reduction: 'stride', params: 839_242, macs: 44_674_560 },
  strided_cnn_b: { kernels: B, reduction: 'stride', params: 885_610, macs: 143_396_352 },
  strided_cnn_c: { kernels: C, reduction: 'stride', params: 954_730, macs: 100_929_024 },
  convpool_cnn_a: { kernels: A, reduction: 'convolutionAndPool', params: 1_254_250, macs: 308_547_072 },
  convpool_cnn_b: { kernels: B, reduction: 'convolutionAndPool', params: 1_300_618, macs: 327_421_440 },
  convpool_cnn_c: { kernels: C, reduction: 'convolutionAndPool', params: 1_369_738, macs: 398_200_320 },
  all_cnn_a: { kernels: A, reduction: 'convolution', params: 1_254_250, macs: 181_145_088 },
  all_cnn_b: { kernels: B, reduction: 'convolution', params: 1_300_618, macs: 200_019_456 },
  all_cnn_c: { kernels: C, reduction: 'convolution', params: 1_369_738, macs: 270_798_336 },
  all_cnn_tiny: { kernels: [3], reduction: 'stride', widths: [16, 32, 64], classActivation: 'linear', dropout: 0, input: [28, 28, 1] },
} as const satisfies Record<string, AllCnnSpec & VariantRow>;

const count = option.integer(1);

const allCnnSpec = {
  kernels: option.list(option.odd()),
  reduction: option.oneOf(REDUCTIONS),
  widths: option.withDefault(option.list(count), [96, 192]),
  headPadding: option.withDefault(option.integer(0), 0),
  classActivation: option.withDefault(option.oneOf(['relu', 'linear']), 'relu'),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0.5),
} as const;

/** Kernel and stride of a stage's convolutions. */
function stageOf(kernels: readonly number[], reduction: Reduction): { kernelSize: number; strides: number }[] {
  const convolutions = kernels.map((kernelSize, i) => ({ kernelSize, strides: reduction === 'stride' && i === kernels.length - 1 ? 2 : 1 }));
  if (reduction === 'convolutionAndPool') convolutions.push({ kernelSize: 3, strides: 1 });
  if (reduction === 'convolution') convolutions.push({ kernelSize: 3, strides: 2 });
  return convolutions;
}

function build(x: SymbolicTensor, spec: OptionOutput<typeof allCnnSpec>, context: BuildContext): Built {
  const { kernels, reduction, widths, headPadding, classActivation } = spec;
  const weights = context.weights('heNormal');
  const rate = context.dropout(spec.dropout);
  const features: Record<string, SymbolicTensor> = {};
  let convolutions = 0;
  const conv = (z: SymbolicTensor, filters: number, kernelSize: number, { strides = 1, padding = (kernelSize - 1) / 2, activation = 'relu' as 'relu' | 'linear' } = {}) =>
    conv2d(z, { filters, kernelSize, strides, padding, activation, name: `conv${++convolutions}`, ...weights });

  let y = dropout(x, { rate: 0.4 * rate, name: 'dropout0' });
  widths.forEach((width, i) => {
    for (const { kernelSize, strides } of stageOf(kernels, reduction)) y = conv(y, width, kernelSize, { strides });
    if (reduction === 'pool' || reduction === 'convolutionAndPool') y = maxPool(y, { poolSize: 3, strides: 2, ceilMode: true, name: `pool${i + 1}` });
    features[`stage${i + 1}`] = y;
    y = dropout(y, { rate, name: `dropout${i + 1}` });
  });
  const width = widths.at(-1) ?? 0;
  y = conv(y, width, 3, { padding: headPadding });
  y = conv(y, width, 1);
  if (!context.includeTop) return { output: y, features };
  return { output: globalAveragePool(conv(y, context.classes, 1, { activation: classActivation }), { name: 'avgpool' }), features };
}

/** The family: `allCnn.build('all_cnn_c')`. Feature taps: stage1, stage2. */
export const allCnn = defineFamily({
  id: 'all-cnn',
  paper: {
    title: 'Striving for Simplicity: The All Convolutional Net',
    authors: 'Jost Tobias Springenberg, Alexey Dosovitskiy, Thomas Brox, Martin Riedmiller',
    year: 2014,
    url: 'https://arxiv.org/abs/1412.6806',
  },
  input: [32, 32, 3],
  classes: 10,
  variants: ALL_CNNS,
  spec: allCnnSpec,
  build,
});
