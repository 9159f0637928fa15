import { relativeError } from '@convkit/testing';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { scatterStatistics } from '../suites/scatter-statistics.js';
import { stockTwin } from './stock-twin.js';
import { useBackend } from './backends.js';

beforeAll(() => useBackend('wasm'));

test.each(['vgg_tiny', 'resnet_tiny', 'mobilenet_v2_tiny', 'resnet18'])('the stock twin of %s computes the same', (name) => {
  const shape: [number, number, number] = name.endsWith('tiny') ? [28, 28, 1] : [64, 64, 3];
  const model = zoo.get(name).build({ inputShape: shape });
  scatterStatistics(model, 1);
  const twin = stockTwin(model);
  expect(twin.layers.some((layer) => layer.getClassName().startsWith('Convkit'))).toBe(false);
  tf.tidy(() => {
    const x = tf.randomUniform([1, ...shape], -1, 1, 'float32', 3);
    const [actual, expected] = [twin, model].map((network) => (network.predict(x) as tf.Tensor).dataSync());
    expect(relativeError(actual!, expected!)).toBeLessThan(1e-5);
  });
});

test('what stock tf.layers lacks is named', () => {
  expect(() => stockTwin(zoo.get('shufflenet_v1_x1_0_g3').build({ initialWeights: 'zeros' }))).toThrow(/stock tf\.layers has no (groups|avgPool), which layer ".*" needs/);
});
