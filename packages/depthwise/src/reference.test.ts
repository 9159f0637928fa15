import type { BuildOptions } from '@convkit/core';
import { sameName, testReference } from '@convkit/testing/reference';
import { efficientnet, mobilenetV1, mobilenetV2, MOBILENETS_V2, mobilenetV3, MOBILENETS_V3, xception } from './index.js';

const mobilenetOf = (width: number) => (options: BuildOptions) => mobilenetV2.build({ ...MOBILENETS_V2.mobilenet_v2, width, divisor: 1, classifierBias: false }, options);

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [mobilenetV1, mobilenetV2, mobilenetV3, efficientnet, xception],
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
    { model: /^mobilenet_v3_small$/, note: /osmr/, build: (options) => mobilenetV3.build({ ...MOBILENETS_V3.mobilenet_v3_small, head: 1280, headBias: false }, options) },
    { model: /^mobilenet_v3_/, note: /osmr/, none: 'scales the expanded widths of the tables, and not the last convolution' },
    { model: /^mobilenet_/, variant: sameName },
    { model: /^efficientnet_b0_cifar10$/, none: 'has no last 1x1 convolution, and in its first block an expansion convolution that is not used' },
    { model: /^efficientnet_/, variant: sameName },
    { model: /^xception(41|65|71)$/, none: "DeepLab's: strided separable convolutions in place of pools, batch norm behind every depthwise convolution" },
    { model: /^xception$/, variant: sameName },
  ],
  leftOut: [
    'efficientnet_b0_cifar10: kuangliu EfficientNetB0',
    'mobilenet_v1_x0_25: osmr mobilenetb_wd4',
    'mobilenet_v1_x0_5: osmr mobilenetb_wd2',
    'mobilenet_v1_x0_75: osmr mobilenetb_w3d4',
    'mobilenet_v2: osmr mobilenetv2_w1',
    'mobilenet_v2: rounded',
    'mobilenet_v2_cifar10: kuangliu MobileNetV2',
    'mobilenet_v2_x0_25: osmr mobilenetv2_wd4',
    'mobilenet_v2_x0_5: osmr mobilenetv2_wd2',
    'mobilenet_v2_x0_75: osmr mobilenetv2_w3d4',
    'mobilenet_v3_large_x0_5: osmr mobilenetv3_large_wd2',
    'mobilenet_v3_small_x0_35: osmr mobilenetv3_small_w7d20',
    'mobilenet_v3_small_x0_5: osmr mobilenetv3_small_wd2',
    'mobilenet_v3_small_x0_75: osmr mobilenetv3_small_w3d4',
    'mobilenet_v3_small_x1_25: osmr mobilenetv3_small_w5d4',
    'xception41: timm xception41',
    'xception41: timm xception41',
    'xception65: timm xception65',
    'xception65: timm xception65',
    'xception71: timm xception71',
    'xception71: timm xception71',
  ],
});
