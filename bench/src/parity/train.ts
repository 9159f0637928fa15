import { relativeError } from '@convkit/testing';
import { createTrainer } from '@convkit/train';
import { torchParameters, type TorchParameter } from '@convkit/weights';
import * as tf from '@tensorflow/tfjs-core';
import type { ParityEngine } from './engine.js';
import type { Check, TrainFixture } from './fixture.js';
import { fixtureInput, fixtureModel } from './model.js';

/** Gradients in torch's layout, by torch's name. */
type Gradients = ReadonlyMap<string, Float32Array>;

function inTorch(parameters: readonly TorchParameter[], gradients: Readonly<Record<string, Float32Array>>): Gradients {
  return new Map(parameters.flatMap(({ name, variable, toTorch }) => {
    const values = gradients[variable.originalName];
    if (values === undefined) return [];
    return [[name, tf.tidy(() => toTorch(tf.tensor(values, variable.shape as number[])).dataSync() as Float32Array)] as const];
  }));
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/**
 * Compares one training step with the reference: loss and logits of the first forward, running statistics after it,
 * every gradient, and the loss after one small step of plain gradient descent. Limits come from the file: they are
 * twice the noise that float32 itself shows there.
 */
export async function trainChecks(fixture: TrainFixture, engine: ParityEngine): Promise<Check[]> {
  const { tolerance, labels, loss0, grads } = fixture;
  const limit = (name: string) => tolerance[name] ?? 1e-4;
  const model = fixtureModel(fixture, { dropout: 0 });
  const parameters = torchParameters(model);
  const input = fixtureInput(fixture);
  const batch = { images: (await input.data()) as Float32Array, size: input.shape[0], labels };
  input.dispose();
  const trainer = await createTrainer(model, { engine: engine === 'onnxruntime' ? engine : 'tfjs', optimizer: { kind: 'sgd', momentum: 0 } });
  const { loss, outputs: [logits = new Float32Array()], ...found } = await trainer.gradients(batch);
  const gradients = inTorch(parameters, found.gradients);
  await trainer.step(batch, fixture.lr_small);
  const { weights } = await trainer.state();
  const after = (await trainer.gradients(batch)).loss;
  await trainer.dispose();
  const variables = new Map(parameters.map(({ name, variable }) => [name, variable.originalName]));
  const running = fixture.bn_after_first_forward.flatMap(({ name, running_mean_l2, running_var_l2 }) =>
    ([['running_mean', running_mean_l2], ['running_var', running_var_l2]] as const).map(([key, reference]) => {
      const values = weights[variables.get(`${name}.${key}`) ?? ''] ?? [];
      return { name: `${name}.${key}, l2`, error: relativeError([Math.hypot(...values)], [reference]), limit: limit('bn') };
    }));
  model.dispose();

  const first = fixture.logits0_first;
  return [
    { name: 'loss', error: relativeError([loss], [loss0]), limit: limit('loss0') },
    { name: 'logits', error: relativeError(logits.slice(0, first.length), first), limit: 2 * limit('logits0') },
    ...running,
    ...gradientChecks(fixture, gradients),
    { name: 'loss after a step', error: Math.abs(after - fixture.loss1_small) / Math.max(loss0, fixture.loss1_small), limit: limit('loss1_small') },
    { name: 'parameters with a gradient', error: grads.length - gradients.size, limit: 0 },
  ];
}

function gradientChecks({ grads, zero_grads, tolerance }: TrainFixture, gradients: Gradients): Check[] {
  const zero = new Set(zero_grads);
  const largest = Math.max(...grads.map(([, l2]) => l2));
  const [normErrors, firstErrors, zeroNorms]: [number[], number[], number[]] = [[], [], []];
  for (const [name, l2, first] of grads) {
    const gradient = gradients.get(name) ?? new Float32Array([Number.NaN]);
    const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    if (zero.has(name)) zeroNorms.push(norm / largest);
    else if (l2 > 1e-4 * largest) {
      normErrors.push(Math.abs(norm - l2) / l2);
      firstErrors.push(Math.max(...first.map((g, i) => Math.abs(g - (gradient[i] ?? Number.NaN)))) / (l2 / Math.sqrt(gradient.length)));
    }
  }
  return [
    { name: 'gradient l2, median', error: median(normErrors), limit: tolerance.grad_l2_median ?? 1e-3 },
    { name: 'gradient l2, worst', error: Math.max(...normErrors), limit: tolerance.grad_l2_max ?? 1e-3 },
    { name: 'gradient values, median', error: median(firstErrors), limit: tolerance.grad_first_median ?? 1e-3 },
    { name: 'gradient values, worst', error: Math.max(...firstErrors), limit: tolerance.grad_first_max ?? 1e-3 },
    ...(zeroNorms.length > 0 ? [{ name: 'gradients that must be zero', error: Math.max(...zeroNorms), limit: tolerance.zero_grad ?? 1e-4 }] : []),
  ];
}
