/** The contract of every block and layer on TensorFlow's own library. tools/tensorflow/check.mjs bundles it and runs it in a process of its own. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { createTrainer } from '@convkit/train';
import { zoo } from '@convkit/zoo';
import { checkContract } from './checks.js';
import { DESCRIPTORS, rowName } from './descriptors.js';
import { EXCEPTIONS, TOLERANCES, unexpected, type Failure } from './tolerances.js';

/** Checks the rows whose name begins with `prefix` on the backend 'tensorflow', against wasm. @returns How many rows there were, and lines on what failed. */
export async function checkRows(prefix: string): Promise<{ rows: number; failures: string[] }> {
  const rows = DESCRIPTORS.filter((descriptor) => rowName(descriptor).startsWith(prefix));
  const failures: string[] = [];
  for (const descriptor of rows) {
    const name = rowName(descriptor);
    let found: Failure[];
    try {
      await tf.setBackend('wasm');
      const { snapshot } = await checkContract(descriptor, TOLERANCES.wasm);
      await tf.setBackend('tensorflow');
      found = (await checkContract(descriptor, TOLERANCES.tensorflow, snapshot)).failures;
    } catch (error) {
      found = [{ check: 'error', detail: error instanceof Error ? error.message : String(error) }];
    }
    failures.push(...unexpected('tensorflow', name, found).map((line) => `${name}: ${line}`));
  }
  return { rows: rows.length, failures };
}

/** What is known to fail there, as lines. */
export const known = EXCEPTIONS.filter(({ backend }) => backend === 'tensorflow').map(({ row, check, why }) => `${row}: ${check}: ${why}`);

const STEPS = 20;
const BATCH = 16;

/** Trains a small network on images that are brighter in one quarter. @returns The first and the last loss. */
export async function train(id: string): Promise<{ first: number; last: number }> {
  await tf.setBackend('tensorflow');
  const model = zoo.get(id).build({ seed: 1, inputShape: [28, 28, 1], classes: 4, dropout: 0 });
  const trainer = await createTrainer(model, { engine: 'tfjs', optimizer: { kind: 'sgd' } });
  const labels = Array.from({ length: BATCH }, (_, n) => n % 4);
  const bright = (n: number, y: number, x: number) => (Math.floor(y / 14) * 2 + Math.floor(x / 14) === labels[n] ? 1 : 0);
  const images = Float32Array.from({ length: BATCH * 784 }, (_, i) => bright(Math.floor(i / 784), Math.floor((i % 784) / 28), i % 28) + Math.sin(i) / 4);
  const losses: number[] = [];
  const tensors = tf.memory().numTensors;
  for (let step = 0; step < STEPS; step++) losses.push((await trainer.step({ images, labels, size: BATCH }, 0.05)).loss);
  // The first step makes the optimiser's variables.
  const left = tf.memory().numTensors - tensors - model.trainableWeights.length;
  if (left > 0) throw new Error(`${left} tensors are left by ${STEPS} steps`);
  await trainer.dispose();
  model.dispose();
  return { first: losses[0] ?? Number.NaN, last: losses.at(-1) ?? Number.NaN };
}
