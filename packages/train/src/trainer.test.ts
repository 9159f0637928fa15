import '@tensorflow/tfjs-backend-wasm';
import { activation, batchNorm, conv2d, dense, globalAveragePool, randomStream } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTrainer, type Trainer, type TrainerOptions, type TrainingBatch } from './index.js';

const ENGINES = ['onnxruntime', 'tfjs'] as const;
const SIDE = 6;

beforeAll(() => tf.setBackend('wasm'));

/** Convolution, batch norm, ReLU, pooling, classifier; the same numbers every time. */
function network({ dropout = 0 } = {}): LayersModel {
  const x = input({ shape: [SIDE, SIDE, 2] });
  const y = activation(batchNorm(conv2d(x, { filters: 4, kernelSize: 3, padding: 1, name: 'conv', useBias: false }), { name: 'bn' }), { kind: 'relu' });
  const pooled = globalAveragePool(y, { name: 'pool' });
  const kept = dropout === 0 ? pooled : layers.dropout({ rate: dropout }).apply(pooled) as SymbolicTensor;
  const built = model({ inputs: x, outputs: dense(kept, { units: 3, name: 'fc' }) });
  const next = randomStream(7);
  for (const { variable, fixed } of built.weights.map((weight) => ({ variable: weight, fixed: /moving|gamma|beta/.test(weight.originalName) }))) {
    if (fixed) continue;
    const shape = variable.shape as number[];
    tf.tidy(() => void variable.write(tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next() - 0.5), shape)));
  }
  return built;
}

/** Images whose mean of the first channel tells the class. */
function batchOf(size: number, seed: number): TrainingBatch {
  const next = randomStream(seed);
  const labels = Uint8Array.from({ length: size }, () => Math.floor(next() * 3));
  const images = Float32Array.from({ length: size * SIDE * SIDE * 2 }, (_, i) => next() + (i % 2 === 0 ? labels[Math.floor(i / (SIDE * SIDE * 2))]! - 1 : 0));
  return { images, labels, size };
}

async function withTrainer<T>(options: TrainerOptions & { dropout?: number }, use: (trainer: Trainer, built: LayersModel) => Promise<T>): Promise<T> {
  const { dropout = 0, ...rest } = options;
  const built = network({ dropout });
  const trainer = await createTrainer(built, { threads: 1, ...rest });
  try {
    return await use(trainer, built);
  } finally {
    await trainer.dispose();
    built.dispose();
  }
}

async function steps(trainer: Trainer, from: number, to: number, rate = 0.1): Promise<number[]> {
  const losses = [];
  for (let step = from; step < to; step++) losses.push((await trainer.step(batchOf(8, step), rate)).loss);
  return losses;
}

describe('both engines', () => {
  it.each<[string, TrainerOptions]>([
    ['SGD', { optimizer: { kind: 'sgd', nesterov: true, weightDecay: 5e-4 } }],
    ['AdamW', { optimizer: { kind: 'adamW' }, clip: { norm: 1 } }],
  ])('show the same losses within 1e-3 over 50 steps of %s', async (_, options) => {
    const rate = options.optimizer?.kind === 'sgd' ? 0.05 : 0.01;
    const [compiled, own] = [await withTrainer({ ...options, engine: 'onnxruntime' }, (trainer) => steps(trainer, 0, 50, rate)), await withTrainer({ ...options, engine: 'tfjs' }, (trainer) => steps(trainer, 0, 50, rate))];
    expect(own.at(-1)).toBeLessThan(0.7 * own[0]!);
    compiled.forEach((loss, i) => expect(Math.abs(loss - own[i]!)).toBeLessThan(1e-3));
  });

  it('agree on gradients, outputs, predictions and moving statistics', async () => {
    const run = (engine: 'onnxruntime' | 'tfjs') => withTrainer({ engine }, async (trainer) => {
      const result = await trainer.gradients(batchOf(8, 1));
      await steps(trainer, 0, 3);
      return { result, predicted: await trainer.predict(batchOf(5, 2).images, 5), weights: (await trainer.state()).weights };
    });
    const [compiled, own] = [await run('onnxruntime'), await run('tfjs')];
    const close = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a, (value, i) => expect(value).toBeCloseTo(b[i]!, 4));
    expect(Object.keys(compiled.result.gradients).sort()).toEqual(Object.keys(own.result.gradients).sort());
    for (const [name, gradient] of Object.entries(own.result.gradients)) close(compiled.result.gradients[name]!, gradient);
    close(compiled.result.outputs[0]!, own.result.outputs[0]!);
    close(compiled.predicted, own.predicted);
    expect(Object.keys(own.weights)).toContain('bn/moving_mean');
    for (const [name, values] of Object.entries(own.weights)) close(compiled.weights[name]!, values);
  });
});

it.each([['onnxruntime', 'tfjs'], ['tfjs', 'onnxruntime']] as const)('a state of %s goes on in %s', async (from, to) => {
  const optimizer = { kind: 'adamW' } as const;
  const through = await withTrainer({ optimizer, engine: from }, async (trainer) => ({ losses: await steps(trainer, 0, 3), state: await trainer.state(), rest: await steps(trainer, 3, 6) }));
  const rest = await withTrainer({ optimizer, engine: to }, async (trainer) => {
    await trainer.restore(through.state);
    return steps(trainer, 3, 6);
  });
  rest.forEach((loss, i) => expect(loss).toBeCloseTo(through.rest[i]!, 4));
});

describe.each(ENGINES)('the engine %s', (engine) => {
  it.each<[string, TrainerOptions]>([
    ['SGD with an average', { optimizer: { kind: 'sgd', nesterov: true, weightDecay: 1e-3 }, average: 0.9 }],
    ['Adam', { optimizer: { kind: 'adam' } }],
  ])('resumes %s to the bit: 3 and 3 steps are 6', async (_, options) => {
    const through = await withTrainer({ ...options, engine }, async (trainer) => ({ losses: await steps(trainer, 0, 6), state: await trainer.state() }));
    const saved = await withTrainer({ ...options, engine }, async (trainer) => {
      await steps(trainer, 0, 3);
      return trainer.state();
    });
    const resumed = await withTrainer({ ...options, engine }, async (trainer) => {
      await trainer.restore(saved);
      return { losses: await steps(trainer, 3, 6), state: await trainer.state() };
    });
    expect(resumed.losses).toEqual(through.losses.slice(3));
    expect(resumed.state).toEqual(through.state);
    expect(through.state.step).toBe(6);
  });

  it('changes nothing when it gives gradients', async () => {
    await withTrainer({ engine }, async (trainer) => {
      await steps(trainer, 0, 1);
      const before = await trainer.state();
      const first = await trainer.gradients(batchOf(8, 3));
      expect(await trainer.gradients(batchOf(8, 3))).toEqual(first);
      expect(await trainer.state()).toEqual(before);
    });
  });

  it('stops at a loss that is no number, with the weights, slots and statistics of before', async () => {
    await withTrainer({ engine }, async (trainer) => {
      await steps(trainer, 0, 2);
      const before = await trainer.state();
      const { images, ...rest } = batchOf(8, 5);
      const broken = { ...rest, images: images.map((value, i) => (i === 3 ? Number.NaN : value)) };
      await expect(trainer.step(broken, 0.1)).rejects.toMatchObject({ name: 'TrainError', code: 'ERR_TRAIN_LOSS', message: expect.stringContaining('the loss of step 3 is NaN') });
      expect(await trainer.state()).toEqual(before);
      expect(Number.isFinite((await trainer.step(batchOf(8, 5), 0.1)).loss)).toBe(true);
    });
  });

  it('counts what is right', async () => {
    await withTrainer({ engine }, async (trainer) => {
      const batch = batchOf(12, 9);
      const { outputs } = await trainer.gradients(batch);
      const best = (n: number) => [0, 1, 2].reduce((a, b) => (outputs[0]![3 * n + b]! > outputs[0]![3 * n + a]! ? b : a));
      const right = Array.from(batch.labels!, (label, n) => best(n) === label).filter(Boolean).length;
      expect((await trainer.step(batch, 0.1)).correct).toBe(right);
    });
  });

  it('names what does not fit', async () => {
    await withTrainer({ engine }, async (trainer) => {
      const batch = batchOf(8, 1);
      const input = { code: 'ERR_TRAIN_INPUT' };
      await expect(trainer.step({ ...batch, size: 7 }, 0.1)).rejects.toMatchObject({ ...input, message: expect.stringContaining('504 numbers for 7 images of [6, 6, 2], got 576') });
      await expect(trainer.step({ ...batch, labels: [1] }, 0.1)).rejects.toMatchObject({ ...input, message: expect.stringContaining('labels must be 8 classes') });
      await expect(trainer.predict(batch.images, 3)).rejects.toMatchObject(input);
      await expect(trainer.step({ ...batch, inputs: [new Float32Array(8)] }, 0.1)).rejects.toMatchObject({ ...input, message: expect.stringContaining('inputs must be 0') });
      await expect(trainer.restore({ ...(await trainer.state()), weights: {} })).rejects.toMatchObject({ code: 'ERR_TRAIN_STATE', message: expect.stringContaining('conv/kernel') });
      await expect(trainer.restore({ ...(await trainer.state()), optimizer: 'adam' })).rejects.toMatchObject({ code: 'ERR_TRAIN_STATE' });
    });
    const disposed = await withTrainer({ engine }, async (trainer) => trainer);
    await expect(disposed.step(batchOf(8, 1), 0.1)).rejects.toMatchObject({ code: 'ERR_TRAIN_DISPOSED' });
  });

  it('holds no more memory after 500 steps than after 50', async () => {
    await withTrainer({ engine }, async (trainer) => {
      const batch = batchOf(8, 1);
      const held = async (count: number) => {
        for (let step = 0; step < count; step++) await trainer.step(batch, 0.01);
        return { tensors: tf.memory().numTensors, rss: process.memoryUsage.rss() };
      };
      const [early, late] = [await held(50), await held(450)];
      expect(late.tensors).toBe(early.tensors);
      // A step's images, state and results are 20 kB; one kept copy of them a step would be 9 MB, of its graph far more.
      expect(late.rss - early.rss).toBeLessThan(64e6);
    });
  });
});

describe.each(ENGINES)('dropout in the engine %s', (engine) => {
  const losses = (options: TrainerOptions) => withTrainer({ engine, dropout: 0.5, ...options }, (trainer) => steps(trainer, 0, 4));

  it('draws the same masks for the same seed, others for another and for every step', async () => {
    const first = await losses({ seed: 1 });
    expect(await losses({ seed: 1 })).toEqual(first);
    expect(await losses({ seed: 2 })).not.toEqual(first);
    await withTrainer({ engine, dropout: 0.5 }, async (trainer) => {
      const still = async () => (await trainer.step(batchOf(8, 1), 1e-30)).loss;
      expect(await still()).not.toBe(await still());
    });
  });

  it('goes on with the masks of the step that it was resumed at', async () => {
    const through = await losses({ seed: 3 });
    const saved = await withTrainer({ engine, dropout: 0.5, seed: 3 }, async (trainer) => {
      await steps(trainer, 0, 2);
      return trainer.state();
    });
    const rest = await withTrainer({ engine, dropout: 0.5, seed: 3 }, async (trainer) => {
      await trainer.restore(saved);
      return steps(trainer, 2, 4);
    });
    expect(rest).toEqual(through.slice(2));
  });
});

it('wrong options are named', async () => {
  const built = network();
  await expect(createTrainer(built, { engine: 'tensorflow' as never })).rejects.toThrow('engine must be one of onnxruntime, tfjs');
  await expect(createTrainer(built, { rateOf: () => Number.NaN })).rejects.toThrow('rateOf("conv/kernel")');
  await expect(createTrainer(built, { rateOf: () => 0 })).rejects.toThrow('at least one trainable weight');
  await expect(createTrainer(built, { lables: 1 } as never)).rejects.toThrow('lables');
  await expect(createTrainer({} as never)).rejects.toThrow('model must be a tf.LayersModel');
  built.dispose();
});
