import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { separableConv, xception, XCEPTIONS, xceptionBlock } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

function netOf(shape: number[], block: (x: SymbolicTensor) => SymbolicTensor) {
  const x = input({ shape });
  return model({ inputs: x, outputs: block(x) });
}

// Figure 5 of the paper.
it('has the maps of the paper', () => {
  const features = ['conv1', 'conv2', 'block1', 'block2', 'block3', 'block4', 'block11', 'block12', 'conv3', 'conv4'];
  const net = xception.build('xception', { features, initialWeights: 'zeros' });
  expect((net.outputShape as number[][]).map(([, height, , channels]) => [height, channels])).toEqual([
    [149, 32], [147, 64], [74, 128], [37, 256], [19, 728], [19, 728], [19, 728], [10, 1024], [10, 1536], [10, 2048],
  ]);
  net.dispose();
});

it('a separable convolution has k*k*C + C*filters weights and nothing in between', () => {
  const net = netOf([19, 19, 728], (x) => separableConv(x, { filters: 728, kernelInitializer: 'zeros', name: 'sep' }));
  expect(trainableParams(net)).toBe(536_536);
  expect(net.layers.slice(1).map((layer) => layer.name)).toEqual(['sep.conv1', 'sep.pointwise']);
  net.dispose();
});

it('the shortcut is the input before its ReLU', () => {
  const net = netOf([4, 4, 6], (x) => xceptionBlock(x, { filters: 6, units: 3, kernelInitializer: 'zeros', name: 'block' }));
  tf.tidy(() => {
    const x = tf.randomNormal([2, 4, 4, 6], 0, 1, 'float32', 1);
    expect((net.predict(x) as tf.Tensor).arraySync()).toEqual(x.arraySync());
  });
  net.dispose();
});

it('has no second ReLU behind an activated input, and numbers its modules like timm', () => {
  const names = (startActivation: boolean) => {
    const net = netOf([6, 6, 4], (x) => xceptionBlock(x, { filters: 8, stride: 2, startActivation, name: 'b' }));
    net.dispose();
    return net.layers.map((layer) => layer.name).filter((name) => name.startsWith('b.rep'));
  };
  expect(names(false)).toEqual(['b.rep.0.conv1', 'b.rep.0.pointwise', 'b.rep.1', 'b.rep.3.conv1', 'b.rep.3.pointwise', 'b.rep.4', 'b.rep.5']);
  expect(names(true)).toEqual(['b.rep.0', 'b.rep.1.conv1', 'b.rep.1.pointwise', 'b.rep.2', 'b.rep.4.conv1', 'b.rep.4.pointwise', 'b.rep.5', 'b.rep.6']);
});

it('widens in the first convolution or in the last', () => {
  const params = (widenOn: 'first' | 'last') => {
    const net = netOf([6, 6, 4], (x) => xceptionBlock(x, { filters: 8, widenOn, name: 'b' }));
    net.dispose();
    return trainableParams(net);
  };
  // Separable convolutions and their batch norms, then the projection 4*8 and its batch norm.
  expect(params('first')).toBe(36 + 32 + 16 + (72 + 64 + 16) + 48);
  expect(params('last')).toBe(36 + 16 + 8 + (36 + 32 + 16) + 48);
});

it('drops half of the features in training, as the paper does, or what is asked for', () => {
  const rate = (options: { dropout?: number }) => {
    const net = xception.build('xception_tiny', { ...options, initialWeights: 'zeros' });
    net.dispose();
    return net.getLayer('dropout').getConfig()['rate'];
  };
  expect([rate({}), rate({ dropout: 0 })]).toEqual([0.5, 0]);
});

it.each<[string, () => unknown, RegExp]>([
  ['a stem without convolutions', () => xception.build({ ...XCEPTIONS.xception, stem: [] }), /stem must be a list of at least 1, each \{ filters: an integer >= 1/],
  ['a stage without units', () => xception.build({ ...XCEPTIONS.xception, stages: [{ filters: 8, blocks: 1, stride: 1 }] } as never), /stages must be a list .*units: an integer >= 1/],
  ['an input that the stem does not fit', () => xception.build('xception', { inputShape: [4, 4, 3], initialWeights: 'zeros' }), /conv2d "conv2": kernelSize must be at most the padded input/],
  ['a misspelt option of a block', () => xceptionBlock(input({ shape: [8, 8, 4] }), { filters: 8, unit: 3, name: 'b' } as never), /xceptionBlock "b": unknown option unit, did you mean units\?/],
])('refuses %s', (_, wrong, message) => {
  expect(wrong).toThrow(OptionError);
  expect(wrong).toThrow(message);
});
