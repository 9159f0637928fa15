/** A compiled training step is the step that tfjs takes: every block and layer, and the small variant of every family. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { dense, flatten, stochasticPool } from '@convkit/core';
import { createTrainer } from '@convkit/train';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { stepDifference, trainable } from './compiled.js';
import { DESCRIPTORS } from './descriptors.js';
import { TOLERANCES } from './tolerances.js';

const TOLERANCE = TOLERANCES.onnxruntime.gradient;

async function expectSameStep(network: LayersModel): Promise<void> {
  const { loss, weights, left, tensors } = await stepDifference(network);
  expect(tensors, 'no tensor is left').toBe(0);
  expect(loss).toBeLessThan(TOLERANCE);
  expect(left, 'only what does not change is left out').toEqual([]);
  expect(weights.filter(({ error }) => !(error < TOLERANCE))).toEqual([]);
}

beforeAll(() => tf.setBackend('wasm'));

describe('a compiled training step of a block or layer', () => {
  const rows = DESCRIPTORS.filter(({ random, noGradient }) => !random && !noGradient);

  test.each(rows.map((descriptor) => [`${descriptor.exported}: ${descriptor.title}`, descriptor] as const))('%s', async (_, descriptor) => {
    await expectSameStep(trainable(descriptor));
  });
});

test('a layer whose ops say only what it does at inference is refused by name', async () => {
  const x = input({ shape: [4, 4, 2] });
  const network = model({ inputs: x, outputs: dense(flatten(stochasticPool(x, { poolSize: 2, name: 'pool' })), { units: 2 }) });
  const trainer = await createTrainer(network);
  await expect(trainer.step({ images: new Float32Array(32), labels: [0], size: 1 }, 0.1)).rejects.toThrow('layer "pool" of class ConvkitStochasticPool acts otherwise in training');
  await trainer.dispose();
  network.dispose();
});

describe('a compiled training step of a small variant', () => {
  const tiny = zoo.list({ tiny: true }).filter(({ params }) => params === undefined);

  test.each(tiny.map(({ id }) => id))('%s', async (id) => {
    await expectSameStep(zoo.get(id).build({ seed: 1, dropout: 0 }));
  });
});

test('an op without a gradient is refused by layer and op', async () => {
  const descriptor = DESCRIPTORS.find(({ noGradient }) => noGradient === true);
  const network = trainable(descriptor!);
  const trainer = await createTrainer(network);
  const [, height, width, channels] = network.inputs[0]!.shape as [null, number, number, number];
  await expect(trainer.step({ images: new Float32Array(height * width * channels), labels: [0], size: 1 }, 0.1)).rejects.toThrow('layer "found" of class ConvkitNonMaxSuppression: the op nonMaxSuppression has no gradient in ONNX');
  await trainer.dispose();
  network.dispose();
});
