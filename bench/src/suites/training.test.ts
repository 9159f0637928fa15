import type { ImageDataset, ImageSplit } from '@convkit/data';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../engines/backends.js';
import { uniformStream } from '../random.js';
import { optimizerOf, publicSource, train, type Recipe } from './accuracy-job.js';
import { DEFAULT_RECIPE } from './accuracy.js';
import { openSubject } from './subject.js';
import { prepareTrainingData, type TrainingData } from './training-data.js';
import { openTrainer, trainingEngine, type TrainingEngine } from './training-engine.js';

beforeAll(() => useBackend('wasm'));

const RECIPE: Recipe = { ...DEFAULT_RECIPE, epochs: 4, batch: 32, augmentation: 'none' };

async function run(engine: TrainingEngine, options: { recipe?: Partial<Recipe>; seed?: number; watch?(data: TrainingData): TrainingData } = {}) {
  const recipe = { ...RECIPE, ...options.recipe };
  const seed = options.seed ?? 1;
  const subject = await openSubject({ name: 'resnet_tiny', inputShape: [8, 8, 1], classes: 2 });
  const model = await subject.build({ initialWeights: 'random', seed });
  const { trainer } = await openTrainer(model, engine, { optimizer: optimizerOf(recipe), threads: 1, seed });
  const data = prepareTrainingData(stripes(), { inputShape: [8, 8, 1], batch: recipe.batch, seed, augmentation: recipe.augmentation, validationSize: 32 });
  const before = tf.memory().numTensors;
  const result = await train(trainer, options.watch?.(data) ?? data, { recipe, seed, task: 'test' }, () => undefined);
  const grown = tf.memory().numTensors - before;
  await trainer.dispose();
  model.dispose();
  return { result, grown };
}

describe.each(['wasm', 'onnxruntime'] as const)('training with %s', (engine) => {
  it.each(['sgd', 'adam'] as const)('learns stripes with %s', async (optimizer) => {
    const { result } = await run(engine, { recipe: { optimizer, learningRate: optimizer === 'sgd' ? 0.05 : 0.005, epochs: 6 } });
    expect(result.status).toBe('ok');
    expect(result.top1).toBeGreaterThan(90);
    expect(result.epochs).toHaveLength(6);
  });

  it('gives the same figures for the same seed and others for another', async () => {
    const [first, second, third] = [await run(engine, { seed: 7 }), await run(engine, { seed: 7 }), await run(engine, { seed: 8 })];
    expect(second.result.testLoss).toBe(first.result.testLoss);
    expect(second.result.epochs.map((epoch) => epoch.trainLoss)).toEqual(first.result.epochs.map((epoch) => epoch.trainLoss));
    expect(third.result.testLoss).not.toBe(first.result.testLoss);
  });

  it('stops when it diverges, with the epoch', async () => {
    const { result } = await run(engine, { recipe: { learningRate: 1e30, schedule: 'constant' } });
    expect(result).toMatchObject({ status: 'diverged', divergedAt: 1 });
    expect(result.top1).toBeUndefined();
    expect(JSON.stringify(result)).not.toContain('null');
  });

  it('reads the test set once, after the last epoch', async () => {
    const reads: string[] = [];
    await run(engine, {
      watch: (data) => ({
        ...data,
        validationBatches: () => { reads.push('validation'); return data.validationBatches(); },
        testBatches: () => { reads.push('test'); return data.testBatches(); },
      }),
    });
    expect(reads).toEqual(['validation', 'validation', 'validation', 'validation', 'test']);
  });

  it('keeps as many tensors after five epochs as after one', async () => {
    expect((await run(engine, { recipe: { epochs: 5 } })).grown).toBe((await run(engine, { recipe: { epochs: 1 } })).grown);
  });
});

it('the compiled engine is what auto takes where it is installed', async () => {
  expect(await trainingEngine('auto')).toBe('onnxruntime');
  expect(await trainingEngine('wasm')).toBe('wasm');
});

it('a record says where the data came from without a folder of the machine', () => {
  expect(publicSource({ source: '/usr/share/datasets/fashion-mnist' })).toBe('Debian package dataset-fashion-mnist');
  expect(publicSource({ source: '/home/me/data' })).toBe('local files');
  expect(publicSource({ source: 'C:\\\\data' })).toBe('local files');
  expect(publicSource({ source: 'https://example.org/x' })).toBe('https://example.org/x');
});

/** Two classes that any network separates: stripes along and across. */
function stripes(): ImageDataset {
  const random = uniformStream(5);
  const split = (size: number): ImageSplit => {
    const labels = Uint8Array.from({ length: size }, (_, i) => i % 2);
    const images = new Uint8Array(size * 64);
    for (let i = 0; i < images.length; i++) {
      const [image, y, x] = [Math.floor(i / 64), Math.floor((i % 64) / 8), i % 8];
      const bright = (labels[image] === 0 ? x : y) % 2 === 0;
      images[i] = (bright ? 180 : 40) + Math.floor(random() * 30);
    }
    return { images, labels, size };
  };
  return { name: 'stripes', classNames: ['along', 'across'], imageShape: [8, 8, 1], train: split(192), test: split(64), sha256: 'a'.repeat(64), source: 'made up' };
}
