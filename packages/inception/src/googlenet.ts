/**
 * GoogLeNet and BN-Inception: Szegedy et al., "Going Deeper with Convolutions" (CVPR 2015, arXiv 1409.4842), table 1, and
 * Ioffe and Szegedy, "Batch Normalization" (ICML 2015, arXiv 1502.03167), figure 5.
 *
 * `bvlc_googlenet` is the paper's network as Caffe's model of that name: true 5x5, biases, local response normalisation, no
 * batch norm. `googlenet` is torchvision's: batch norm, no normalisation across channels, and a 3x3 where the paper has the
 * 5x5 (its weights come from TensorFlow's port, which has it so), the last pool 2x2, auxiliary classifiers over 4x4 cells.
 * `bn_inception` is pytorchcv's, as the released Caffe model: two 3x3 for the 5x5, average pools, modules that halve the size,
 * biases in front of batch norm. `inception_v2_slim` is TF-Slim's: the first 7x7 separable and without batch norm, 4c and
 * 4d as the paper prints them, no biases; padding is explicit here, where TensorFlow pads to SAME.
 *
 * Pools round up. Names are the references'. Kernels start as torchvision's and pytorchcv's do; those of Caffe's form by
 * He's rule, for Caffe's own needs its biases of 0.2, and a layer's bias starts at 0 here. Output: logits.
 */
import {
  conv2d, defineFamily, dense, depthwiseConv2d, dropout, globalAveragePool, localResponseNorm, maxPool, option, unknownName, type BuildContext, type Built,
  type OptionSchema, type VariantRow,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { auxiliaryEntries, auxiliaryHead, type AuxiliarySpec } from './auxiliary-head.js';
import { convolutionUnit, styleEntries, type ConvolutionStyle, type ModulePart } from './branches.js';
import { NAMES } from './googlenet-names.js';
import { columnEntries, inceptionModule, largeOption, NAMINGS, type InceptionColumns, type LargeKernel, type Naming } from './inception-modules.js';

const STEMS = ['imagenet', 'separable', 'cifar'] as const;

export interface GoogLeNetSpec {
  /** Whose module paths the layers have. */
  readonly naming: Naming;
  /** Modules of each stage: 3, 4 and 5 in the papers' tables. */
  readonly stages: readonly (readonly InceptionColumns[])[];
  /** 7x7/2, pool, 1x1, 3x3, pool; the same with a depthwise 7x7 and a 1x1; or one 3x3. Default 'imagenet'. */
  readonly stem?: (typeof STEMS)[number];
  /** Width of the stem's last convolution; those in front of it have a third. Default 192. */
  readonly stemFilters?: number;
  /** Local response normalisation in the stem. Default false. */
  readonly responseNorm?: boolean;
  /** What stands at the place of the 5x5. Default '5x5'. */
  readonly large?: LargeKernel;
  /** Windows of the max pools of stride 2 between stages; none where modules halve the size. Default 3, 3. */
  readonly pools?: readonly number[];
  /** Batch norm between each convolution and its ReLU. Default true. */
  readonly batchNorm?: boolean;
  /** Whether convolutions have biases. Default: where no batch norm follows. */
  readonly convBias?: boolean;
  /** Of the batch norms. Default 1e-3. */
  readonly epsilon?: number;
  /** Whether batch norms have a gamma. Default true. */
  readonly scale?: boolean;
  /** In front of the classifier. Default 0. */
  readonly dropout?: number;
  /** The auxiliary classifiers. Default: none to have. */
  readonly auxiliary?: AuxiliarySpec;
}

type PrintedRow = readonly [filters1x1: number, reduce3x3: number, filters3x3: number, reduce5x5: number, filters5x5: number, projection: number];
/** A row of the papers' tables, columns in their order. */
const columns = ([filters1x1, reduce3x3, filters3x3, reduce5x5, filters5x5, projection]: PrintedRow): InceptionColumns => ({ filters1x1, reduce3x3, filters3x3, reduce5x5, filters5x5, projection });
const averaged = (row: PrintedRow): InceptionColumns => ({ ...columns(row), pool: 'average' });
/** What ends a stage of BN-Inception. */
const halving = (...[reduce3x3, filters3x3, reduce5x5, filters5x5]: readonly [number, number, number, number]): InceptionColumns => ({ reduce3x3, filters3x3, reduce5x5, filters5x5, stride: 2 });

const V1: readonly (readonly InceptionColumns[])[] = [
  [columns([64, 96, 128, 16, 32, 32]), columns([128, 128, 192, 32, 96, 64])],
  [
    columns([192, 96, 208, 16, 48, 64]), columns([160, 112, 224, 24, 64, 64]), columns([128, 128, 256, 24, 64, 64]), columns([112, 144, 288, 32, 64, 64]),
    columns([256, 160, 320, 32, 128, 128]),
  ],
  [columns([256, 160, 320, 32, 128, 128]), columns([384, 192, 384, 48, 128, 128])],
];
/** The released model projects the pools of 4c and 4d to 128 channels, the paper to 96. 3c and 4e begin the stage that they lead to. */
const bnInception = (projection: 96 | 128): readonly (readonly InceptionColumns[])[] => [
  [averaged([64, 64, 64, 64, 96, 32]), averaged([64, 64, 96, 64, 96, 64])],
  [
    halving(128, 160, 64, 96), averaged([224, 64, 96, 96, 128, 128]), averaged([192, 96, 128, 96, 128, 128]), averaged([160, 128, 160, 128, 160, projection]),
    averaged([96, 128, 192, 160, 192, projection]),
  ],
  [halving(128, 192, 192, 256), averaged([352, 192, 320, 160, 224, 128]), columns([352, 192, 320, 192, 224, 128])],
];
const V2 = { naming: 'pytorchcv', large: 'double3x3', pools: [] } as const;

/** The forms above, and `googlenet_tiny` for tests and short runs. */
export const GOOGLENETS = {
  googlenet: {
    naming: 'torchvision', stages: V1, large: '3x3', pools: [3, 2], dropout: 0.2,
    auxiliary: { after: ['inception4a', 'inception4d'], pool: 'adaptive' }, params: 6_624_904, macs: 1_498_376_192,
  },
  bvlc_googlenet: {
    naming: 'caffe', stages: V1, batchNorm: false, responseNorm: true, dropout: 0.4,
    auxiliary: { after: ['inception_4a', 'inception_4d'], pool: 'strided' }, params: 6_998_552, macs: 1_582_671_872,
  },
  bn_inception: { ...V2, stages: bnInception(128), convBias: true, epsilon: 1e-5, params: 11_295_240, macs: 2_032_600_064 },
  inception_v2_slim: { ...V2, stages: bnInception(96), stem: 'separable', dropout: 0.2, params: 11_188_224, macs: 1_934_857_216 },
  googlenet_tiny: {
    naming: 'torchvision', stem: 'cifar', stemFilters: 16, large: '3x3',
    stages: [[columns([8, 8, 16, 4, 8, 8])], [columns([16, 12, 24, 4, 12, 12])], [columns([24, 16, 40, 8, 16, 16])]],
    auxiliary: { after: ['inception4a'], pool: 'adaptive', filters: 8, units: 32 }, input: [28, 28, 1], classes: 10,
  },
} as const satisfies Record<string, GoogLeNetSpec & VariantRow>;

type Defaulted = 'stem' | 'stemFilters' | 'responseNorm' | 'large' | 'pools' | 'batchNorm' | 'epsilon' | 'scale' | 'dropout';
/** A spec with its defaults. */
export type CheckedGoogLeNet = Omit<GoogLeNetSpec, Defaulted | 'stages' | 'auxiliary'> & Required<Pick<GoogLeNetSpec, Defaulted>> & {
  readonly stages: readonly (readonly Required<InceptionColumns>[])[];
  readonly auxiliary?: Required<AuxiliarySpec>;
};

/** How a spec is checked. */
export const googlenetSpec: { readonly [Field in keyof CheckedGoogLeNet]-?: OptionSchema<CheckedGoogLeNet[Field]> } = {
  ...styleEntries,
  naming: option.oneOf(NAMINGS),
  stages: option.list(option.list(option.object(columnEntries))),
  stem: option.withDefault(option.oneOf(STEMS), 'imagenet'),
  stemFilters: option.withDefault(option.integer(3), 192),
  responseNorm: option.withDefault(option.boolean(), false),
  large: largeOption,
  pools: option.withDefault(option.list(option.integer(2), 0), [3, 3]),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  auxiliary: option.optional(option.object(auxiliaryEntries)),
};

function stemOf(x: SymbolicTensor, { naming, stem, stemFilters, responseNorm }: CheckedGoogLeNet, style: ConvolutionStyle): SymbolicTensor {
  const { convolutions: [first, second, third], depthwise, pools, norms } = NAMES[naming];
  if (stem === 'cifar') return convolutionUnit(x, { path: first, filters: stemFilters, kernelSize: 3 }, style);
  const filters = Math.floor(stemFilters / 3);
  const { kernelInitializer, seed } = style;
  const pool = (y: SymbolicTensor, i: 0 | 1) => maxPool(y, { poolSize: 3, strides: 2, ceilMode: true, name: pools[i] });
  const norm = (y: SymbolicTensor, i: 0 | 1) => (responseNorm ? localResponseNorm(y, { name: norms[i] }) : y);

  let y = x;
  if (stem === 'separable') {
    y = depthwiseConv2d(y, { kernelSize: 7, strides: 2, padding: 3, depthMultiplier: 8, useBias: false, name: depthwise, kernelInitializer, seed });
    y = conv2d(y, { filters, kernelSize: 1, activation: 'relu', name: first, kernelInitializer, seed });
  } else y = convolutionUnit(y, { path: first, filters, kernelSize: 7, stride: 2 }, style);
  y = norm(pool(y, 0), 0);
  y = convolutionUnit(y, { path: second, filters, kernelSize: 1 }, style);
  y = convolutionUnit(y, { path: third, filters: stemFilters, kernelSize: 3 }, style);
  return pool(norm(y, 1), 1);
}

/** The builder of the family. With `after`, behind each module, another family is made of it: BN-Inception with squeeze-and-excitation. */
export function buildGoogLeNet(x: SymbolicTensor, spec: CheckedGoogLeNet, context: BuildContext, after?: ModulePart): Built {
  const { naming, stages, large, pools, batchNorm, convBias, epsilon, scale } = spec;
  const names = NAMES[naming];
  const style: ConvolutionStyle = { batchNorm, convBias, epsilon, scale, ...context.weights(names.initializer) };
  const features: Record<string, SymbolicTensor> = {};

  let y = stemOf(x, spec, style);
  stages.forEach((modules, stage) => {
    const window = pools[stage - 1];
    if (window !== undefined) y = maxPool(y, { poolSize: window, strides: 2, ceilMode: true, name: names.stagePool(stage) });
    modules.forEach((module, i) => {
      const [tap, name] = names.module(stage, i);
      y = inceptionModule(y, { ...module, ...style, large, naming, name, after });
      features[tap] = y;
    });
  });
  if (!context.includeTop) return { output: y, features };

  const heads = context.auxiliary ? spec.auxiliary : undefined;
  const auxiliary = heads?.after.map((tap, i) => {
    const map = features[tap];
    if (map === undefined) throw unknownName('googlenet', 'auxiliary.after', tap, Object.keys(features));
    return auxiliaryHead(map, { spec: heads, names: names.auxiliary(i), initializer: names.denseInitializer, style, context });
  });
  y = globalAveragePool(y, { name: names.pool });
  const rate = context.dropout(spec.dropout);
  if (rate > 0) y = dropout(y, { rate, name: names.dropout });
  const output = dense(y, { units: context.classes, name: names.classifier, ...context.weights(names.denseInitializer) });
  return { output, features, ...(auxiliary && { auxiliary }) };
}

const BATCH_NORM = {
  title: 'Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift', authors: 'Sergey Ioffe, Christian Szegedy', year: 2015, url: 'https://arxiv.org/abs/1502.03167',
};

/** The family: `googlenet.build('googlenet', { classes: 10 })`. Feature taps: every module, as its reference calls it (inception3a, inception_3a, stage1.unit1). */
export const googlenet = defineFamily({
  id: 'googlenet',
  paper: {
    title: 'Going Deeper with Convolutions',
    authors: 'Christian Szegedy, Wei Liu, Yangqing Jia, Pierre Sermanet, Scott Reed, Dragomir Anguelov, Dumitru Erhan, Vincent Vanhoucke, Andrew Rabinovich',
    year: 2014,
    url: 'https://arxiv.org/abs/1409.4842',
  },
  input: [224, 224, 3],
  classes: 1000,
  papers: { bn_inception: BATCH_NORM, inception_v2_slim: BATCH_NORM },
  variants: GOOGLENETS,
  aliases: {
    // TF-Slim
    inception_v1: 'googlenet',
    // pytorchcv
    bninception: 'bn_inception',
  },
  spec: googlenetSpec,
  build: (x, spec, context) => buildGoogLeNet(x, spec, context),
});
