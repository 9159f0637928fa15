import type { BuildOptions } from '@convkit/core';
import { sameName, testReference, type ReferenceRow } from '@convkit/testing/reference';
import { resnet, RESNETS, resnetV2, type ResNetSpec, type ResNetV2Spec } from './index.js';

const resnetOf = (spec: ResNetSpec) => (options: BuildOptions) => resnet.build(spec, options);
const resnetV2Of = (spec: ResNetV2Spec) => (options: BuildOptions) => resnetV2.build(spec, options);
const basic = (...depths: number[]): ResNetSpec => ({ stem: 'imagenet', block: 'basic', depths });
const bottleneck = (...depths: number[]): ResNetSpec => ({ stem: 'imagenet', block: 'bottleneck', depths });

/** kuangliu/pytorch-cifar: ImageNet networks that start with a 3x3 convolution of stride 1. */
const cifarResnet = { stem: 'cifar', width: 64 } as const;

/** `resnext26_32x4d`: 2 + 12 n layers in four stages, 32 groups, base width 4. */
const fourStages = ({ model }: ReferenceRow, layers: number): [number, number, number, number] => {
  const n = (Number(/\d+/.exec(model)?.[0]) - 2) / layers;
  return [n, n, n, n];
};
const cardinality = ({ model }: ReferenceRow) => {
  const [, groups, baseWidth] = /_(\d+)x(\d+)d/.exec(model) ?? [];
  return { groups: Number(groups), baseWidth: Number(baseWidth) };
};

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [resnet, resnetV2],
  rules: [
    { model: /./, note: /rounded/, none: 'rounded by its source, and counts more than convolutions and dense layers' },

    { model: /^resnet(50|101|152)$/, note: /conv bias kept|conv1 has bias/, none: 'its convolutions have biases in front of batch norm, which add parameters and nothing else' },
    { model: /^resnet50$/, note: /\(v1\)/, variant: 'resnet50_v1' },
    { model: /^resnet101$/, note: /\(v1\)|cafferesnet101|prototxt/, variant: 'resnet101_v1' },
    { model: /^resnet152$/, note: /\(v1\)|prototxt/, variant: 'resnet152_v1' },
    { model: /^resnet200$/, note: /\(v1\)/, build: resnetOf({ ...bottleneck(3, 24, 36, 3), strideOn: 'first' }) },
    { model: /^resnet200$/, build: resnetOf(bottleneck(3, 24, 36, 3)) },
    { model: /^resnet10$/, build: resnetOf(basic(1, 1, 1, 1)) },
    { model: /^resnet12$/, build: resnetOf(basic(2, 1, 1, 1)) },
    { model: /^resnet14$/, build: resnetOf(basic(2, 2, 1, 1)) },
    { model: /^resnet16$/, build: resnetOf(basic(2, 2, 2, 1)) },
    { model: /^resnet18_w(3d4|d2)$/, none: 'its last block keeps the full width' },
    { model: /^resnetbc14b$/, build: resnetOf(bottleneck(1, 1, 1, 1)) },
    { model: /^resnetbc26b$/, build: resnetOf(bottleneck(2, 2, 2, 2)) },
    { model: /^resnet18_cifar10$/, build: resnetOf({ ...RESNETS.resnet18, ...cifarResnet }) },
    { model: /^resnet50_cifar10$/, build: resnetOf({ ...RESNETS.resnet50, ...cifarResnet }) },
    { model: /^resnet152_cifar10$/, build: resnetOf({ ...RESNETS.resnet152, ...cifarResnet }) },
    { model: /^resnet164bn_cifar10$/, build: resnetOf({ stem: 'cifar', block: 'bottleneck', depths: [18, 18, 18] }) },
    { model: /^resnet1001_cifar10$/, build: resnetOf({ stem: 'cifar', block: 'bottleneck', depths: [111, 111, 111] }) },
    { model: /^resnet1202_cifar10$/, note: /option-A/, build: resnetOf({ stem: 'cifar', block: 'basic', depths: [200, 200, 200], shortcut: 'padded' }) },
    { model: /^resnet1202_cifar10$/, build: resnetOf({ stem: 'cifar', block: 'basic', depths: [200, 200, 200] }) },
    { model: /_cifar10$/, note: /option-A/, variant: ({ model }) => `${model}_a` },
    { model: /^resnet/, variant: sameName },

    { model: /^wide_resnet50_2$/, note: /BN folded/, none: 'has biases instead of batch norm' },
    { model: /^wide_resnet/, variant: sameName },
    { model: /^resnext29_4x64d_cifar10$/, note: /kuangliu/, none: 'its blocks give twice the width of their 3x3, here 512 to 2048 channels; starts with a 1x1 convolution' },
    { model: /^resnext/, note: /kuangliu/, none: 'starts with a 1x1 convolution' },
    { model: /^resnext(14|26|38)_/, build: (options, row) => resnetOf({ ...bottleneck(...fourStages(row, 12)), ...cardinality(row) })(options) },
    { model: /^resnext(20|272)_/, build: (options, row) => resnetOf({ stem: 'cifar', block: 'bottleneck', depths: fourStages(row, 9).slice(1), width: 64, ...cardinality(row) })(options) },
    { model: /^resnext/, variant: sameName },

    { model: /^preresnet/, note: /Keras/, none: 'strides in the last block of a stage, with max pools for shortcuts, and has convolution biases' },
    { model: /^preresnet/, note: /kuangliu/, none: 'has no batch norm after the last block' },
    { model: /^preresnet18_wd4$/, none: 'its last block keeps the full width' },
    { model: /^preresnet/, note: /timm|prototxt/, variant: ({ model }) => model.replace('preresnet', 'resnetv2_') },
    // pytorchcv has a batch norm after the first convolution.
    { model: /^preresnet10$/, build: resnetV2Of({ ...basic(1, 1, 1, 1), stemNorm: true }) },
    { model: /^preresnet12$/, build: resnetV2Of({ ...basic(2, 1, 1, 1), stemNorm: true }) },
    { model: /^preresnet14$/, build: resnetV2Of({ ...basic(2, 2, 1, 1), stemNorm: true }) },
    { model: /^preresnet16$/, build: resnetV2Of({ ...basic(2, 2, 2, 1), stemNorm: true }) },
    { model: /^preresnet34$/, build: resnetV2Of({ ...basic(3, 4, 6, 3), stemNorm: true }) },
    { model: /^preresnetbc14b$/, build: resnetV2Of({ ...bottleneck(1, 1, 1, 1), stemNorm: true }) },
    { model: /^preresnetbc38b$/, build: resnetV2Of({ ...bottleneck(3, 3, 3, 3), stemNorm: true }) },
    { model: /^preresnet50$/, note: /\(v1\)/, build: resnetV2Of({ ...bottleneck(3, 4, 6, 3), stemNorm: true, strideOn: 'first' }) },
    { model: /^preresnet50$/, build: resnetV2Of({ ...bottleneck(3, 4, 6, 3), stemNorm: true }) },
    { model: /^preresnet101$/, note: /\(v1\)/, build: resnetV2Of({ ...bottleneck(3, 4, 23, 3), stemNorm: true, strideOn: 'first' }) },
    { model: /^preresnet101$/, build: resnetV2Of({ ...bottleneck(3, 4, 23, 3), stemNorm: true }) },
    { model: /^preresnet152$/, note: /\(v1\)/, build: resnetV2Of({ ...bottleneck(3, 8, 36, 3), stemNorm: true, strideOn: 'first' }) },
    { model: /^preresnet152$/, build: resnetV2Of({ ...bottleneck(3, 8, 36, 3), stemNorm: true }) },
    { model: /^preresnet200$/, note: /\(v1\)/, build: resnetV2Of({ ...bottleneck(3, 24, 36, 3), stemNorm: true, strideOn: 'first' }) },
    { model: /^preresnet200$/, build: resnetV2Of({ ...bottleneck(3, 24, 36, 3), stemNorm: true }) },
    { model: /^preresnet1001_cifar10$/, build: resnetV2Of({ stem: 'cifar', block: 'bottleneck', depths: [111, 111, 111] }) },
    { model: /^preresnet1202_cifar10$/, build: resnetV2Of({ stem: 'cifar', block: 'basic', depths: [200, 200, 200] }) },
    { model: /^preresnet/, variant: sameName },
    { model: /^wrn20_10_32bit_cifar10$/, none: 'is not of 6 n + 4 layers, and has a batch norm for its 10 classes' },
    { model: /^wrn/, variant: sameName },
  ],
  leftOut: [
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
    'wide_resnet50_2: osmr wrn50_2',
    'wrn20_10_32bit_cifar10: osmr wrn20_10_32bit_cifar10',
  ],
});
