/**
 * Network in Network: Lin, Chen and Yan (ICLR 2014, arXiv 1312.4400), for CIFAR and for ImageNet. No dense layer: the last
 * 1x1 convolution makes one map for every class, and the mean of a map is the class's logit. That convolution has a ReLU
 * as well, in the authors' models as in their conversions, so no logit is negative.
 *
 * `nin_cifar10` and `nin_cifar100` are pytorchcv's: the authors' layers, with pools padded by 1. `nin_imagenet` is the
 * authors' Caffe model: pools without padding that round up, dropout in front of the last stage only.
 *
 * Layer names are pytorchcv's, also for the ImageNet form, which it lacks. Kernels start by He's uniform rule, as there.
 */
import { avgPool, conv2d, defineFamily, dropout, globalAveragePool, maxPool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { mlpConv } from './mlp-conv.js';

/** In front of it a pool and dropout, where asked for; then an mlpconv. */
export interface NinStage {
  readonly filters: number;
  readonly kernelSize: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default 0. */
  readonly padding?: number;
  /** Output channels of the 1x1 convolutions; the last stage's lack that of the classes. */
  readonly pointwise: readonly number[];
  /** A pool 3/2 in front. Default: none. */
  readonly pool?: 'max' | 'average';
  /** Dropout behind that pool. Default false. */
  readonly dropout?: boolean;
}

export interface NinSpec {
  readonly stages: readonly NinStage[];
  /** How a pool treats the border: zeros around it and rounding down (pytorchcv), no zeros and rounding up (Caffe) or down (d2l). */
  readonly border: 'padded' | 'ceil' | 'floor';
  /** Default 0.5. */
  readonly dropout?: number;
}

const CIFAR: Pick<NinSpec, 'stages' | 'border'> & { input: readonly [number, number, number] } = {
  stages: [
    { filters: 192, kernelSize: 5, padding: 2, pointwise: [160, 96] },
    { filters: 192, kernelSize: 5, padding: 2, pointwise: [192, 192], pool: 'max', dropout: true },
    { filters: 192, kernelSize: 3, padding: 1, pointwise: [192], pool: 'average', dropout: true },
  ],
  border: 'padded',
  input: [32, 32, 3],
};

/** The authors' networks, and `nin_tiny` for tests and short runs on 28x28 images. */
export const NINS = {
  nin_cifar10: { ...CIFAR, classes: 10, params: 966_986, macs: 222_486_528 },
  nin_cifar100: { ...CIFAR, classes: 100, params: 984_356, macs: 223_592_448 },
  nin_imagenet: {
    stages: [
      { filters: 96, kernelSize: 11, stride: 4, pointwise: [96, 96] },
      { filters: 256, kernelSize: 5, padding: 2, pointwise: [256, 256], pool: 'max' },
      { filters: 384, kernelSize: 3, padding: 1, pointwise: [384, 384], pool: 'max' },
      { filters: 1024, kernelSize: 3, padding: 1, pointwise: [1024], pool: 'max', dropout: true },
    ],
    border: 'ceil', params: 7_595_176, macs: 1_100_188_800,
  },
  nin_tiny: {
    stages: [
      { filters: 32, kernelSize: 5, stride: 4, pointwise: [32] },
      { filters: 64, kernelSize: 3, padding: 1, pointwise: [64], pool: 'max' },
    ],
    border: 'padded', dropout: 0, input: [28, 28, 1], classes: 10,
  },
} as const satisfies Record<string, NinSpec & VariantRow>;

const flag = option.withDefault(option.boolean(), false);
const count = option.integer(1);

const ninSpec = {
  stages: option.list(option.object({
    filters: count, kernelSize: count, stride: option.withDefault(count, 1), padding: option.withDefault(option.integer(0), 0),
    pointwise: option.list(count, 0), pool: option.optional(option.oneOf(['max', 'average'])), dropout: flag,
  })),
  border: option.oneOf(['padded', 'ceil', 'floor']),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0.5),
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof ninSpec>, context: BuildContext): Built {
  const { stages, border } = spec;
  const weights = context.weights('heUniform');
  const rate = context.dropout(spec.dropout);
  const window = { poolSize: 3, strides: 2, padding: border === 'padded' ? 1 : 0, ceilMode: border === 'ceil' };
  const features: Record<string, SymbolicTensor> = {};

  let y = x;
  stages.forEach(({ pool, dropout: dropsOut, ...block }, i) => {
    const name = `features.stage${i + 1}`;
    if (pool !== undefined) y = (pool === 'max' ? maxPool : avgPool)(y, { ...window, name: `${name}.pool${i + 1}` });
    if (dropsOut) y = dropout(y, { rate, name: `${name}.dropout${i + 1}` });
    y = mlpConv(y, { ...block, name, ...weights });
    features[`stage${i + 1}`] = y;
  });
  if (!context.includeTop) return { output: y, features };

  y = conv2d(y, { filters: context.classes, kernelSize: 1, activation: 'relu', name: 'output.final_conv.conv', ...weights });
  return { output: globalAveragePool(y, { name: 'output.final_pool' }), features };
}

/** The family: `nin.build('nin_cifar10')`. Feature taps: stage1, stage2, ... */
export const nin = defineFamily({
  id: 'nin',
  paper: { title: 'Network In Network', authors: 'Min Lin, Qiang Chen, Shuicheng Yan', year: 2013, url: 'https://arxiv.org/abs/1312.4400' },
  input: [224, 224, 3],
  classes: 1000,
  variants: NINS,
  spec: ninSpec,
  build,
});
