import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { activation, add, BatchNormLayer, batchNorm, conv2d, dense, depthwiseConv2d, globalAveragePool, maxPool2d, randomStream } from './index.js';

type Block = (x: tfl.SymbolicTensor) => tfl.SymbolicTensor;

beforeAll(async () => {
  await tf.setBackend('wasm');
});

/** Bars in noise: horizontal, vertical, falling or rising, anywhere in an 8x8 image. */
function bars(count: number, seed: number): { images: tf.Tensor4D; labels: tf.Tensor2D } {
  const random = randomStream(seed);
  const values = new Float32Array(count * 64).map(() => random() * 0.4);
  const classes = Array.from({ length: count }, (_, n) => {
    const label = n % 4;
    const at = Math.floor(random() * 8);
    for (let i = 0; i < 8; i++) {
      const [y, x] = [[at, i], [i, at], [i, (i + at) % 8], [i, (at - i + 8) % 8]][label] as [number, number];
      values[n * 64 + y * 8 + x] = 1;
    }
    return label;
  });
  return { images: tf.tensor4d(values, [count, 8, 8, 1]), labels: tf.oneHot(tf.tensor1d(classes, 'int32'), 4) as tf.Tensor2D };
}

function classifier(block: Block): tfl.LayersModel {
  const input = tfl.input({ shape: [8, 8, 1] });
  const stem = batchNorm(conv2d(input, { filters: 8, kernelSize: 3, padding: 1, useBias: false, name: 'stem' }), { activation: 'relu', name: 'stem_norm' });
  const top = dense(globalAveragePool(block(stem), { name: 'pool' }), { units: 4, activation: 'softmax', name: 'top' });
  return tfl.model({ inputs: input, outputs: top });
}

const blocks: Record<string, Block> = {
  residual: (x) => {
    const y = batchNorm(conv2d(x, { filters: 8, kernelSize: 3, padding: 1, useBias: false, name: 'conv1' }), { activation: 'relu', name: 'norm1' });
    return activation(add([x, batchNorm(conv2d(y, { filters: 8, kernelSize: 3, padding: 1, useBias: false, name: 'conv2' }), { name: 'norm2' })]), { kind: 'relu' });
  },
  grouped: (x) => batchNorm(conv2d(x, { filters: 16, kernelSize: 3, padding: 1, groups: 4, useBias: false, name: 'conv1' }), { activation: 'relu', name: 'norm1' }),
  dilated: (x) => batchNorm(conv2d(x, { filters: 16, kernelSize: 3, padding: 2, dilationRate: 2, useBias: false, name: 'conv1' }), { activation: 'relu', name: 'norm1' }),
  depthwise: (x) => {
    const y = batchNorm(depthwiseConv2d(x, { kernelSize: 3, padding: 1, depthMultiplier: 2, useBias: false, name: 'dw' }), { activation: 'relu', name: 'norm1' });
    return batchNorm(conv2d(y, { filters: 16, kernelSize: 1, useBias: false, name: 'pw' }), { activation: 'relu', name: 'norm2' });
  },
};

describe('models of core layers train on wasm with model.fit', () => {
  test.each(Object.keys(blocks))('a %s block learns bars in noise to 95 percent', async (name) => {
    const [train, held] = [bars(512, 1), bars(256, 2)];
    const model = classifier(blocks[name] as Block);
    const optimizer = tf.train.adam(0.02);
    model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    await model.fit(train.images, train.labels, { epochs: 1, batchSize: 64, verbose: 0 });
    const before = tf.memory().numTensors;
    await model.fit(train.images, train.labels, { epochs: 11, batchSize: 64, verbose: 0 });
    expect(tf.memory().numTensors, 'tensors stay').toBe(before);
    const [, accuracy] = model.evaluate(held.images, held.labels, { batchSize: 256 }) as tf.Scalar[];
    expect(accuracy?.dataSync()[0]).toBeGreaterThanOrEqual(0.95);
    tf.dispose([train, held]);
    model.dispose();
    optimizer.dispose();
  });

  test('the same network in stock layers throws there', async () => {
    const model = tfl.sequential({ layers: [tfl.layers.conv2d({ inputShape: [8, 8, 1], filters: 4, kernelSize: 3 }), tfl.layers.globalAveragePooling2d({}), tfl.layers.dense({ units: 4, activation: 'softmax' })] });
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
    const { images, labels } = bars(8, 1);
    await expect(model.fit(images, labels, { verbose: 0 })).rejects.toThrow(/Conv2DBackpropFilter/);
  });
});

describe('batch norm', () => {
  const statistics = (layer: BatchNormLayer) => layer.weights.filter(({ name }) => name.includes('moving')).map((weight) => [...weight.read().dataSync()]);

  test('moves its averages in training by torch\'s rule, and keeps them when frozen', () => {
    const layer = new BatchNormLayer({ momentum: 0.9 });
    const x = tf.tensor2d([[1, 10], [3, 30]]);
    tf.tidy(() => void layer.apply(x, { training: true }));
    // mean 2 and 20; unbiased variance 2 and 200.
    expect(statistics(layer).map((values) => values.map((value) => Number(value.toFixed(4))))).toEqual([[0.2, 2], [1.1, 20.9]]);
    layer.trainable = false;
    const frozen = statistics(layer);
    tf.tidy(() => {
      const [training, inference] = [true, false].map((training) => layer.apply(x, { training }) as tf.Tensor);
      expect([...training!.dataSync()]).toEqual([...inference!.dataSync()]);
    });
    expect(statistics(layer)).toEqual(frozen);
    expect(layer.trainableWeights).toEqual([]);
  });

  test('frozen inside a model, it does not change while the rest trains', async () => {
    const model = classifier(blocks.residual as Block);
    for (const layer of model.layers) if (layer instanceof BatchNormLayer) layer.trainable = false;
    const values = () => model.layers.filter((layer) => layer instanceof BatchNormLayer).flatMap((layer) => layer.weights.map((weight) => [...weight.read().dataSync()]));
    const before = values();
    const kernel = () => [...model.getLayer('conv1').getWeights()[0]!.dataSync()];
    const start = kernel();
    const { images, labels } = bars(64, 1);
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
    await model.fit(images, labels, { epochs: 2, verbose: 0 });
    expect(values()).toEqual(before);
    expect(kernel()).not.toEqual(start);
  });
});

test('max pooling passes the gradient through windows without a positive value, which stock wasm loses', () => {
  const x = tf.tensor4d([-4, -1, -3, -2], [1, 2, 2, 1]);
  const stock = tf.grad((image) => tf.sum(tf.maxPool(image as tf.Tensor4D, 2, 2, 'valid')))(x);
  expect([...stock.dataSync()]).not.toEqual([0, 1, 0, 0]);
  const ours = tf.grad((image) => tf.sum(maxPool2d(image as tf.Tensor4D, { size: [2, 2], strides: [2, 2], padding: [0, 0, 0, 0] })))(x);
  expect([...ours.dataSync()]).toEqual([0, 1, 0, 0]);
  tf.dispose([x, stock, ours]);
});
