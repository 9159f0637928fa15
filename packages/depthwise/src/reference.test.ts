import type { BuildOptions } from '@convkit/core';
import { sameName, testReference } from '@convkit/testing/reference';
import { mobilenetV1, mobilenetV2, MOBILENETS_V2 } from './index.js';

const mobilenetOf = (width: number) => (options: BuildOptions) => mobilenetV2.build({ ...MOBILENETS_V2.mobilenet_v2, width, divisor: 1, classifierBias: false }, options);

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [mobilenetV1, mobilenetV2],
  rules: [
    { model: /./, note: /rounded/, none: 'rounded by its source, and counts more than convolutions and dense layers' },
    { model: /^mobilenet_v1/, note: /BN only after pointwise/, none: 'has no batch norm after the depthwise convolution' },
    { model: /^mobilenet_v2/, note: /expansion conv kept/, none: 'has an expansion convolution in the first block, where t = 1' },
    { model: /^mobilenet_v2_cifar10$/, none: 'has an expansion convolution in the first block, and convolutions in shortcuts' },
    // pytorchcv does not round the channels to multiples of 8.
    { model: /^mobilenet_v2$/, note: /no classifier bias/, build: mobilenetOf(1) },
    { model: /^mobilenet_v2_x0_75$/, note: /no classifier bias/, build: mobilenetOf(0.75) },
    { model: /^mobilenet_v2_x0_5$/, note: /no classifier bias/, build: mobilenetOf(0.5) },
    { model: /^mobilenet_v2_x0_25$/, note: /no classifier bias/, build: mobilenetOf(0.25) },
    { model: /^mobilenet_/, variant: sameName },
  ],
  leftOut: [
    'mobilenet_v1_x0_25: osmr mobilenetb_wd4',
    'mobilenet_v1_x0_5: osmr mobilenetb_wd2',
    'mobilenet_v1_x0_75: osmr mobilenetb_w3d4',
    'mobilenet_v2: osmr mobilenetv2_w1',
    'mobilenet_v2: rounded',
    'mobilenet_v2_cifar10: kuangliu MobileNetV2',
    'mobilenet_v2_x0_25: osmr mobilenetv2_wd4',
    'mobilenet_v2_x0_5: osmr mobilenetv2_wd2',
    'mobilenet_v2_x0_75: osmr mobilenetv2_w3d4',
  ],
});
