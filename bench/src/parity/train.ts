import { relativeError } from '@convkit/testing';
import { torchParameters, type TorchParameter } from '@convkit/weights';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Check, TrainFixture } from './fixture.js';
import { fixtureInput, fixtureModel } from './model.js';

interface Step {
  logits: number[];
  loss: number;
  /** Gradients in torch's layout, by torch's name. */
  gradients: Map<string, Float32Array>;
}

/** Forward and backward in training mode; batch norms update their running statistics. */
function trainingStep(model: LayersModel, parameters: readonly TorchParameter[], input: tf.Tensor4D, labels: readonly number[]): Step {
  const step: Step = { logits: [], loss: Number.NaN, gradients: new Map() };
  tf.tidy(() => {
    const trainable = parameters.filter(({ variable }) => !/moving_(mean|variance)$/.test(variable.originalName));
    const byVariable = new Map(trainable.map((parameter) => [(parameter.variable.read() as tf.Variable).name, parameter]));
    const { value, grads } = tf.variableGrads(() => {
      const output = model.apply(input, { training: true }) as tf.Tensor2D;
      step.logits = [...output.dataSync()];
      const targets = tf.oneHot(tf.tensor1d([...labels], 'int32'), output.shape[1]);
      return tf.losses.softmaxCrossEntropy(targets, output) as tf.Scalar;
    }, [...byVariable.values()].map(({ variable }) => variable.read() as tf.Variable));
    for (const [name, gradient] of Object.entries(grads)) {
      const parameter = byVariable.get(name);
      if (parameter !== undefined) step.gradients.set(parameter.name, parameter.toTorch(gradient).dataSync() as Float32Array);
    }
    step.loss = value.dataSync()[0] as number;
  });
  return step;
}

/** weight -= rate * gradient, no momentum, no decay. */
function descend(parameters: readonly TorchParameter[], gradients: Step['gradients'], rate: number): void {
  for (const { name, shape, variable, fromTorch } of parameters) {
    const gradient = gradients.get(name);
    if (gradient === undefined) continue;
    const next = tf.tidy(() => tf.sub(variable.read(), tf.mul(fromTorch(tf.tensor(gradient, shape)), rate)));
    variable.write(next);
    next.dispose();
  }
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/**
 * Compares one training step with the reference: loss and logits of the first forward, running statistics after it,
 * every gradient, and the loss after one small step of plain gradient descent. Limits come from the file: they are
 * twice the noise that float32 itself shows there.
 */
export async function trainChecks(fixture: TrainFixture): Promise<Check[]> {
  const { tolerance, labels, loss0, grads } = fixture;
  const limit = (name: string) => tolerance[name] ?? 1e-4;
  const model = fixtureModel(fixture, { dropout: 0 });
  const parameters = torchParameters(model);
  const input = fixtureInput(fixture);
  const { logits, loss, gradients } = trainingStep(model, parameters, input, labels);
  const statistics = new Map(parameters.map((parameter) => [parameter.name, parameter.variable]));
  const running = fixture.bn_after_first_forward.flatMap(({ name, running_mean_l2, running_var_l2 }) =>
    ([['running_mean', running_mean_l2], ['running_var', running_var_l2]] as const).map(([key, reference]) => {
      const values = statistics.get(`${name}.${key}`)?.read().dataSync() ?? [];
      return { name: `${name}.${key}, l2`, error: relativeError([Math.hypot(...values)], [reference]), limit: limit('bn') };
    }));
  descend(parameters, gradients, fixture.lr_small);
  const after = trainingStep(model, parameters, input, labels).loss;
  tf.dispose(input);
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

function gradientChecks({ grads, zero_grads, tolerance }: TrainFixture, gradients: Step['gradients']): Check[] {
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
