import type { BuildOptions } from '@convkit/core';
import { sameName, testReference, type ReferenceRow } from '@convkit/testing/reference';
import { seResnet, SE_RESNETS, type SEResNetSpec } from './index.js';

const specOf = (spec: SEResNetSpec) => (options: BuildOptions) => seResnet.build(spec, options);
const { seresnet18_floor, seresnet50, seresnet50_v1, seresnext50_32x4d, senet154, ecaresnet50d } = SE_RESNETS;
const basic = (...depths: number[]) => specOf({ ...seresnet18_floor, depths });
const cifar = (block: 'basic' | 'bottleneck', n: number): SEResNetSpec => ({ ...seresnet18_floor, block, depths: [n, n, n], stem: 'cifar', width: 16 });
const senet = (...depths: number[]) => specOf({ ...senet154, groups: 32, depths });
/** timm's ResNet-D. */
const deep = { stem: 'deep', stemFilters: 64, projection: ecaresnet50d.projection } as const;
const cardinality = ({ model }: ReferenceRow) => {
  const [, groups, baseWidth] = /_(\d+)x(\d+)d/.exec(model) ?? [];
  return { groups: Number(groups), baseWidth: Number(baseWidth) };
};
const seresnext = (edit: Partial<SEResNetSpec>) => (options: BuildOptions, row: ReferenceRow) => seResnet.build({ ...seresnext50_32x4d, ...cardinality(row), ...edit }, options);

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [seResnet],
  rules: [
    { model: /^se_bn_inception$/, none: 'counts a gamma and a beta for each layer that multiplies by the gates; se-inception.test.ts has it without them' },
    { model: /^senet18_cifar10$/, none: 'is pre-activated, and has no batch norm after the last block' },
    { model: /^senet16$/, build: senet(1, 1, 1, 1) },
    { model: /^senet28$/, build: senet(2, 2, 2, 2) },
    { model: /^senet40$/, build: senet(3, 3, 3, 3) },
    { model: /^senet52$/, build: senet(3, 4, 6, 3) },
    { model: /^senet103$/, build: senet(3, 4, 23, 3) },

    { model: /^seresnet10$/, build: basic(1, 1, 1, 1) },
    { model: /^seresnet12$/, build: basic(2, 1, 1, 1) },
    { model: /^seresnet26$/, build: basic(3, 3, 3, 3) },
    { model: /^seresnet(18|34)$/, note: /osmr|legacy/, variant: ({ model }) => `${model}_floor` },
    { model: /^seresnetbc26b$/, build: specOf({ ...seresnet50, depths: [2, 2, 2, 2] }) },
    { model: /^seresnet(50|101|152)$/, note: /prototxt|Cadene|legacy|\(v1\)/, variant: ({ model }) => `${model}_v1` },
    { model: /^seresnet200$/, note: /\(v1\)/, build: specOf({ ...seresnet50_v1, depths: [3, 24, 36, 3] }) },
    { model: /^seresnet200$/, build: specOf({ ...seresnet50, depths: [3, 24, 36, 3] }) },
    { model: /^seresnet(164bn|1001)_cifar10$/, build: (options, { model }) => specOf(cifar('bottleneck', (Number(/\d+/.exec(model)?.[0]) - 2) / 9))(options) },
    { model: /^seresnet(\d+)_cifar10$/, build: (options, { model }) => specOf(cifar('basic', (Number(/\d+/.exec(model)?.[0]) - 2) / 6))(options) },

    { model: /^seresnext26_32x4d$/, build: seresnext({ depths: [2, 2, 2, 2] }) },
    { model: /^seresnext26d_32x4d$/, build: seresnext({ depths: [2, 2, 2, 2], ...deep }) },
    { model: /^seresnext26t_32x4d$/, build: seresnext({ depths: [2, 2, 2, 2], ...deep, innerStemFilters: [24, 32] }) },
    { model: /^seresnext101d_32x8d$/, build: seresnext({ depths: [3, 4, 23, 3], ...deep }) },
    { model: /^seresnext101_(32x8|64x4)d$/, build: seresnext({ depths: [3, 4, 23, 3] }) },
    { model: /^sere/, variant: sameName },
  ],
  leftOut: ['se_bn_inception: bn_running_stats=20032', 'senet18_cifar10: kuangliu SENet18'],
});
