/**
 * Every counted row of the reference values agrees exactly with the variant it speaks of. The rules below say which that
 * is; the first whose model and note match decides. A row without a counterpart has a rule with the reason.
 */
import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import { lenet, LENETS } from '@convkit/classic';
import type { BuildOptions } from '@convkit/core';
import { densenet, type DenseNetSpec } from '@convkit/densenet';
import { mobilenetV2, MOBILENETS_V2 } from '@convkit/depthwise';
import { profile } from '@convkit/profile';
import { resnet, RESNETS, resnetV2, type ResNetSpec, type ResNetV2Spec } from '@convkit/resnet';
import { shufflenetV2, SHUFFLENETS_V2, type ShuffleNetV2Spec } from '@convkit/shufflenet';
import { vgg, VGGS, type VggSpec } from '@convkit/vgg';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, it } from 'vitest';
import { zoo } from './index.js';

interface ReferenceRow {
  model: string;
  note: string;
  input: number;
  params: number;
  macs: number;
  activations: number;
  source: string;
}

/** Fields of one line of CSV; a quoted field may hold commas. */
const fields = (line: string) => [...line.matchAll(/(?:^|,)(?:"([^"]*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

const ROWS: ReferenceRow[] = readFileSync(new URL('../../../testing/fixtures/models.csv', import.meta.url), 'utf8').trimEnd().split('\n').slice(1).map((line) => {
  const [model = '', note = '', input, params, gmacs, mactivations, , , source = ''] = fields(line);
  return { model, note, input: Number(input), params: Number(params), macs: Math.round(Number(gmacs) * 1e9), activations: Math.round(Number(mactivations) * 1e6), source };
});

/** Builds the counterpart of a row. */
type Build = (options: BuildOptions, row: ReferenceRow) => LayersModel;

interface Rule {
  model: RegExp;
  /** Tested on note and source. */
  note?: RegExp;
  /** The counterpart, or why there is none. */
  is: Build | string;
}

const sameName: Build = (options, row) => zoo.get(row.model).build(options);
const variant = (id: string): Build => (options) => zoo.get(id).build(options);
const vggOf = (spec: VggSpec): Build => (options) => vgg.build(spec, options);
const resnetOf = (spec: ResNetSpec): Build => (options) => resnet.build(spec, options);
const resnetV2Of = (spec: ResNetV2Spec): Build => (options) => resnetV2.build(spec, options);
const basic = (...depths: number[]): ResNetSpec => ({ stem: 'imagenet', block: 'basic', depths });
const bottleneck = (...depths: number[]): ResNetSpec => ({ stem: 'imagenet', block: 'bottleneck', depths });
const densenetOf = (spec: DenseNetSpec): Build => (options) => densenet.build(spec, options);
const mobilenetOf = (width: number): Build => (options) => mobilenetV2.build({ ...MOBILENETS_V2.mobilenet_v2, width, divisor: 1, classifierBias: false }, options);
const shufflenetOf = (id: keyof typeof SHUFFLENETS_V2, edit: Partial<ShuffleNetV2Spec>): Build => (options) => shufflenetV2.build({ ...SHUFFLENETS_V2[id], ...edit }, options);

/** kuangliu/pytorch-cifar: ImageNet networks that start with a 3x3 convolution of stride 1. */
const cifarVgg = { batchNorm: true, head: { pool: 1, widths: [], dropout: 0 } } as const;
const cifarResnet = { stem: 'cifar', width: 64 } as const;
const cifarDensenet = { stem: 'cifar' } as const;
const cifarShufflenet = { stem: { filters: 24, stride: 1, pool: false } } as const;

/** `resnext26_32x4d`: 2 + 12 n layers in four stages, 32 groups, base width 4. */
const fourStages = ({ model }: ReferenceRow, layers: number): [number, number, number, number] => {
  const n = (Number(/\d+/.exec(model)?.[0]) - 2) / layers;
  return [n, n, n, n];
};
const cardinality = ({ model }: ReferenceRow) => {
  const [, groups, baseWidth] = /_(\d+)x(\d+)d/.exec(model) ?? [];
  return { groups: Number(groups), baseWidth: Number(baseWidth) };
};

const RULES: readonly Rule[] = [
  { model: /./, note: /rounded/, is: 'rounded by its source, and counts more than convolutions and dense layers' },

  { model: /^vgg11_bn$/, note: /no conv bias/, is: vggOf({ ...VGGS.vgg11_bn, convBias: false }) },
  { model: /^vgg13_bn$/, note: /no conv bias/, is: vggOf({ ...VGGS.vgg13_bn, convBias: false }) },
  { model: /^vgg16_bn$/, note: /no conv bias/, is: vggOf({ ...VGGS.vgg16_bn, convBias: false }) },
  { model: /^vgg19_bn$/, note: /no conv bias/, is: vggOf({ ...VGGS.vgg19_bn, convBias: false }) },
  { model: /^vgg11_bn_cifar10$/, is: vggOf({ ...VGGS.vgg11_bn, ...cifarVgg }) },
  { model: /^vgg19_bn_cifar10$/, is: vggOf({ ...VGGS.vgg19_bn, ...cifarVgg }) },
  { model: /^vgg/, is: sameName },

  { model: /^resnet(50|101|152)$/, note: /conv bias kept|conv1 has bias/, is: 'its convolutions have biases in front of batch norm, which add parameters and nothing else' },
  { model: /^resnet50$/, note: /\(v1\)/, is: variant('resnet50_v1') },
  { model: /^resnet101$/, note: /\(v1\)|cafferesnet101|prototxt/, is: variant('resnet101_v1') },
  { model: /^resnet152$/, note: /\(v1\)|prototxt/, is: variant('resnet152_v1') },
  { model: /^resnet200$/, note: /\(v1\)/, is: resnetOf({ ...bottleneck(3, 24, 36, 3), strideOn: 'first' }) },
  { model: /^resnet200$/, is: resnetOf(bottleneck(3, 24, 36, 3)) },
  { model: /^resnet10$/, is: resnetOf(basic(1, 1, 1, 1)) },
  { model: /^resnet12$/, is: resnetOf(basic(2, 1, 1, 1)) },
  { model: /^resnet14$/, is: resnetOf(basic(2, 2, 1, 1)) },
  { model: /^resnet16$/, is: resnetOf(basic(2, 2, 2, 1)) },
  { model: /^resnet18_w(3d4|d2)$/, is: 'its last block keeps the full width' },
  { model: /^resnetbc14b$/, is: resnetOf(bottleneck(1, 1, 1, 1)) },
  { model: /^resnetbc26b$/, is: resnetOf(bottleneck(2, 2, 2, 2)) },
  { model: /^resnet18_cifar10$/, is: resnetOf({ ...RESNETS.resnet18, ...cifarResnet }) },
  { model: /^resnet50_cifar10$/, is: resnetOf({ ...RESNETS.resnet50, ...cifarResnet }) },
  { model: /^resnet152_cifar10$/, is: resnetOf({ ...RESNETS.resnet152, ...cifarResnet }) },
  { model: /^resnet164bn_cifar10$/, is: resnetOf({ stem: 'cifar', block: 'bottleneck', depths: [18, 18, 18] }) },
  { model: /^resnet1001_cifar10$/, is: resnetOf({ stem: 'cifar', block: 'bottleneck', depths: [111, 111, 111] }) },
  { model: /^resnet1202_cifar10$/, note: /option-A/, is: resnetOf({ stem: 'cifar', block: 'basic', depths: [200, 200, 200], shortcut: 'padded' }) },
  { model: /^resnet1202_cifar10$/, is: resnetOf({ stem: 'cifar', block: 'basic', depths: [200, 200, 200] }) },
  { model: /_cifar10$/, note: /option-A/, is: (options, row) => zoo.get(`${row.model}_a`).build(options) },
  { model: /^resnet/, is: sameName },

  { model: /^wide_resnet50_2$/, note: /BN folded/, is: 'has biases instead of batch norm' },
  { model: /^wide_resnet/, is: sameName },
  { model: /^resnext29_4x64d_cifar10$/, note: /kuangliu/, is: 'its blocks give twice the width of their 3x3, here 512 to 2048 channels; starts with a 1x1 convolution' },
  { model: /^resnext/, note: /kuangliu/, is: 'starts with a 1x1 convolution' },
  { model: /^resnext(14|26|38)_/, is: (options, row) => resnetOf({ ...bottleneck(...fourStages(row, 12)), ...cardinality(row) })(options, row) },
  { model: /^resnext(20|272)_/, is: (options, row) => resnetOf({ stem: 'cifar', block: 'bottleneck', depths: fourStages(row, 9).slice(1), width: 64, ...cardinality(row) })(options, row) },
  { model: /^resnext/, is: sameName },

  { model: /^preresnet/, note: /Keras/, is: 'strides in the last block of a stage, with max pools for shortcuts, and has convolution biases' },
  { model: /^preresnet/, note: /kuangliu/, is: 'has no batch norm after the last block' },
  { model: /^preresnet18_wd4$/, is: 'its last block keeps the full width' },
  { model: /^preresnet/, note: /timm|prototxt/, is: (options, row) => zoo.get(row.model.replace('preresnet', 'resnetv2_')).build(options) },
  // pytorchcv has a batch norm after the first convolution.
  { model: /^preresnet10$/, is: resnetV2Of({ ...basic(1, 1, 1, 1), stemNorm: true }) },
  { model: /^preresnet12$/, is: resnetV2Of({ ...basic(2, 1, 1, 1), stemNorm: true }) },
  { model: /^preresnet14$/, is: resnetV2Of({ ...basic(2, 2, 1, 1), stemNorm: true }) },
  { model: /^preresnet16$/, is: resnetV2Of({ ...basic(2, 2, 2, 1), stemNorm: true }) },
  { model: /^preresnet34$/, is: resnetV2Of({ ...basic(3, 4, 6, 3), stemNorm: true }) },
  { model: /^preresnetbc14b$/, is: resnetV2Of({ ...bottleneck(1, 1, 1, 1), stemNorm: true }) },
  { model: /^preresnetbc38b$/, is: resnetV2Of({ ...bottleneck(3, 3, 3, 3), stemNorm: true }) },
  { model: /^preresnet50$/, note: /\(v1\)/, is: resnetV2Of({ ...bottleneck(3, 4, 6, 3), stemNorm: true, strideOn: 'first' }) },
  { model: /^preresnet50$/, is: resnetV2Of({ ...bottleneck(3, 4, 6, 3), stemNorm: true }) },
  { model: /^preresnet101$/, note: /\(v1\)/, is: resnetV2Of({ ...bottleneck(3, 4, 23, 3), stemNorm: true, strideOn: 'first' }) },
  { model: /^preresnet101$/, is: resnetV2Of({ ...bottleneck(3, 4, 23, 3), stemNorm: true }) },
  { model: /^preresnet152$/, note: /\(v1\)/, is: resnetV2Of({ ...bottleneck(3, 8, 36, 3), stemNorm: true, strideOn: 'first' }) },
  { model: /^preresnet152$/, is: resnetV2Of({ ...bottleneck(3, 8, 36, 3), stemNorm: true }) },
  { model: /^preresnet200$/, note: /\(v1\)/, is: resnetV2Of({ ...bottleneck(3, 24, 36, 3), stemNorm: true, strideOn: 'first' }) },
  { model: /^preresnet200$/, is: resnetV2Of({ ...bottleneck(3, 24, 36, 3), stemNorm: true }) },
  { model: /^preresnet1001_cifar10$/, is: resnetV2Of({ stem: 'cifar', block: 'bottleneck', depths: [111, 111, 111] }) },
  { model: /^preresnet1202_cifar10$/, is: resnetV2Of({ stem: 'cifar', block: 'basic', depths: [200, 200, 200] }) },
  { model: /^preresnet/, is: sameName },
  { model: /^wrn20_10_32bit_cifar10$/, is: 'is not of 6 n + 4 layers, and has a batch norm for its 10 classes' },
  { model: /^wrn/, is: sameName },

  { model: /^densenet121_cifar10$/, is: densenetOf({ ...cifarDensenet, growthRate: 32, blocks: [6, 12, 24, 16] }) },
  { model: /^densenet161_cifar10$/, is: densenetOf({ ...cifarDensenet, growthRate: 48, blocks: [6, 12, 36, 24] }) },
  { model: /^densenet169_cifar10$/, is: densenetOf({ ...cifarDensenet, growthRate: 32, blocks: [6, 12, 32, 32] }) },
  { model: /^densenet201_cifar10$/, is: densenetOf({ ...cifarDensenet, growthRate: 32, blocks: [6, 12, 48, 32] }) },
  { model: /^densenet_bc_6_12_24_16_k12_cifar10$/, is: densenetOf({ ...cifarDensenet, growthRate: 12, blocks: [6, 12, 24, 16] }) },
  { model: /^densenet/, note: /applies 0\.5 compression/, is: (options, row) => zoo.get(`${row.model}_pytorchcv`).build(options) },
  { model: /^densenet/, is: sameName },

  { model: /^mobilenet_v1/, note: /BN only after pointwise/, is: 'has no batch norm after the depthwise convolution' },
  { model: /^mobilenet_v2/, note: /expansion conv kept/, is: 'has an expansion convolution in the first block, where t = 1' },
  { model: /^mobilenet_v2_cifar10$/, is: 'has an expansion convolution in the first block, and convolutions in shortcuts' },
  // pytorchcv does not round the channels to multiples of 8.
  { model: /^mobilenet_v2$/, note: /no classifier bias/, is: mobilenetOf(1) },
  { model: /^mobilenet_v2_x0_75$/, note: /no classifier bias/, is: mobilenetOf(0.75) },
  { model: /^mobilenet_v2_x0_5$/, note: /no classifier bias/, is: mobilenetOf(0.5) },
  { model: /^mobilenet_v2_x0_25$/, note: /no classifier bias/, is: mobilenetOf(0.25) },
  { model: /^mobilenet_/, is: sameName },

  { model: /^shufflenet_v1/, note: /classifier without bias/, is: (options, row) => zoo.get(`${row.model}_megvii`).build(options) },
  { model: /^shufflenet_v2_x(1_5|2_0)$/, note: /classifier without bias/, is: (options, row) => zoo.get(`${row.model}_megvii`).build(options) },
  // pytorchcv scales the last convolution by 44/29 and 61/29, as it does the stages; `b` is the authors' projection.
  { model: /^shufflenet_v2_x1_5$/, note: /shufflenetv2_w3d2/, is: shufflenetOf('shufflenet_v2_x1_5', { head: 1553 }) },
  { model: /^shufflenet_v2_x1_5$/, note: /shufflenetv2b_w3d2/, is: shufflenetOf('shufflenet_v2_x1_5', { head: 1553, projection: 'input' }) },
  { model: /^shufflenet_v2_x2_0$/, note: /shufflenetv2_w2/, is: shufflenetOf('shufflenet_v2_x2_0', { head: 2153 }) },
  { model: /^shufflenet_v2_x2_0$/, note: /shufflenetv2b_w2/, is: shufflenetOf('shufflenet_v2_x2_0', { head: 2153, projection: 'input' }) },
  { model: /^shufflenet_v2_x0_5_cifar10$/, is: shufflenetOf('shufflenet_v2_x0_5', cifarShufflenet) },
  { model: /^shufflenet_v2_x1_0_cifar10$/, is: shufflenetOf('shufflenet_v2_x1_0', cifarShufflenet) },
  { model: /^shufflenet_v2_x1_5_cifar10$/, is: shufflenetOf('shufflenet_v2_x1_5', cifarShufflenet) },
  // Here stage 2 has 224 channels, as one version of the paper prints.
  { model: /^shufflenet_v2_x2_0_cifar10$/, is: shufflenetOf('shufflenet_v2_x2_0', { ...cifarShufflenet, stages: [{ filters: 224, units: 4 }, { filters: 488, units: 8 }, { filters: 976, units: 4 }] }) },
  { model: /^shufflenet_/, is: sameName },

  { model: /^alexnet$/, note: /grouped two-tower/, is: variant('bvlc_alexnet') },
  { model: /^alexnet$/, note: /without the two-GPU grouping/, is: variant('alexnet_ungrouped') },
  // The image is padded to 32x32 already, and has one channel.
  { model: /^lenet5$/, is: (options) => lenet.build({ ...LENETS.lenet5, padding: 0 }, { ...options, inputShape: [32, 32, 1], classes: 10 }) },
  { model: /^lenet_caffe$/, is: (options) => lenet.build('lenet_caffe', { ...options, inputShape: [28, 28, 1], classes: 10 }) },
  { model: /^(alexnet|caffenet|lenet_cifar10|nin_)/, is: sameName },
];

const ruleOf = (row: ReferenceRow) => RULES.find(({ model, note }) => model.test(row.model) && (note === undefined || note.test(`${row.note}; ${row.source}`)));
const label = (row: ReferenceRow) => `${row.model} at ${row.input} (${[row.note, row.source].filter(Boolean).join('; ')})`;

beforeAll(() => tf.setBackend('cpu'));

it('reads every row, and has a rule for each', () => {
  expect(ROWS).toHaveLength(264);
  expect(ROWS.filter((row) => ruleOf(row) === undefined).map(label)).toEqual([]);
  expect(ROWS.every((row) => row.params > 0 && row.macs > 0)).toBe(true);
});

it('has no rule that decides nothing', () => {
  const used = new Set(ROWS.map(ruleOf));
  expect(RULES.filter((rule) => !used.has(rule)).map(({ model, note }) => `${model} ${note}`)).toEqual([]);
});

it('leaves out only what has no counterpart here', () => {
  const left = ROWS.filter((row) => typeof ruleOf(row)?.is === 'string').map((row) => `${row.model}: ${row.note.split(';')[0]}`);
  expect(left).toEqual([
    'mobilenet_v1_x0_25: osmr mobilenetb_wd4',
    'mobilenet_v1_x0_5: osmr mobilenetb_wd2',
    'mobilenet_v1_x0_75: osmr mobilenetb_w3d4',
    'mobilenet_v2: osmr mobilenetv2_w1',
    'mobilenet_v2: rounded',
    'mobilenet_v2_cifar10: kuangliu MobileNetV2',
    'mobilenet_v2_x0_25: osmr mobilenetv2_wd4',
    'mobilenet_v2_x0_5: osmr mobilenetv2_wd2',
    'mobilenet_v2_x0_75: osmr mobilenetv2_w3d4',
    'preresnet101: Keras ResNet101V2',
    'preresnet152: Keras ResNet152V2',
    'preresnet18_wd4: osmr preresnet18_wd4',
    'preresnet34_cifar10: kuangliu PreActResNet34',
    'preresnet50: Keras ResNet50V2',
    'preresnet50_cifar10: kuangliu PreActResNet50',
    'resnet101: Keras ResNet101',
    'resnet152: Cadene fbresnet152',
    'resnet152: Keras ResNet152',
    'resnet18_w3d4: osmr resnet18_w3d4',
    'resnet18_wd2: osmr resnet18_wd2',
    'resnet50: conv1 has bias (+64)',
    'resnet50: conv1 has bias (+64)',
    'resnet50: Keras ResNet50',
    'resnet50: rounded',
    'resnext29_2x64d_cifar10: kuangliu ResNeXt29_2x64d',
    'resnext29_32x4d_cifar10: kuangliu ResNeXt29_32x4d',
    'resnext29_4x64d_cifar10: kuangliu ResNeXt29_4x64d',
    'vgg16: rounded',
    'wide_resnet50_2: osmr wrn50_2',
    'wrn20_10_32bit_cifar10: osmr wrn20_10_32bit_cifar10',
  ]);
});

it.each(ROWS.filter((row) => typeof ruleOf(row)?.is === 'function').map((row) => [label(row), row] as const))('%s', (_, row) => {
  const build = ruleOf(row)?.is as Build;
  const model = build({ initialWeights: 'zeros', inputShape: [row.input, row.input, 3], classes: row.model.endsWith('_cifar10') ? 10 : 1000 }, row);
  const { params, macs, activations, runningStats } = profile(model);
  model.dispose();
  expect({ params, macs, activations }).toEqual({ params: row.params, macs: row.macs, activations: row.activations });
  const statistics = /bn_running_stats=(\d+)/.exec(row.note)?.[1];
  if (statistics !== undefined) expect(runningStats).toBe(Number(statistics));
});
