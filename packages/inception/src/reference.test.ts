import { sameName, testReference } from '@convkit/testing/reference';
import { googlenet, GOOGLENETS, inceptionV3 } from './index.js';

const COUNTED_APART = 'its parameters are counted with the auxiliary classifiers, its multiply-accumulates without them';

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [googlenet, inceptionV3],
  rules: [
    { model: /./, note: /aux_logits=True/, none: COUNTED_APART },
    { model: /^googlenet$/, note: /no BN; with both aux/, build: (options) => googlenet.build('bvlc_googlenet', { ...options, auxiliary: true }) },
    { model: /^googlenet$/, note: /no BN/, variant: 'bvlc_googlenet' },
    { model: /^googlenet$/, variant: sameName },
    // kuangliu/pytorch-cifar: two 3x3 for the 5x5, biases in front of batch norm, and a 3x3 convolution of stride 1 to begin with.
    { model: /^googlenet_cifar10$/, build: (options) => googlenet.build({ naming: 'torchvision', stages: GOOGLENETS.googlenet.stages, stem: 'cifar', large: 'double3x3', convBias: true }, options) },
    { model: /^inception_v2$/, variant: 'inception_v2_slim' },
    { model: /^inception_v3$/, note: /BN without gamma/, variant: 'inception_v3_keras' },
    { model: /^inception_v3$/, variant: sameName },
  ],
  leftOut: ['googlenet: aux_logits=True', 'inception_v3: aux_logits=True'],
});
