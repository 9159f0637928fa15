/**
 * Xception (Chollet 2017, arXiv 1610.02357), figure 5: separable convolutions in residual blocks. Layer names, padding (1
 * on every side of a pool) and batch norm (epsilon 1e-5, momentum 0.9) are timm's (legacy_xception); Keras, the author's,
 * has TensorFlow's SAME padding, epsilon 1e-3 and momentum 0.99. Counts agree in all of them. Dropout of 0.5 in front of the classifier
 * is the paper's (section 4.3.1); Keras and timm leave it out.
 */
import { batchNorm, conv2d, defineFamily, dense, dropout, globalAveragePool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { stageEntries, stemEntry, type Stem } from './spec-options.js';
import { separableConv, WIDEN_ON, xceptionBlock } from './xception-block.js';

/** Residual blocks of one form. */
export interface XceptionStage {
  readonly filters: number;
  readonly blocks: number;
  /** Separable convolutions a block. */
  readonly units: number;
  /** Of every block; above 1 it ends in a max pool. */
  readonly stride: number;
  /** Which separable convolution has the new width. Default 'first'. */
  readonly widenOn?: (typeof WIDEN_ON)[number];
}

export interface XceptionSpec {
  /** 3x3 convolutions without padding. */
  readonly stem: readonly Stem[];
  readonly stages: readonly XceptionStage[];
  /** Filters of the separable convolutions behind the blocks. */
  readonly head: readonly number[];
}

/** Figure 5 of the paper. `tiny` is for 28x28 images of one channel. */
export const XCEPTIONS = {
  xception: {
    stem: [{ filters: 32, stride: 2 }, { filters: 64, stride: 1 }],
    stages: [
      { filters: 128, blocks: 1, units: 2, stride: 2 },
      { filters: 256, blocks: 1, units: 2, stride: 2 },
      { filters: 728, blocks: 1, units: 2, stride: 2 },
      { filters: 728, blocks: 8, units: 3, stride: 1 },
      { filters: 1024, blocks: 1, units: 2, stride: 2, widenOn: 'last' },
    ],
    head: [1536, 2048],
    params: 22_855_952,
    macs: 8_357_403_496,
  },
  xception_tiny: {
    stem: [{ filters: 16, stride: 1 }],
    stages: [
      { filters: 32, blocks: 1, units: 2, stride: 2 },
      { filters: 32, blocks: 1, units: 2, stride: 1 },
      { filters: 64, blocks: 1, units: 2, stride: 2, widenOn: 'last' },
    ],
    head: [96],
    input: [28, 28, 1],
    classes: 10,
  },
} as const satisfies Record<string, XceptionSpec & VariantRow>;

const xceptionSpec = {
  stem: option.list(stemEntry),
  stages: option.list(option.object({ ...stageEntries, units: option.integer(1), widenOn: option.withDefault(option.oneOf(WIDEN_ON), 'first') })),
  head: option.list(option.integer(1)),
} as const;

function build(input: SymbolicTensor, { stem, stages, head }: OptionOutput<typeof xceptionSpec>, context: BuildContext): Built {
  const weights = context.weights('heNormalFanOut');
  const features: Record<string, SymbolicTensor> = {};

  let x = input;
  for (const [i, { filters, stride }] of stem.entries()) {
    x = conv2d(x, { filters, kernelSize: 3, strides: stride, useBias: false, ...weights, name: `conv${i + 1}` });
    x = features[`conv${i + 1}`] = batchNorm(x, { activation: 'relu', name: `bn${i + 1}` });
  }

  let index = 1;
  for (const { blocks, ...stage } of stages) {
    for (let block = 0; block < blocks; block++, index++) {
      const name = `block${index}`;
      x = features[name] = xceptionBlock(x, { ...stage, startActivation: index > 1, ...weights, name });
    }
  }

  for (const [i, filters] of head.entries()) {
    const number = stem.length + i + 1;
    x = separableConv(x, { filters, ...weights, name: `conv${number}` });
    x = features[`conv${number}`] = batchNorm(x, { activation: 'relu', name: `bn${number}` });
  }
  if (!context.includeTop) return { output: x, features };

  x = dropout(globalAveragePool(x, { name: 'global_pool.pool' }), { rate: context.dropout(0.5), name: 'dropout' });
  return { output: dense(x, { units: context.classes, ...context.weights('torchUniform'), name: 'fc' }), features };
}

/** Xception. Feature taps: `conv1`, `conv2`, `block1` to `block12` (before the next ReLU), `conv3`, `conv4`. */
export const xception = defineFamily({
  id: 'xception',
  paper: {
    title: 'Xception: Deep Learning with Depthwise Separable Convolutions',
    authors: 'François Chollet',
    year: 2016,
    url: 'https://arxiv.org/abs/1610.02357',
  },
  input: [299, 299, 3],
  classes: 1000,
  variants: XCEPTIONS,
  aliases: {
    // timm
    legacy_xception: 'xception',
    // Keras
    Xception: 'xception',
  },
  spec: xceptionSpec,
  build,
});
