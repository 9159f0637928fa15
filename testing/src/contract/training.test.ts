/** A compiled training step is the step that tfjs takes: every block and layer, and the small variant of every family. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { activation, conv2d, dense, flatten, stochasticPool } from '@convkit/core';
import { createTrainer, type TrainerState } from '@convkit/train';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { DESCRIPTORS } from './descriptors.js';

/** Change of a weight in a step, relative to the largest change in its tensor: two float32 sums in different orders. */
const TOLERANCE = 1e-4;
const BATCH = 4;
const CLASSES = 3;

/** One step of plain gradient descent at rate 1, so that the change of a weight is its gradient. The compiled engine leaves the model as it is. */
async function step(network: LayersModel, engine: 'onnxruntime' | 'tfjs'): Promise<{ before: TrainerState; after: TrainerState; loss: number }> {
  const trainer = await createTrainer(network, { engine, optimizer: { kind: 'sgd', momentum: 0 }, threads: 1 });
  const size = (network.inputs[0]?.shape.slice(1) as number[]).reduce((a, b) => a * b, 1);
  const images = tf.tidy(() => tf.randomNormal([BATCH * size], 0, 1, 'float32', 5).dataSync() as Float32Array);
  const classes = network.outputs[0]?.shape[1] as number;
  const labels = Array.from({ length: BATCH }, (_, i) => (i * 2) % classes);
  const before = await trainer.state();
  const { loss } = await trainer.step({ images, labels, size: BATCH }, 1);
  const after = await trainer.state();
  await trainer.dispose();
  return { before, after, loss };
}

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

async function expectSameStep(network: LayersModel): Promise<void> {
  const tensors = tf.memory().numTensors;
  const compiled = await step(network, 'onnxruntime');
  const own = await step(network, 'tfjs');
  expect(tf.memory().numTensors, 'no tensor is left').toBe(tensors);
  network.dispose();
  expect(Math.abs(compiled.loss - own.loss)).toBeLessThan(TOLERANCE * Math.max(1, own.loss));
  const changeOf = ({ before, after }: typeof own, name: string) => after.weights[name]!.map((value, i) => value - before.weights[name]![i]!);
  // Frozen weights are no part of the compiled state.
  const wanted = Object.keys(compiled.after.weights).map((name) => ({ name, change: changeOf(own, name) }));
  const still = Object.keys(own.after.weights).filter((name) => !(name in compiled.after.weights));
  expect(still.filter((name) => largest(changeOf(own, name)) > 0), 'only what does not change is left out').toEqual([]);
  // Gradients that are sums of what cancels, as those of biases in front of a batch norm, are noise.
  const floor = 1e-2 * Math.max(...wanted.map(({ change }) => largest(change)));
  const errors = wanted.map(({ name, change }) => {
    const found = changeOf(compiled, name);
    // The state holds w - g in float32: g is known to an ulp of w.
    const noise = largest(own.before.weights[name]!) * 2 ** -22;
    const worst = largest(change.map((value, i) => value - found[i]!));
    return { name, error: Math.max(worst - noise, 0) / Math.max(largest(change), floor) };
  });
  expect(errors.filter(({ error }) => !(error < TOLERANCE))).toEqual([]);
}

beforeAll(() => tf.setBackend('wasm'));

describe('a compiled training step of a block or layer', () => {
  const rows = DESCRIPTORS.filter(({ random }) => !random);

  test.each(rows.map((descriptor) => [`${descriptor.exported}: ${descriptor.title}`, descriptor] as const))('%s', async (_, { input: shape, make }) => {
    const x = input({ shape: [...shape] });
    // A layer in front, so that the gradient of the block's input matters too.
    const y = make(activation(mixed(x), { kind: 'tanh' }));
    const flat = y.shape.length > 2 ? flatten(y) : y;
    await expectSameStep(model({ inputs: x, outputs: dense(flat, { units: CLASSES, name: 'logits', kernelInitializer: 'glorotUniform' }) }));
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

/** A 1x1 mixing of the channels. */
const mixed = (x: SymbolicTensor) => conv2d(x, { filters: x.shape.at(-1) as number, kernelSize: 1, name: 'front', kernelInitializer: 'glorotUniform' });

describe('a compiled training step of a small variant', () => {
  const tiny = zoo.list({ tiny: true }).filter(({ params }) => params === undefined);

  test.each(tiny.map(({ id }) => id))('%s', async (id) => {
    await expectSameStep(zoo.get(id).build({ seed: 1, dropout: 0 }));
  });
});
