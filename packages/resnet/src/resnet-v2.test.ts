import '@tensorflow/tfjs-backend-cpu';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { resnetV2, RESNETS_V2, type ResNetV2Spec } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

const zeros = { initialWeights: 'zeros' } as const;

// Counted from pytorchcv's models.
it.each<[string, ResNetV2Spec, object, number]>([
  ['preresnet18 of pytorchcv', { ...RESNETS_V2.resnetv2_18, stemNorm: true }, {}, 11_687_848],
  ['preresnet20 for CIFAR-100', RESNETS_V2.preresnet20_cifar10, { classes: 100 }, 278_132],
  ['WRN-40-8 for CIFAR-100', RESNETS_V2.wrn40_8_cifar10, { classes: 100 }, 35_794_484],
])('%s', (_, spec, options, params) => {
  const net = resnetV2.build(spec, { ...options, ...zeros });
  expect(trainableParams(net)).toBe(params);
  net.dispose();
});

it('is a backbone: the body ends in batch norm and ReLU, the taps are the sums in front of it', () => {
  const body = resnetV2.build('resnetv2_50', { includeTop: false, ...zeros });
  expect([body.outputShape, body.layers.at(-1)?.name]).toEqual([[null, 7, 7, 2048], 'norm']);
  const pyramid = resnetV2.build('resnetv2_50', { features: ['stages.0', 'stages.1', 'stages.2', 'stages.3'], ...zeros });
  expect(pyramid.outputShape).toEqual([[null, 56, 56, 256], [null, 28, 28, 512], [null, 14, 14, 1024], [null, 7, 7, 2048]]);
  expect(pyramid.outputLayers.at(-1)?.name).toBe('stages.3.blocks.2.add');
  const cifar = resnetV2.build('wrn16_10_cifar10', { features: ['stage3', 'stage1'], ...zeros });
  expect(cifar.outputShape).toEqual([[null, 8, 8, 640], [null, 32, 32, 160]]);
  for (const net of [body, pyramid, cifar]) net.dispose();
});

it('drops out inside the blocks and in front of the classifier only where it is asked to', () => {
  const rates = (spec: ResNetV2Spec, options: object) => {
    const net = resnetV2.build({ ...RESNETS_V2.resnetv2_tiny, ...spec }, { ...options, ...zeros });
    const found = net.layers.filter((layer) => layer.getClassName() === 'Dropout').map((layer) => [layer.name, layer.getConfig()['rate']]);
    net.dispose();
    return found;
  };
  expect(rates(RESNETS_V2.resnetv2_tiny, {})).toEqual([]);
  expect(rates({ ...RESNETS_V2.resnetv2_tiny, depths: [1], blockDropout: 0.3 }, { dropout: 0.5 })).toEqual([['stages.0.blocks.0.dropout', 0.3], ['dropout', 0.5]]);
});

it('has plain networks too', () => {
  const net = resnetV2.build({ ...RESNETS_V2.preresnet20_cifar10, shortcut: 'none' }, zeros);
  expect(net.layers.filter((layer) => /add|identity_conv/.test(layer.name))).toEqual([]);
  net.dispose();
});
