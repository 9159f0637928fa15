import type { BuildOptions } from '@convkit/core';
import { sameName, testReference } from '@convkit/testing/reference';
import { densenet, type DenseNetSpec } from './index.js';

/** kuangliu/pytorch-cifar: ImageNet networks that start with a 3x3 convolution of stride 1. */
const cifar = (spec: Omit<DenseNetSpec, 'stem'>) => (options: BuildOptions) => densenet.build({ stem: 'cifar', ...spec }, options);

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [densenet],
  rules: [
    { model: /^densenet121_cifar10$/, build: cifar({ growthRate: 32, blocks: [6, 12, 24, 16] }) },
    { model: /^densenet161_cifar10$/, build: cifar({ growthRate: 48, blocks: [6, 12, 36, 24] }) },
    { model: /^densenet169_cifar10$/, build: cifar({ growthRate: 32, blocks: [6, 12, 32, 32] }) },
    { model: /^densenet201_cifar10$/, build: cifar({ growthRate: 32, blocks: [6, 12, 48, 32] }) },
    { model: /^densenet_bc_6_12_24_16_k12_cifar10$/, build: cifar({ growthRate: 12, blocks: [6, 12, 24, 16] }) },
    { model: /^densenet/, note: /applies 0\.5 compression/, variant: ({ model }) => `${model}_pytorchcv` },
    { model: /^densenet/, variant: sameName },
  ],
});
