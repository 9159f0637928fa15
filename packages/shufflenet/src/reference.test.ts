import type { BuildOptions } from '@convkit/core';
import { sameName, testReference } from '@convkit/testing/reference';
import { shufflenetV1, shufflenetV2, SHUFFLENETS_V2, type ShuffleNetV2Spec } from './index.js';

const shufflenetOf = (id: keyof typeof SHUFFLENETS_V2, edit: Partial<ShuffleNetV2Spec>) => (options: BuildOptions) => shufflenetV2.build({ ...SHUFFLENETS_V2[id], ...edit }, options);

/** kuangliu/pytorch-cifar: ImageNet networks that start with a 3x3 convolution of stride 1. */
const cifarShufflenet = { stem: { filters: 24, stride: 1, pool: false } } as const;

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [shufflenetV1, shufflenetV2],
  rules: [
    { model: /^shufflenet_v1/, note: /classifier without bias/, variant: ({ model }) => `${model}_megvii` },
    { model: /^shufflenet_v2_x(1_5|2_0)$/, note: /classifier without bias/, variant: ({ model }) => `${model}_megvii` },
    // pytorchcv scales the last convolution by 44/29 and 61/29, as it does the stages; `b` is the authors' projection.
    { model: /^shufflenet_v2_x1_5$/, note: /shufflenetv2_w3d2/, build: shufflenetOf('shufflenet_v2_x1_5', { head: 1553 }) },
    { model: /^shufflenet_v2_x1_5$/, note: /shufflenetv2b_w3d2/, build: shufflenetOf('shufflenet_v2_x1_5', { head: 1553, projection: 'input' }) },
    { model: /^shufflenet_v2_x2_0$/, note: /shufflenetv2_w2/, build: shufflenetOf('shufflenet_v2_x2_0', { head: 2153 }) },
    { model: /^shufflenet_v2_x2_0$/, note: /shufflenetv2b_w2/, build: shufflenetOf('shufflenet_v2_x2_0', { head: 2153, projection: 'input' }) },
    { model: /^shufflenet_v2_x0_5_cifar10$/, build: shufflenetOf('shufflenet_v2_x0_5', cifarShufflenet) },
    { model: /^shufflenet_v2_x1_0_cifar10$/, build: shufflenetOf('shufflenet_v2_x1_0', cifarShufflenet) },
    { model: /^shufflenet_v2_x1_5_cifar10$/, build: shufflenetOf('shufflenet_v2_x1_5', cifarShufflenet) },
    // Here stage 2 has 224 channels, as one version of the paper prints.
    { model: /^shufflenet_v2_x2_0_cifar10$/, build: shufflenetOf('shufflenet_v2_x2_0', { ...cifarShufflenet, stages: [{ filters: 224, units: 4 }, { filters: 488, units: 8 }, { filters: 976, units: 4 }] }) },
    { model: /^shufflenet_/, variant: sameName },
  ],
});
