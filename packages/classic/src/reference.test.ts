import { sameName, testReference } from '@convkit/testing/reference';
import { alexnet, lenet, LENETS, nin } from './index.js';

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [alexnet, lenet, nin],
  rules: [
    { model: /^alexnet$/, note: /grouped two-tower/, variant: 'bvlc_alexnet' },
    { model: /^alexnet$/, note: /without the two-GPU grouping/, variant: 'alexnet_ungrouped' },
    // The image is padded to 32x32 already, and has one channel.
    { model: /^lenet5$/, build: (options) => lenet.build({ ...LENETS.lenet5, padding: 0 }, { ...options, inputShape: [32, 32, 1], classes: 10 }) },
    { model: /^lenet_caffe$/, build: (options) => lenet.build('lenet_caffe', { ...options, inputShape: [28, 28, 1], classes: 10 }) },
    { model: /^(alexnet|caffenet|lenet_cifar10|nin_)/, variant: sameName },
  ],
});
