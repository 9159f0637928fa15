import type { BuildOptions } from '@convkit/core';
import { sameName, testReference } from '@convkit/testing/reference';
import { vgg, VGGS, type VggSpec } from './index.js';

const vggOf = (spec: VggSpec) => (options: BuildOptions) => vgg.build(spec, options);

/** kuangliu/pytorch-cifar: one pool and one dense layer behind the features. */
const cifar = { batchNorm: true, head: { pool: 1, widths: [], dropout: 0 } } as const;

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [vgg],
  rules: [
    { model: /./, note: /rounded/, none: 'rounded by its source, and counts more than convolutions and dense layers' },
    { model: /^vgg11_bn$/, note: /no conv bias/, build: vggOf({ ...VGGS.vgg11_bn, convBias: false }) },
    { model: /^vgg13_bn$/, note: /no conv bias/, build: vggOf({ ...VGGS.vgg13_bn, convBias: false }) },
    { model: /^vgg16_bn$/, note: /no conv bias/, build: vggOf({ ...VGGS.vgg16_bn, convBias: false }) },
    { model: /^vgg19_bn$/, note: /no conv bias/, build: vggOf({ ...VGGS.vgg19_bn, convBias: false }) },
    { model: /^vgg11_bn_cifar10$/, build: vggOf({ ...VGGS.vgg11_bn, ...cifar }) },
    { model: /^vgg19_bn_cifar10$/, build: vggOf({ ...VGGS.vgg19_bn, ...cifar }) },
    { model: /^vgg/, variant: sameName },
  ],
  leftOut: ['vgg16: rounded'],
});
