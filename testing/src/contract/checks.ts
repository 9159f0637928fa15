import { compile, CompiledModel, trace } from '@convkit/graph';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { relativeError } from '../layouts.js';
import { contractInput, contractModel, reload } from './contract.js';
import type { Descriptor } from './descriptors.js';
import type { Check, Failure, Tolerance } from './tolerances.js';

/** What a row gives on one backend, for another to be compared with. */
export interface Snapshot {
  output: Float32Array;
  trained: Float32Array;
  /** By the input (first) and by each trainable weight. */
  gradients: Float32Array[];
}

export interface ContractReport {
  failures: Failure[];
  snapshot: Snapshot;
}

const recorder = (failures: Failure[]) => (check: Check, holds: boolean, detail: string): void => {
  if (!holds) failures.push({ check, detail });
};

/** Values of what `make` returns; its other tensors are disposed. Backends of a GPU can only be read asynchronously. */
async function valuesOf(make: () => tf.Tensor): Promise<Float32Array> {
  const y = tf.tidy(make);
  const values = (await y.data()) as Float32Array;
  y.dispose();
  return values;
}

/** a . b in float64. */
function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const training = (network: LayersModel, x: tf.Tensor) => network.apply(x, { training: true }) as tf.Tensor;
const variablesOf = (network: LayersModel) => network.trainableWeights.map((weight) => weight.read() as tf.Variable);

/** d sum(y c) / d input and d weights in training mode, y of a model whose state is put back afterwards. */
async function gradientsOf(network: LayersModel, x: tf.Tensor, cotangent: tf.Tensor): Promise<Float32Array[]> {
  const variables = variablesOf(network);
  const state = network.getWeights().map((weight) => tf.clone(weight));
  const tensors = tf.tidy(() => {
    const byInput = tf.grad((batch) => tf.sum(tf.mul(training(network, batch), cotangent)))(x);
    if (variables.length === 0) return [byInput];
    network.setWeights(state);
    const { grads } = tf.variableGrads(() => tf.sum(tf.mul(training(network, x), cotangent)), variables);
    return [byInput, ...variables.map(({ name }) => grads[name] ?? tf.scalar(Number.NaN))];
  });
  network.setWeights(state);
  const values = await Promise.all(tensors.map(async (tensor) => (await tensor.data()) as Float32Array));
  tf.dispose([...tensors, ...state]);
  return values;
}

/**
 * Gradients against central differences along a random direction, (L(p + e v) - L(p - e v)) / 2e = <dL/dp, v>: relative
 * errors by the input and by all weights together, measured against the gradient's norm where the derivative is small by chance.
 */
async function differenceErrors(network: LayersModel, x: tf.Tensor4D, cotangent: tf.Tensor, gradients: Float32Array[], step: number): Promise<{ input: number; weights: number }> {
  const c = await cotangent.data();
  const loss = async (batch: () => tf.Tensor) => dot(await valuesOf(() => training(network, batch())), c);
  const norm = (values: Float32Array) => Math.sqrt(dot(values, values));
  const [byInput = new Float32Array(), ...byWeight] = gradients;

  const direction = tf.randomUniform(x.shape, -1, 1, 'float32', 29);
  const moved = (sign: number) => loss(() => tf.add(x, tf.mul(direction, sign * step)));
  const numericInput = ((await moved(1)) - (await moved(-1))) / (2 * step);
  const input = Math.abs(numericInput - dot(byInput, await direction.data())) / Math.max(Math.abs(numericInput), norm(byInput));
  direction.dispose();

  const variables = variablesOf(network);
  if (variables.length === 0) return { input, weights: 0 };
  const state = network.getWeights().map((weight) => tf.clone(weight));
  const directions = variables.map((variable, i) => tf.randomUniform(variable.shape, -1, 1, 'float32', 31 + i));
  const starts = variables.map((variable) => tf.clone(variable));
  const along = async (sign: number) => {
    tf.tidy(() => variables.forEach((variable, i) => variable.assign(tf.add(starts[i] as tf.Tensor, tf.mul(directions[i] as tf.Tensor, sign * step)))));
    return loss(() => x);
  };
  const numeric = ((await along(1)) - (await along(-1))) / (2 * step);
  const along0 = await Promise.all(directions.map(async (one, i) => dot(byWeight[i] as Float32Array, await one.data())));
  network.setWeights(state);
  tf.dispose([...directions, ...starts, ...state]);
  const analytic = along0.reduce((sum, part) => sum + part, 0);
  return { input, weights: Math.abs(numeric - analytic) / Math.max(Math.abs(numeric), ...byWeight.map(norm)) };
}

/** Each gradient against the reference's, in units of its largest element, or of a hundredth of the largest of all: a bias in front of a batch norm has none. */
function gradientErrors(gradients: readonly Float32Array[], reference: readonly Float32Array[]): { input: number; weights: number } {
  const floor = Math.max(...reference.map(largest)) / 100;
  const errors = gradients.map((values, i) => {
    const wanted = reference[i] as Float32Array;
    const scale = Math.max(largest(wanted), floor) || 1;
    return relativeError(values, wanted) * ((largest(wanted) || 1) / scale);
  });
  const [input = 0, ...weights] = errors;
  return { input, weights: Math.max(0, ...weights) };
}

/**
 * Checks one row of the descriptor table on the active backend: symbolic and eager shapes, training against inference,
 * the lowered and the compiled form against the layers, finite gradients, no tensor left.
 * Gradients are compared with central differences, or, like the values, with a snapshot of another backend.
 */
export async function checkContract(descriptor: Descriptor, tolerance: Tolerance, reference?: Snapshot): Promise<ContractReport> {
  const failures: Failure[] = [];
  const must = recorder(failures);
  const below = (check: Check, what: string, error: number, limit: number) => must(check, error < limit, `${what}: ${error.toExponential(2)}, the limit is ${limit}`);

  const network = contractModel(descriptor);
  const x = contractInput(descriptor);
  // The first training pass may make variables of its own.
  tf.tidy(() => void training(network, x));
  const before = tf.memory().numTensors;
  const noLeak = (what: string) => must('leak', tf.memory().numTensors === before, `${tf.memory().numTensors - before} tensors are left by ${what}`);

  const eager = tf.tidy(() => (network.predict(x) as tf.Tensor).shape);
  const symbolic = [x.shape[0], ...((network.outputs[0] as { shape: (number | null)[] }).shape.slice(1))];
  must('shape', eager.join() === symbolic.join(), `eager [${eager.join()}], symbolic [${symbolic.join()}]`);
  const output = await valuesOf(() => network.predict(x) as tf.Tensor);
  const trained = await valuesOf(() => training(network, x));
  const change = relativeError(trained, output);
  if (descriptor.trainingDiffers) must('training', change > tolerance.value, 'training gives the same as inference');
  else below('training', 'training gives another output', change, tolerance.value);

  // Training may have moved averages.
  const now = await valuesOf(() => network.predict(x) as tf.Tensor);
  const direct = new CompiledModel(trace(network));
  below('lowering', 'the lowered form', relativeError(await valuesOf(() => direct.predict(x) as tf.Tensor), now), tolerance.value);
  direct.dispose();
  const optimised = compile(network);
  below('lowering', 'the compiled form', relativeError(await valuesOf(() => optimised.predict(x) as tf.Tensor), now), tolerance.value);
  optimised.dispose();
  noLeak('running it');

  if (reference !== undefined) {
    below('values', 'the output', relativeError(output, reference.output), tolerance.value);
    if (!descriptor.random) below('values', 'the output in training', relativeError(trained, reference.trained), tolerance.value);
  }
  let gradients: Float32Array[] = [];
  if (!descriptor.random && descriptor.noGradient !== true) {
    const cotangent = tf.tidy(() => tf.randomUniform(training(network, x).shape, -1, 1, 'float32', 23));
    gradients = await gradientsOf(network, x, cotangent);
    const broken = ['the input', ...variablesOf(network).map(({ name }) => name)].filter((_, i) => !gradients[i]?.every(Number.isFinite));
    must('gradient', broken.length === 0, `no finite gradient for ${broken.join(', ')}`);
    const errors = reference === undefined ? await differenceErrors(network, x, cotangent, gradients, descriptor.gradientStep ?? 5e-4) : gradientErrors(gradients, reference.gradients);
    below('gradient', 'by the input', errors.input, tolerance.gradient);
    below('gradient', 'by the weights', errors.weights, tolerance.gradient);
    cotangent.dispose();
    noLeak('its gradient');
  }

  network.dispose();
  x.dispose();
  return { failures, snapshot: { output, trained, gradients } };
}

/** Checks that the model of a row comes back as it was from being saved and loaded; its layers must be registered. */
export async function checkSaving(descriptor: Descriptor): Promise<Failure[]> {
  const failures: Failure[] = [];
  const must = recorder(failures);
  const network = contractModel(descriptor);
  const x = contractInput(descriptor);
  const again = await reload(network);
  const configs = (model: LayersModel) => JSON.stringify(model.layers.filter((layer) => layer.getClassName().startsWith('Convkit')).map((layer) => layer.getConfig()));
  must('saving', configs(again) === configs(network), `the configuration is ${configs(again)}, was ${configs(network)}`);
  const error = relativeError(await valuesOf(() => again.predict(x) as tf.Tensor), await valuesOf(() => network.predict(x) as tf.Tensor));
  must('saving', error < 1e-7, `the loaded model differs by ${error.toExponential(2)}`);
  again.dispose();
  network.dispose();
  x.dispose();
  return failures;
}
