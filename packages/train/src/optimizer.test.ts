import '@tensorflow/tfjs-backend-wasm';
import { readFileSync } from 'node:fs';
import { dense } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTrainer, type Trainer, type TrainerOptions } from './index.js';

/** Steps that PyTorch took, see make_torch_steps.py beside it. */
const torch = JSON.parse(readFileSync(new URL('../fixtures/torch-steps.json', import.meta.url), 'utf8')) as {
  kernel: number[][]; bias: number[]; images: number[][]; labels: number[];
  cases: Record<string, { losses: number[]; kernel: number[]; bias: number[] }>;
};
const batch = { images: Float32Array.from(torch.images.flat()), labels: torch.labels, size: 4 };
const OPTIONS: Record<string, { options: TrainerOptions; rate: number }> = {
  momentum: { options: { optimizer: { kind: 'sgd' } }, rate: 0.5 },
  nesterov: { options: { optimizer: { kind: 'sgd', nesterov: true } }, rate: 0.5 },
  'decay of all': { options: { optimizer: { kind: 'sgd', weightDecay: 0.1 }, decay: 'all' }, rate: 0.5 },
  'decay of kernels': { options: { optimizer: { kind: 'sgd', weightDecay: 0.1 } }, rate: 0.5 },
  adam: { options: { optimizer: { kind: 'adam', beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1 }, decay: 'all' }, rate: 0.05 },
  adamW: { options: { optimizer: { kind: 'adamW', weightDecay: 0.2 } }, rate: 0.05 },
  'clip by norm': { options: { optimizer: { kind: 'sgd', momentum: 0 }, clip: { norm: 0.25 } }, rate: 0.5 },
  'clip by value': { options: { optimizer: { kind: 'sgd', momentum: 0 }, clip: { value: 0.1 } }, rate: 0.5 },
};
const ENGINES = ['onnxruntime', 'tfjs'] as const;

beforeAll(() => tf.setBackend('wasm'));

/** The layer that the recorded steps start from. */
function linear(): LayersModel {
  const x = input({ shape: [3] });
  const network = model({ inputs: x, outputs: dense(x, { units: 2, name: 'fc' }) });
  tf.tidy(() => network.setWeights([tf.tensor2d(torch.kernel), tf.tensor1d(torch.bias)]));
  return network;
}

async function withLinear<T>(options: TrainerOptions, use: (trainer: Trainer, network: LayersModel) => Promise<T>): Promise<T> {
  const network = linear();
  const trainer = await createTrainer(network, { threads: 1, ...options });
  const result = await use(trainer, network);
  await trainer.dispose();
  network.dispose();
  return result;
}

const close = (found: ArrayLike<number>, wanted: readonly number[], digits = 5) => {
  expect(found.length).toBe(wanted.length);
  wanted.forEach((value, i) => expect(found[i]).toBeCloseTo(value, digits));
};

describe.each(ENGINES)('with the engine %s', (engine) => {
  it('every optimiser of PyTorch has a row', () => expect(Object.keys(OPTIONS).sort()).toEqual(Object.keys(torch.cases).sort()));

  it.each(Object.entries(OPTIONS))('%s takes the steps that PyTorch takes', async (name, { options, rate }) => {
    await withLinear({ ...options, engine }, async (trainer, network) => {
      const losses = [];
      for (let step = 0; step < 3; step++) losses.push((await trainer.step(batch, rate)).loss);
      const wanted = torch.cases[name]!;
      close(losses, wanted.losses);
      const { weights } = await trainer.state();
      close(weights['fc/kernel']!, wanted.kernel);
      close(weights['fc/bias']!, wanted.bias);
      await trainer.sync();
      close(network.getWeights()[0]!.dataSync(), wanted.kernel);
    });
  });

  it('decoupled decay of SGD takes rate x decay x w from the kernel, besides the gradient', async () => {
    await withLinear({ engine, optimizer: { kind: 'sgd', momentum: 0, weightDecay: 0.1, decoupled: true } }, async (trainer) => {
      const { gradients } = await trainer.gradients(batch);
      await trainer.step(batch, 0.5);
      const { weights } = await trainer.state();
      close(weights['fc/kernel']!, torch.kernel.flat().map((w, i) => w - 0.5 * (gradients['fc/kernel']![i]! + 0.1 * w)));
      close(weights['fc/bias']!, torch.bias.map((w, i) => w - 0.5 * gradients['fc/bias']![i]!));
    });
  });

  it('a rate of 0 freezes a weight, another one scales its steps', async () => {
    const rateOf = (name: string) => (name === 'fc/bias' ? 0 : 0.25);
    await withLinear({ engine, rateOf, optimizer: { kind: 'sgd', momentum: 0 } }, async (trainer, network) => {
      const { gradients } = await trainer.gradients(batch);
      expect(Object.keys(gradients)).toEqual(['fc/kernel']);
      await trainer.step(batch, 0.4);
      await trainer.sync();
      const [kernel, bias] = network.getWeights().map((weight) => weight.dataSync());
      close(kernel!, torch.kernel.flat().map((w, i) => w - 0.1 * gradients['fc/kernel']![i]!));
      expect([...bias!]).toEqual([...Float32Array.from(torch.bias)]);
    });
  });

  it('an average of the weights is what predict and sync use; training goes on with the weights', async () => {
    await withLinear({ engine, average: 0.75, optimizer: { kind: 'sgd', momentum: 0 } }, async (trainer) => {
      const names = ['fc/kernel', 'fc/bias'] as const;
      const start = (await trainer.state()).weights;
      const averages = Object.fromEntries(names.map((name) => [name, [...start[name]!]]));
      for (let step = 0; step < 3; step++) {
        await trainer.step(batch, 0.5);
        const { weights } = await trainer.state();
        for (const name of names) averages[name] = averages[name]!.map((value, i) => 0.75 * value + 0.25 * weights[name]![i]!);
      }
      const { average, weights } = await trainer.state();
      for (const name of names) close(average![name]!, averages[name]!);
      const [kernel, bias] = names.map((name) => averages[name]!);
      const wanted = torch.images.flatMap((image) => [0, 1].map((k) => bias![k]! + image.reduce((sum, value, c) => sum + value * kernel![2 * c + k]!, 0)));
      close(await trainer.predict(batch.images, 4), wanted);
      expect((await trainer.state()).weights).toEqual(weights);
    });
  });

  it('refuses another optimiser than the ones it has, in words', async () => {
    await expect(withLinear({ engine, optimizer: { kind: 'rmsprop' } as never }, async () => undefined)).rejects.toThrow("optimizer must be an object with kind 'sgd', 'adam' or 'adamW'");
    await expect(withLinear({ engine, optimizer: { kind: 'sgd', momentum: 1 } }, async () => undefined)).rejects.toThrow('momentum');
  });
});
