/**
 * Dilated residual networks: Yu, Koltun and Funkhouser, "Dilated Residual Networks" (CVPR 2017, arXiv 1705.09914),
 * sections 3 and 4. A: ResNet whose last two stages are dilated instead of strided; C: no max pool, and two levels without
 * shortcuts at the end against gridding; D: C with plain convolutions in place of its outer basic blocks. In the first
 * block of a dilated level both convolutions are dilated, but for A, whose first blocks are not.
 *
 * Layer names are pytorchcv's (`features.stage3.unit1.body.conv1.conv`), which lacks A: there torchvision's. Initial
 * weights are the authors' (fyu/drn: He, fan out). Batch norm: epsilon 1e-5, momentum 0.9 (core's defaults). Output: logits.
 */
import {
  batchNorm, concatenate, conv2d, defineFamily, dense, dropout, flatten, globalAveragePool, option, OptionError, resizeBilinear, sliceChannels,
  type BuildContext, type Built, type OptionOutput, type VariantRow,
} from '@convkit/core';
import { basicBlock, bottleneck, residualNetwork, residualStages } from '@convkit/resnet';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface DrnSpec {
  readonly form: 'A' | 'C' | 'D';
  /** Block of levels 3 to 6 (of all of A's stages). */
  readonly block: 'basic' | 'bottleneck';
  /** Units of levels 1 to 8; of A's four stages. */
  readonly depths: readonly number[];
  /** Filters of level 1 (of A's first stage). Default 16 (64). */
  readonly width?: number;
  /**
   * The authors' C-58 projects the input of its first block without shortcut, and drops the result: true computes it too,
   * so that their weights have a place. Default false.
   */
  readonly unusedProjection?: boolean;
  /** A vector of logits; the map of logits, at stride 8; or that map brought to the image's size, as the authors' DRNSeg. Default 'logits'. */
  readonly output?: 'logits' | 'map' | 'image';
}

/** The authors' networks, and `drn_tiny` for tests and short runs. Their C-58 has a projection that nothing reads; `_pytorchcv` is without. */
export const DRNS = {
  drn_a_50: { form: 'A', block: 'bottleneck', depths: [3, 4, 6, 3], params: 25_557_032, macs: 19_079_364_608 },
  drn_c_26: { form: 'C', block: 'basic', depths: [1, 1, 2, 2, 2, 2, 1, 1], params: 21_126_584, macs: 16_971_239_424 },
  drn_c_42: { form: 'C', block: 'basic', depths: [1, 1, 3, 4, 6, 3, 1, 1], params: 31_234_744, macs: 25_063_624_704 },
  drn_c_58: { form: 'C', block: 'bottleneck', depths: [1, 1, 3, 4, 6, 3, 1, 1], unusedProjection: true, params: 41_591_608, macs: 33_245_925_376 },
  drn_c_58_pytorchcv: { form: 'C', block: 'bottleneck', depths: [1, 1, 3, 4, 6, 3, 1, 1], params: 40_542_008, macs: 32_423_841_792 },
  drn_d_22: { form: 'D', block: 'basic', depths: [1, 1, 2, 2, 2, 2, 1, 1], params: 16_393_752, macs: 13_034_229_760 },
  drn_d_24: { form: 'D', block: 'basic', depths: [1, 1, 2, 2, 2, 2, 2, 2], params: 21_114_392, macs: 16_733_605_888 },
  drn_d_38: { form: 'D', block: 'basic', depths: [1, 1, 3, 4, 6, 3, 1, 1], params: 26_501_912, macs: 21_126_615_040 },
  drn_d_54: { form: 'D', block: 'bottleneck', depths: [1, 1, 3, 4, 6, 3, 1, 1], params: 35_809_176, macs: 28_486_832_128 },
  drn_d_105: { form: 'D', block: 'bottleneck', depths: [1, 1, 3, 4, 23, 3, 1, 1], params: 54_801_304, macs: 43_335_716_864 },
  drn_d_107: { form: 'D', block: 'bottleneck', depths: [1, 1, 3, 4, 23, 3, 2, 2], params: 59_521_944, macs: 47_035_092_992 },
  drn_tiny: { form: 'D', block: 'basic', depths: [1, 1, 1, 1, 1, 1, 1, 1], width: 2, input: [28, 28, 1], classes: 10 },
} as const satisfies Record<string, DrnSpec & VariantRow>;

const drnSpec = {
  form: option.oneOf(['A', 'C', 'D']),
  block: option.oneOf(['basic', 'bottleneck']),
  depths: option.list(option.integer(1)),
  width: option.optional(option.integer(1)),
  unusedProjection: option.withDefault(option.boolean(), false),
  output: option.withDefault(option.oneOf(['logits', 'map', 'image']), 'logits'),
} as const;
type Spec = OptionOutput<typeof drnSpec>;

const STRIDES = [1, 2, 2, 2, 1, 1, 1, 1];
const DILATIONS = [1, 1, 1, 1, 2, 4, 2, 1];

/** Levels 1 to 8: what their units are, all the same but for the first one's stride. */
function levelsOf({ form, block, depths, width = 16 }: Spec) {
  const outer = form === 'C' ? 'basic' : 'conv';
  return depths.map((units, i) => ({
    units, filters: width * Math.min(2 ** i, 32), stride: STRIDES[i] ?? 1, dilation: DILATIONS[i] ?? 1,
    unit: i < 2 || i > 5 ? outer : block, shortcut: i < 6 ? 'projection' : 'none',
  } as const));
}

/** A: a residual network with stages 3 and 4 at the size of stage 2. */
function buildA(x: SymbolicTensor, { block, depths, width = 64 }: Spec, context: BuildContext): Built {
  const stages = residualStages(depths, width).map((stage, i) => (i < 2 ? stage : { ...stage, stride: 1, dilation: 2 ** (i - 1), firstDilation: 1 }));
  const make = block === 'basic' ? basicBlock : bottleneck;
  return residualNetwork(x, { naming: 'torchvision', stem: 'imagenet', stemFilters: width, stages, block: make }, { ...context, includeTop: false });
}

/** C and D: a 7x7 at full size and eight levels. */
function buildLevels(x: SymbolicTensor, spec: Spec, context: BuildContext): Built {
  const weights = context.weights('heNormalFanOut');
  const features: Record<string, SymbolicTensor> = {};
  const convNorm = (y: SymbolicTensor, path: string, window: { filters: number; kernelSize: number; stride?: number; dilation?: number; relu?: boolean }) => {
    const { filters, kernelSize, stride = 1, dilation = 1, relu = true } = window;
    const conv = { filters, kernelSize, strides: stride, dilationRate: dilation, padding: (dilation * (kernelSize - 1)) / 2, useBias: false };
    return batchNorm(conv2d(y, { ...conv, name: `${path}.conv`, ...weights }), { activation: relu ? 'relu' : 'linear', name: `${path}.bn` });
  };

  const levels = levelsOf(spec);
  let y = convNorm(x, 'features.init_block', { filters: levels[0]?.filters ?? 1, kernelSize: 7 });
  let stage = 1;
  let place = 0;
  levels.forEach(({ units, filters, stride: levelStride, dilation, unit, shortcut }, level) => {
    for (let i = 0; i < units; i++) {
      const stride = i === 0 ? levelStride : 1;
      // pytorchcv's stages begin where the size halves
      if (stride > 1) [stage, place] = [stage + 1, 0];
      const name = `features.stage${stage}.unit${++place}`;
      const z = y;
      if (unit === 'conv') y = convNorm(z, `${name}.body`, { filters, kernelSize: 3, stride, dilation });
      else y = (unit === 'basic' ? basicBlock : bottleneck)(z, { filters, stride, dilation, shortcut, naming: 'pytorchcv', name, ...weights });
      if (spec.unusedProjection && unit !== 'conv' && shortcut === 'none' && z.shape.at(-1) !== filters) {
        const unused = convNorm(z, `${name}.identity_conv`, { filters, kernelSize: 1, relu: false });
        y = sliceChannels(concatenate([y, unused], { name: `${name}.both` }), { start: 0, size: filters, name: `${name}.used` });
      }
    }
    features[`layer${level + 1}`] = y;
  });
  return { output: y, features };
}

function build(x: SymbolicTensor, spec: Spec, context: BuildContext): Built {
  const { form, depths, output } = spec;
  const levels = form === 'A' ? 4 : 8;
  if (depths.length !== levels) throw new OptionError('drn', 'depths', depths, `${levels} integers >= 1 for the form ${form}`);
  const built = form === 'A' ? buildA(x, spec, context) : buildLevels(x, spec, context);
  if (!context.includeTop) return built;

  const { features } = built;
  const classifier = { name: form === 'A' ? 'fc' : 'output' };
  const score = (y: SymbolicTensor) => conv2d(y, { filters: context.classes, kernelSize: 1, ...classifier, ...context.weights('heNormalFanOut') });
  if (output !== 'logits') {
    const map = score(built.output);
    return { output: output === 'map' ? map : resizeBilinear(map, { scale: 8, outside: 'zero', name: 'up' }), features };
  }
  const pooled = globalAveragePool(built.output, { keepDims: true, name: form === 'A' ? 'avgpool' : 'features.final_pool' });
  const rate = context.dropout(0);
  const y = rate > 0 ? dropout(pooled, { rate, name: 'dropout' }) : pooled;
  if (form !== 'A') return { output: flatten(score(y), { name: 'flatten' }), features };
  return { output: dense(flatten(y, { name: 'flatten' }), { units: context.classes, ...classifier, ...context.weights('torchUniform') }), features };
}

/** The family: `drn.build('drn_d_22', { classes: 10 })`. Feature taps: layer1 .. layer8, for A layer1 .. layer4; the last ones at stride 8. */
export const drn = defineFamily({
  id: 'drn',
  paper: {
    title: 'Dilated Residual Networks',
    authors: 'Fisher Yu, Vladlen Koltun, Thomas Funkhouser',
    year: 2017,
    url: 'https://arxiv.org/abs/1705.09914',
  },
  input: [224, 224, 3],
  classes: 1000,
  variants: DRNS,
  aliases: { drnc26: 'drn_c_26', drnc42: 'drn_c_42', drnc58: 'drn_c_58_pytorchcv', drnd22: 'drn_d_22', drnd38: 'drn_d_38', drnd54: 'drn_d_54', drnd105: 'drn_d_105' },
  spec: drnSpec,
  build,
});
