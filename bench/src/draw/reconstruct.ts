import { batches, normalizeImages, takeRecords, type ImageDataset } from '@convkit/data';
import { cosineSchedule } from '@convkit/train';
import { whatWhereAutoencoder, whatWhereTraining, type WhatWhereOptions } from '@convkit/what-where';
import { input, model } from '@tensorflow/tfjs-layers';
import { openTrainer, useModelBackend, type TrainingEngine } from '../suites/training-engine.js';
import { pixelsFrom, type Panel } from './picture.js';

export interface ReconstructRequest {
  readonly dataset: ImageDataset;
  readonly engine: TrainingEngine;
  /** Test images that are shown. */
  readonly count: number;
  /** Steps of 64 images. */
  readonly steps: number;
  readonly poolSize: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Called after every step of either network. */
  readonly onStep: (done: number, total: number) => void;
}

/** Test images, and what two autoencoders that differ in nothing else make of them: told where the maxima were, and not. */
export interface Reconstructions {
  readonly rows: readonly (readonly Panel[])[];
  /** Squared error a pixel over these images, of each row but the first. */
  readonly errors: readonly { readonly where: 'hard' | 'none'; readonly error: number }[];
}

const RATE = 2e-3;

/** Trains both networks on the data set's training images and draws the test images below each other. */
export async function reconstructions({ dataset, engine, count, steps, poolSize, seed, signal, onStep }: ReconstructRequest): Promise<Reconstructions> {
  await useModelBackend(engine);
  const shape = dataset.imageShape;
  const size = shape[0] * shape[1] * shape[2];
  const shown = normalizeImages(takeRecords(dataset.test, Array.from({ length: Math.min(count, dataset.test.size) }, (_, i) => i)).images);
  const panelsOf = (values: Float32Array): Panel[] => Array.from({ length: values.length / size }, (_, n) => ({ image: pixelsFrom(values.slice(n * size, (n + 1) * size), shape) }));
  // The paper's (16)5c-(32)3c and a pool.
  const stages: WhatWhereOptions['stages'] = [{ convolutions: [{ filters: 16, kernelSize: 5, padding: 2 }, { filters: 32, kernelSize: 3, padding: 1 }], poolSize }];
  const rows = [panelsOf(shown)];
  const errors: Reconstructions['errors'][number][] = [];
  let done = 0;
  for (const where of ['hard', 'none'] as const) {
    const x = input({ shape: [...shape] });
    const { outputs, loss, targets } = whatWhereTraining(whatWhereAutoencoder(x, { stages, where, seed, name: 'net' }), {});
    const network = model({ inputs: x, outputs });
    const { trainer } = await openTrainer(network, engine, { loss, optimizer: { kind: 'adam' }, seed });
    try {
      const share = cosineSchedule({ steps });
      for (let step = 0, epoch = 0; step < steps; epoch++) {
        for (const { images, size: batch } of batches(dataset.train, { batchSize: 64, seed, epoch })) {
          if (step === steps) break;
          signal.throwIfAborted();
          const values = normalizeImages(images);
          await trainer.step({ images: values, targets: targets(values), size: batch }, RATE * share(step++));
          onStep(++done, 2 * steps);
          // tfjs on wasm never waits for anything: signals are heard between turns only.
          await new Promise(setImmediate);
        }
      }
      const made = await trainer.predict(shown, shown.length / size);
      errors.push({ where, error: made.reduce((sum, value, i) => sum + (value - (shown[i] as number)) ** 2, 0) / shown.length });
      rows.push(panelsOf(made));
    } finally {
      await trainer.dispose();
      network.dispose();
    }
  }
  return { rows, errors };
}
