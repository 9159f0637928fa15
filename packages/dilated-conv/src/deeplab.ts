/**
 * Segmentation with a dilated ResNet, in torchvision's form: DeepLab v3 (Chen, Papandreou, Schroff and Adam, "Rethinking
 * Atrous Convolution for Semantic Image Segmentation", arXiv 1706.05587) and the fully convolutional network (Long,
 * Shelhamer and Darrell, arXiv 1411.4038) on the same backbone. Its last stages are dilated instead of strided
 * (`replace_stride_with_dilation`): each first block keeps the dilation of the stage before, so that every tap stays where
 * it was. Layer names are torchvision's (`backbone.layer1.0.conv1`, `classifier.0.convs.1.0`). Output: logits for every
 * pixel of the input; with `auxiliary` also those of a head on the last stage but one.
 */
import {
  batchNorm, conv2d, defineFamily, dropout, option, resizeBilinear, type BuildContext, type Built, type OptionOutput, type Paper, type VariantRow,
} from '@convkit/core';
import { basicBlock, bottleneck, residualNetwork, residualStages, type ResidualNetwork, type ResidualStage } from '@convkit/resnet';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { aspp } from './aspp.js';

export interface DeepLabSpec {
  /** ASPP and a 3x3, or one 3x3 to a quarter of the channels. */
  readonly head: 'deeplab' | 'fcn';
  readonly block: 'basic' | 'bottleneck';
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  /** 7x7/2, or three 3x3 to twice as many channels (ResNet-D, as pytorchcv has it), and a max pool. Default 'imagenet'. */
  readonly stem?: 'imagenet' | 'deep';
  /** Filters of the first stage. Default 64. */
  readonly width?: number;
  /** Size of the input over that of the last map: stages that would go beyond are dilated. Default 8. */
  readonly outputStride?: number;
  /** Dilations of ASPP. Default: 96, 192 and 288 over outputStride, which is 12, 24, 36 at 8 and half of that at 16. */
  readonly rates?: readonly number[];
  /** Channels inside the DeepLab head. Default 256. */
  readonly headFilters?: number;
}

/** torchvision's networks, counted without their auxiliary heads, and `deeplab_tiny` for tests and short runs. */
export const DEEPLABS = {
  deeplabv3_resnet50: { head: 'deeplab', block: 'bottleneck', depths: [3, 4, 6, 3], params: 39_638_869, macs: 168_731_205_888 },
  deeplabv3_resnet101: { head: 'deeplab', block: 'bottleneck', depths: [3, 4, 23, 3], params: 58_630_997, macs: 248_752_300_288 },
  fcn_resnet50: { head: 'fcn', block: 'bottleneck', depths: [3, 4, 6, 3], params: 32_957_013, macs: 142_725_772_800 },
  fcn_resnet101: { head: 'fcn', block: 'bottleneck', depths: [3, 4, 23, 3], params: 51_949_141, macs: 222_746_867_200 },
  deeplab_tiny: { head: 'deeplab', block: 'basic', depths: [1, 1, 1], width: 8, outputStride: 4, rates: [1, 2, 3], headFilters: 8, input: [32, 32, 3], classes: 4 },
} as const satisfies Record<string, DeepLabSpec & VariantRow>;

const deeplabSpec = {
  head: option.oneOf(['deeplab', 'fcn']),
  block: option.oneOf(['basic', 'bottleneck']),
  depths: option.list(option.integer(1)),
  stem: option.withDefault(option.oneOf(['imagenet', 'deep']), 'imagenet'),
  width: option.withDefault(option.integer(1), 64),
  outputStride: option.withDefault(option.integer(4), 8),
  rates: option.optional(option.list(option.integer(1))),
  headFilters: option.withDefault(option.integer(1), 256),
} as const;

/**
 * Stages of a residual network whose output stride is at most `outputStride`: where a stride would go beyond, the stage
 * and all later ones are dilated by it. The first block of such a stage has the dilation of the stage before, where it
 * would stride; a basic block's second convolution, behind the stride, that of the stage.
 */
export function dilatedStages(depths: readonly number[], width: number, outputStride: number): ResidualStage[] {
  let [stride, dilation] = [4, 1];
  return residualStages(depths, width).map((stage) => {
    const firstDilation = dilation;
    if (stride * stage.stride > outputStride) {
      dilation *= stage.stride;
      return { ...stage, stride: 1, dilation, firstDilation };
    }
    stride *= stage.stride;
    return { ...stage, dilation, firstDilation };
  });
}

function build(x: SymbolicTensor, spec: OptionOutput<typeof deeplabSpec>, context: BuildContext): Built {
  const { head, block, depths, stem, width, outputStride, headFilters } = spec;
  const { rates = [96, 192, 288].map((reach) => Math.max(1, Math.round(reach / outputStride))) } = spec;
  const backbone = { naming: 'torchvision', under: 'backbone', stem, stemFilters: stem === 'deep' ? 2 * width : width } as const;
  const stages = dilatedStages(depths, width, outputStride);
  const make: ResidualNetwork['block'] = (y, options, { stage }) =>
    // The second convolution of a basic block stands behind the stride that its first one no longer has
    block === 'bottleneck' ? bottleneck(y, options) : basicBlock(y, { ...options, dilation: [options.dilation, stages[stage]?.dilation ?? 1] });
  const body = residualNetwork(x, { ...backbone, stages, block: make }, { ...context, includeTop: false });
  if (!context.includeTop) return body;

  const weights = context.weights('torchUniform');
  const [height, imageWidth] = context.inputShape;
  const convNorm = (y: SymbolicTensor, filters: number, path: string, index: number) =>
    batchNorm(conv2d(y, { filters, kernelSize: 3, padding: 1, useBias: false, name: `${path}.${index}`, ...weights }), { activation: 'relu', name: `${path}.${index + 1}` });
  const score = (y: SymbolicTensor, path: string) =>
    resizeBilinear(conv2d(y, { filters: context.classes, kernelSize: 1, name: `${path}.4`, ...weights }), { size: [height, imageWidth], name: `${path}.upsample` });
  const pyramid = (y: SymbolicTensor, path: string) =>
    score(convNorm(aspp(y, { filters: headFilters, rates, dropout: context.dropout(0.5), name: `${path}.0`, ...weights }), headFilters, path, 1), path);
  const plain = (y: SymbolicTensor, path: string) =>
    score(dropout(convNorm(y, Math.floor((y.shape.at(-1) ?? 1) / 4), path, 0), { rate: context.dropout(0.1), name: `${path}.3` }), path);

  const output = (head === 'deeplab' ? pyramid : plain)(body.output, 'classifier');
  // On the last stage but one
  const early = context.auxiliary ? Object.values(body.features).at(-2) : undefined;
  return { output, features: body.features, ...(early === undefined ? {} : { auxiliary: [plain(early, 'aux_classifier')] }) };
}

const FCN_PAPER: Paper = {
  title: 'Fully Convolutional Networks for Semantic Segmentation',
  authors: 'Jonathan Long, Evan Shelhamer, Trevor Darrell',
  year: 2014,
  url: 'https://arxiv.org/abs/1411.4038',
};

/** The family: `deeplab.build('deeplabv3_resnet50', { inputShape: [520, 520, 3] })`. Feature taps of the backbone: layer1 .. layer4. */
export const deeplab = defineFamily({
  id: 'deeplab',
  paper: {
    title: 'Rethinking Atrous Convolution for Semantic Image Segmentation',
    authors: 'Liang-Chieh Chen, George Papandreou, Florian Schroff, Hartwig Adam',
    year: 2017,
    url: 'https://arxiv.org/abs/1706.05587',
  },
  papers: { fcn_resnet50: FCN_PAPER, fcn_resnet101: FCN_PAPER },
  input: [520, 520, 3],
  classes: 21,
  variants: DEEPLABS,
  spec: deeplabSpec,
  build,
});
