/** Stem, stages and head of a residual network, for every family that puts blocks of its own into it. */
import {
  batchNorm, conv2d, dense, dropout, globalAveragePool, maxPool, type BuildContext, type Built, type InitializerName,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

/** What a stage's blocks get. */
export interface ResidualStage {
  readonly depth: number;
  readonly filters: number;
  /** Of the first block. */
  readonly stride: number;
  /** Default 1. */
  readonly dilation?: number;
  /** Dilation of the first block. Default: the stage's. */
  readonly firstDilation?: number;
}

/** Options of one block that are the network's business: spread them into `basicBlock`, `bottleneck` or a block of your own. */
export interface ResidualUnitOptions {
  filters: number;
  stride: number;
  dilation: number;
  naming: 'torchvision' | 'pytorchcv';
  name: string;
  kernelInitializer: InitializerName;
  seed: number;
}

export const STEMS = ['imagenet', 'deep', 'cifar'] as const;

export interface ResidualNetwork {
  /** Whose module paths the layers have. */
  readonly naming: 'torchvision' | 'pytorchcv';
  /** Module path of the network inside a larger one (`backbone`): all names begin with it. Default: none. */
  readonly under?: string;
  /** 7x7/2 and a max pool; three 3x3, the first with stride 2, and a max pool; or one 3x3. */
  readonly stem: (typeof STEMS)[number];
  /** Filters of the stem. */
  readonly stemFilters: number;
  /** Filters of the deep stem's first two convolutions. Default: half of stemFilters. */
  readonly innerStemFilters?: number | readonly [number, number];
  readonly stages: readonly ResidualStage[];
  /** Makes a block; stages and units count from 0. */
  block(x: SymbolicTensor, options: ResidualUnitOptions, place: { stage: number; unit: number }): SymbolicTensor;
  /** The paper's dropout rate in front of the classifier. Default 0. */
  readonly dropout?: number;
  /** Module path of the classifier. Default: fc, or with pytorchcv's names output. */
  readonly classifier?: string;
}

/** Module paths around the blocks; stages count from 1, units and the deep stem's convolutions from 0. */
const NAMES = {
  torchvision: {
    stem: () => ['conv1', 'bn1'], stemPool: 'maxpool', pool: 'avgpool', classifier: 'fc',
    deep: (i: number) => (i < 2 ? [`conv1.${3 * i}`, `conv1.${3 * i + 1}`] : ['conv1.6', 'bn1']),
    tap: (stage: number) => `layer${stage}`, unit: (stage: number, unit: number) => `layer${stage}.${unit}`,
  },
  pytorchcv: {
    // Its 3x3 stem is a block, the 7x7 one is a block in a block
    stem: (stem: string) => ['conv', 'bn'].map((part) => `features.init_block.${stem === 'cifar' ? '' : 'conv.'}${part}`), stemPool: 'features.init_block.pool',
    deep: (i: number) => [`features.init_block.conv${i + 1}.conv`, `features.init_block.conv${i + 1}.bn`], pool: 'features.final_pool', classifier: 'output',
    tap: (stage: number) => `stage${stage}`, unit: (stage: number, unit: number) => `features.stage${stage}.unit${unit + 1}`,
  },
} as const;

/** Module paths of a network that may be part of a larger one. */
const pathIn = ({ under }: ResidualNetwork) => (name: string) => (under === undefined ? name : `${under}.${name}`);

/** Stages of the papers' tables: each after the first halves the size and doubles the width. */
export function residualStages(depths: readonly number[], width: number): ResidualStage[] {
  return depths.map((depth, i) => ({ depth, filters: width * 2 ** i, stride: i > 0 ? 2 : 1 }));
}

function stemOf(x: SymbolicTensor, network: ResidualNetwork, context: BuildContext): SymbolicTensor {
  const { naming, stem, stemFilters, innerStemFilters: inner = Math.floor(stemFilters / 2) } = network;
  const names = NAMES[naming];
  const at = pathIn(network);
  const convNorm = (y: SymbolicTensor, [conv = '', norm = '']: readonly string[], filters: number, kernelSize: number, strides: number) =>
    batchNorm(
      conv2d(y, { filters, kernelSize, strides, padding: (kernelSize - 1) / 2, useBias: false, name: at(conv), ...context.weights('heNormalFanOut') }),
      { activation: 'relu', name: at(norm) },
    );
  if (stem === 'cifar') return convNorm(x, names.stem(stem), stemFilters, 3, 1);
  const y = stem === 'imagenet'
    ? convNorm(x, names.stem(stem), stemFilters, 7, 2)
    : [...(typeof inner === 'number' ? [inner, inner] : inner), stemFilters].reduce((z, filters, i) => convNorm(z, names.deep(i), filters, 3, i === 0 ? 2 : 1), x);
  return maxPool(y, { poolSize: 3, strides: 2, padding: 1, name: at(names.stemPool) });
}

/**
 * A network of blocks: stem, stages, global average, classifier. For the `build` of a family (`defineFamily`); feature
 * taps are layer1, layer2, ... or, with pytorchcv's names, stage1, stage2, ...
 */
export function residualNetwork(x: SymbolicTensor, network: ResidualNetwork, context: BuildContext): Built {
  const { naming, stages, block } = network;
  const names = NAMES[naming];
  const at = pathIn(network);
  const features: Record<string, SymbolicTensor> = {};

  let y = stemOf(x, network, context);
  stages.forEach(({ depth, filters, stride, dilation = 1, firstDilation = dilation }, stage) => {
    for (let unit = 0; unit < depth; unit++) {
      const first = unit === 0 ? { stride, dilation: firstDilation } : { stride: 1, dilation };
      y = block(y, { filters, ...first, naming, name: at(names.unit(stage + 1, unit)), ...context.weights('heNormalFanOut') }, { stage, unit });
    }
    features[names.tap(stage + 1)] = y;
  });
  if (!context.includeTop) return { output: y, features };

  y = globalAveragePool(y, { name: at(names.pool) });
  const rate = context.dropout(network.dropout ?? 0);
  if (rate > 0) y = dropout(y, { rate, name: at('dropout') });
  return { output: dense(y, { units: context.classes, name: at(network.classifier ?? names.classifier), ...context.weights('torchUniform') }), features };
}
