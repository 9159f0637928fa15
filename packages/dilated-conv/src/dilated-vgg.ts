/**
 * The front-end of Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions" (ICLR 2016, arXiv 1511.07122,
 * section 4): VGG-16 without its last two pools, the convolutions behind them dilated by 2 and 4, nothing padded; alone
 * or with the context module on top, as in the authors' release (fyu/dilation), whose layer names these are
 * (`conv1_1`, `fc6`, `final`; its `ctx_conv1_1` is `ctx.conv1_1`). Output: a map of logits at stride 8. Input: the image,
 * reflected by 186 pixels on every side, so that H x W pixels of input give (H - 372) / 8 x (W - 372) / 8 positions.
 */
import { conv2d, defineFamily, dropout, maxPool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { contextModule } from './context-module.js';

export interface DilatedVggSpec {
  /** Filters of the five stages of 3x3 convolutions, the last one's for those that are not named. Default: VGG-16's, 64 to 512. */
  readonly filters?: readonly number[];
  /** Filters of fc6 and fc7. Default 4096. */
  readonly hidden?: number;
  /** The context module behind the front-end. Default: none. */
  readonly context?: { readonly layers: number; readonly width: 'basic' | 'large'; readonly border: 'layers' | 'first' } | undefined;
}

const BASIC = { width: 'basic', border: 'layers' } as const;

/** The front-end alone for three data sets, and the released networks, the front-end with a basic context module. */
export const DILATED_VGGS = {
  dilated_vgg16_pascal_voc: { classes: 21, params: 134_346_581, macs: 791_561_657_088 },
  dilated_vgg16_cityscapes: { classes: 19, params: 134_338_387, macs: 791_525_972_736 },
  dilated_vgg16_camvid: { classes: 11, params: 134_305_611, macs: 791_383_235_328 },
  dilation8_pascal_voc: { classes: 21, context: { layers: 8, width: 'basic', border: 'first' }, params: 134_374_973, macs: 791_885_448_108 },
  dilation8_camvid: { classes: 11, context: { layers: 8, ...BASIC }, params: 134_313_443, macs: 791_416_968_192 },
  dilation7_kitti: { classes: 11, context: { layers: 7, ...BASIC }, params: 134_312_343, macs: 791_412_224_508 },
  dilation10_cityscapes: { classes: 19, context: { layers: 10, ...BASIC }, params: 134_368_179, macs: 791_654_919_048 },
} as const satisfies Record<string, DilatedVggSpec & VariantRow>;

const dilatedVggSpec = {
  filters: option.withDefault(option.list(option.integer(1)), [64, 128, 256, 512, 512]),
  hidden: option.withDefault(option.integer(1), 4096),
  context: option.optional(option.object({
    layers: option.integer(5, 12),
    width: option.oneOf(['basic', 'large']),
    border: option.oneOf(['layers', 'first']),
  })),
} as const;

/** VGG-16's stages: convolutions of each, their dilation, and whether a pool follows. */
const STAGES = [
  { convolutions: 2, dilation: 1, pool: true }, { convolutions: 2, dilation: 1, pool: true }, { convolutions: 3, dilation: 1, pool: true },
  { convolutions: 3, dilation: 1, pool: false }, { convolutions: 3, dilation: 2, pool: false },
] as const;

function build(x: SymbolicTensor, { filters, hidden, context: module }: OptionOutput<typeof dilatedVggSpec>, context: BuildContext): Built {
  const weights = context.weights('glorotUniform');
  const features: Record<string, SymbolicTensor> = {};
  let y = x;
  STAGES.forEach(({ convolutions, dilation, pool }, stage) => {
    const width = filters[Math.min(stage, filters.length - 1)] ?? 1;
    for (let i = 1; i <= convolutions; i++) {
      y = conv2d(y, { filters: width, kernelSize: 3, dilationRate: dilation, activation: 'relu', name: `conv${stage + 1}_${i}`, ...weights });
    }
    features[`conv${stage + 1}_${convolutions}`] = y;
    if (pool) y = maxPool(y, { poolSize: 2, name: `pool${stage + 1}` });
  });
  for (const { name, kernelSize, dilation } of [{ name: '6', kernelSize: 7, dilation: 4 }, { name: '7', kernelSize: 1, dilation: 1 }]) {
    y = conv2d(y, { filters: hidden, kernelSize, dilationRate: dilation, activation: 'relu', name: `fc${name}`, ...weights });
    y = dropout(y, { rate: context.dropout(0.5), name: `drop${name}` });
  }
  features['fc7'] = y;
  if (!context.includeTop) return { output: y, features };

  y = conv2d(y, { filters: context.classes, kernelSize: 1, name: 'final', ...context.weights({ kind: 'normal', deviation: 0.001 }) });
  if (module === undefined) return { output: y, features };
  const { kernelInitializer, seed } = context.weights('heNormal');
  return { output: contextModule(y, { ...module, ...(kernelInitializer === 'zeros' ? { kernelInitializer } : {}), name: 'ctx', seed }), features };
}

/** The family: `dilatedVgg.build('dilation8_pascal_voc', { inputShape: [500, 500, 3] })`. Feature taps: conv1_2, conv2_2, conv3_3, conv4_3, conv5_3 and fc7. */
export const dilatedVgg = defineFamily({
  id: 'dilated-vgg',
  paper: {
    title: 'Multi-Scale Context Aggregation by Dilated Convolutions',
    authors: 'Fisher Yu, Vladlen Koltun',
    year: 2015,
    url: 'https://arxiv.org/abs/1511.07122',
  },
  input: [900, 900, 3],
  classes: 21,
  variants: DILATED_VGGS,
  spec: dilatedVggSpec,
  build,
});
