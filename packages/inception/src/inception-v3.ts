/**
 * Inception v3: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture for Computer Vision"
 * (CVPR 2016, arXiv 1512.00567), as TensorFlow released it and torchvision rebuilt it: section 6 of the paper with 299x299
 * images, batch norm in the auxiliary classifier too. What halves the size has no padding, so the smallest image is 75x75.
 *
 * `inception_v3` is torchvision's: average pools count their padding, dropout 0.5. `inception_v3_keras`: they do not count
 * it, as in TensorFlow, batch norms have no gamma, no dropout and no auxiliary classifier.
 *
 * Layer names are torchvision's (`Mixed_5b.branch5x5_1.conv`). Batch norm: epsilon 1e-3, momentum 0.9. Kernels start from
 * N(0, 0.1^2), cut off 20 deviations out in torchvision and not at all here; those of the auxiliary classifier from
 * narrower ones. Output: logits.
 */
import { avgPool, defineFamily, dense, dropout, globalAveragePool, maxPool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { convolutionUnit, styleEntries, type ConvolutionStyle, type ConvolutionUnit } from './branches.js';
import { inceptionV3Module, scaled, v3Entries, type V3Kind } from './inception-v3-module.js';

export interface InceptionV3Spec {
  /** Channels behind the pool of each module A. */
  readonly a: readonly number[];
  /** Channels inside the 7x7 branches of each module C. */
  readonly c: readonly number[];
  /** How many modules E. */
  readonly e: number;
  /** The paper's six layers, from 299 to 35 pixels; or a 3x3/2 and a 3x3, for small images. Default 'imagenet'. */
  readonly stem?: keyof typeof STEMS;
  /** All channels times this, rounded down: TF-Slim's depth_multiplier. Default 1. */
  readonly depthMultiplier?: number;
  /** Whether average pools count their padding. Default true. */
  readonly countPadding?: boolean;
  /** Whether batch norms have a gamma. Default true. */
  readonly scale?: boolean;
  /** In front of the classifier. Default 0. */
  readonly dropout?: number;
  /** Whether there is an auxiliary classifier to have, behind the last module C. Default false. */
  readonly auxiliary?: boolean;
}

const conv = (path: string, filters: number, kernelSize: number, stride = 1, padding = 0): ConvolutionUnit => ({ path, filters, kernelSize, stride, padding });
/** Convolutions in groups; a max pool 3/2 without padding ends each group. */
const STEMS = {
  imagenet: [
    [conv('Conv2d_1a_3x3', 32, 3, 2), conv('Conv2d_2a_3x3', 32, 3), conv('Conv2d_2b_3x3', 64, 3, 1, 1)],
    [conv('Conv2d_3b_1x1', 80, 1), conv('Conv2d_4a_3x3', 192, 3)],
  ],
  small: [[conv('Conv2d_1a_3x3', 64, 3), conv('Conv2d_2a_3x3', 192, 3, 1, 1)]],
} as const;

const MODULES = { a: [32, 64, 64], c: [128, 160, 160, 192], e: 2 } as const;

/** The forms above, and `inception_v3_tiny` for tests and short runs: all five modules, a sixteenth of the channels. */
export const INCEPTIONS_V3 = {
  inception_v3: { ...MODULES, dropout: 0.5, auxiliary: true, params: 23_834_568, macs: 5_713_216_096 },
  inception_v3_keras: { ...MODULES, countPadding: false, scale: false, params: 23_817_352, macs: 5_713_216_096 },
  inception_v3_tiny: { a: [32], c: [128], e: 1, stem: 'small', depthMultiplier: 1 / 16, input: [28, 28, 1], classes: 10 },
} as const satisfies Record<string, InceptionV3Spec & VariantRow>;

const inceptionV3Spec = {
  ...v3Entries,
  a: option.list(option.integer(1), 0),
  c: option.list(option.integer(1)),
  e: option.integer(0),
  stem: option.withDefault(option.oneOf(['imagenet', 'small']), 'imagenet'),
  scale: styleEntries.scale,
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  auxiliary: option.withDefault(option.boolean(), false),
} as const;
type Checked = OptionOutput<typeof inceptionV3Spec>;

/** Average pool 5/3, 1x1, 5x5 without padding, mean, classifier: 17x17 -> 5x5 -> 1x1. */
function auxiliaryHead(x: SymbolicTensor, { depthMultiplier }: Checked, style: ConvolutionStyle, context: BuildContext): SymbolicTensor {
  let y = avgPool(x, { poolSize: 5, strides: 3, name: 'AuxLogits.pool' });
  y = convolutionUnit(y, scaled(conv('AuxLogits.conv0', 128, 1), depthMultiplier), style);
  y = convolutionUnit(y, scaled(conv('AuxLogits.conv1', 768, 5), depthMultiplier), { ...style, ...context.weights('smallNormal') });
  y = globalAveragePool(y, { name: 'AuxLogits.avgpool' });
  return dense(y, { units: context.classes, name: 'AuxLogits.fc', ...context.weights({ kind: 'normal', deviation: 0.001 }) });
}

function build(x: SymbolicTensor, spec: Checked, context: BuildContext): Built {
  const { a, c, e, depthMultiplier, countPadding, scale } = spec;
  const weights = context.weights({ kind: 'normal', deviation: 0.1 });
  const style: ConvolutionStyle = { batchNorm: true, convBias: false, epsilon: 1e-3, scale, ...weights };
  const features: Record<string, SymbolicTensor> = {};

  let y = x;
  STEMS[spec.stem].forEach((units, i) => {
    for (const unit of units) y = convolutionUnit(y, scaled(unit, depthMultiplier), style);
    y = maxPool(y, { poolSize: 3, strides: 2, name: `maxpool${i + 1}` });
  });
  /** Modules of one grid size; those that halve it are called `a`, so the first stage begins with b. */
  const stage = (number: number, first: string, modules: readonly { kind: V3Kind; width?: number }[]) => modules.forEach((module, i) => {
    const name = `Mixed_${number}${String.fromCharCode(first.charCodeAt(0) + i)}`;
    y = inceptionV3Module(y, { ...module, depthMultiplier, countPadding, ...style, name });
    features[name] = y;
  });
  stage(5, 'b', a.map((width) => ({ kind: 'A', width })));
  stage(6, 'a', [{ kind: 'B' }, ...c.map((width) => ({ kind: 'C' as const, width }))]);
  const auxiliary = context.auxiliary && spec.auxiliary ? [auxiliaryHead(y, spec, style, context)] : undefined;
  stage(7, 'a', [{ kind: 'D' }, ...Array.from({ length: e }, () => ({ kind: 'E' as const }))]);
  if (!context.includeTop) return { output: y, features };

  y = globalAveragePool(y, { name: 'avgpool' });
  const rate = context.dropout(spec.dropout);
  if (rate > 0) y = dropout(y, { rate, name: 'dropout' });
  return { output: dense(y, { units: context.classes, name: 'fc', ...weights }), features, ...(auxiliary && { auxiliary }) };
}

/** The family: `inceptionV3.build('inception_v3', { classes: 10 })`. Feature taps: Mixed_5b .. Mixed_5d, Mixed_6a .. Mixed_6e, Mixed_7a .. Mixed_7c. */
export const inceptionV3 = defineFamily({
  id: 'inception-v3',
  paper: {
    title: 'Rethinking the Inception Architecture for Computer Vision',
    authors: 'Christian Szegedy, Vincent Vanhoucke, Sergey Ioffe, Jonathon Shlens, Zbigniew Wojna',
    year: 2015,
    url: 'https://arxiv.org/abs/1512.00567',
  },
  input: [299, 299, 3],
  classes: 1000,
  variants: INCEPTIONS_V3,
  aliases: { InceptionV3: 'inception_v3_keras', inceptionv3: 'inception_v3' },
  spec: inceptionV3Spec,
  build,
});
