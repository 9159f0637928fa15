import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, it } from 'vitest';
import { explained, heapOf } from './full-memory.js';
import { createTrainer, TrainError } from './index.js';

beforeAll(() => tf.setBackend('wasm'));

const trap = Object.assign(new Error('table index is out of bounds'), { name: 'RuntimeError' });

it('a trap with a full heap is told as what it is', () => {
  const told = explained(trap, 4095.9375 * 2 ** 20, 64);
  expect(told).toBeInstanceOf(TrainError);
  expect(told).toMatchObject({ code: 'ERR_TRAIN_MEMORY', cause: trap });
  expect((told as Error).message).toContain('a step of 64 images');
});

it('other errors, and traps with memory left or without a heap, stay what they are', () => {
  const other = new Error('no');
  expect(explained(other, 2 ** 32, 64)).toBe(other);
  expect(explained(trap, 2 ** 31, 64)).toBe(trap);
  expect(explained(trap, undefined, 64)).toBe(trap);
  expect(heapOf(tf.backend())).toBeGreaterThan(2 ** 20);
});

it('a step that ends inside a kernel leaves weights and statistics as they were', async () => {
  const x = input({ shape: [4] });
  const built = model({ inputs: x, outputs: layers.dense({ units: 2 }).apply(layers.batchNormalization({}).apply(x)) as SymbolicTensor });
  const trainer = await createTrainer(built, { engine: 'tfjs' });
  const batch = { images: Float32Array.from({ length: 8 }, (_, i) => i), labels: [0, 1], size: 2 };
  await trainer.step(batch, 0.1);
  const before = Object.entries((await trainer.state()).weights);
  const dense = built.layers.at(-1)!;
  const call = dense.call;
  dense.call = () => { throw trap; };
  await expect(trainer.step(batch, 0.1)).rejects.toBe(trap);
  dense.call = call;
  expect(Object.entries((await trainer.state()).weights)).toEqual(before);
  await trainer.dispose();
  built.dispose();
});
