/** The contract of every block and layer in a Node process of its own. tools/contract.mjs bundles it, starts the backend and runs it. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { createTrainer } from '@convkit/train';
import { zoo } from '@convkit/zoo';
import { checkContract } from './checks.js';
import { onnxDifference, stepDifference, trainable } from './compiled.js';
import { contractInput, contractModel } from './contract.js';
import { DESCRIPTORS, rowName, type Descriptor } from './descriptors.js';
import { EXCEPTIONS, TOLERANCES, unexpected, type ContractBackend, type Failure } from './tolerances.js';

/** What a process of Node can check; webgl is the browser's. */
export type NodeBackend = Exclude<ContractBackend, 'webgl'>;

/** Which rows: those whose name begins so, and in the short form one row of every third export. */
export interface RowChoice {
  prefix: string;
  short: boolean;
}

/** How many rows there were, how many of them hold, and lines on what failed. */
export interface RowsReport {
  rows: number;
  hold: number;
  failures: string[];
}

// The cpu backend prints an advertisement otherwise.
tf.enableProdMode();

function chosen({ prefix, short }: RowChoice): Descriptor[] {
  const rows = DESCRIPTORS.filter((descriptor) => rowName(descriptor).startsWith(prefix));
  if (!short) return rows;
  return rows.filter(({ exported }, i) => rows.findIndex((row) => row.exported === exported) === i).filter((_, i) => i % 3 === 0);
}

/** wasm and cpu are checked by themselves, the others against wasm. The kernels are what is checked: small tensors stay on the GPU. */
async function failuresOf(backend: NodeBackend, descriptor: Descriptor): Promise<Failure[]> {
  await tf.setBackend(backend === 'cpu' ? 'cpu' : 'wasm');
  if (backend === 'onnxruntime') return onnxFailures(descriptor);
  if (backend === 'webgpu') tf.env().set('WEBGPU_CPU_FORWARD', false);
  const own = await checkContract(descriptor, TOLERANCES[backend === 'cpu' ? 'cpu' : 'wasm']);
  if (backend === 'cpu' || backend === 'wasm') return own.failures;
  await tf.setBackend(backend);
  return (await checkContract(descriptor, TOLERANCES[backend], own.snapshot)).failures;
}

async function onnxFailures(descriptor: Descriptor): Promise<Failure[]> {
  const { value, gradient } = TOLERANCES.onnxruntime;
  const network = contractModel(descriptor);
  const x = contractInput(descriptor);
  const { error, left } = await onnxDifference(network, x);
  network.dispose();
  x.dispose();
  const failures: Failure[] = [];
  if (!(error < value)) failures.push({ check: 'values', detail: `the output: ${error.toExponential(2)}, the limit is ${value}` });
  if (left !== 0) failures.push({ check: 'leak', detail: `${left} tensors are left` });
  if (descriptor.random || descriptor.noGradient) return failures;
  const { weights, left: lost } = await stepDifference(trainable(descriptor));
  for (const weight of weights) if (!(weight.error < gradient)) failures.push({ check: 'gradient', detail: `${weight.name}: ${weight.error.toExponential(2)}, the limit is ${gradient}` });
  if (lost.length > 0) failures.push({ check: 'gradient', detail: `not trained: ${lost.join(', ')}` });
  return failures;
}

/** What a GPU complains of while rows are checked: its device refuses a program and leaves zeros. */
export interface Complaints {
  fault(): string | undefined;
  forget(): void;
}

/** Checks rows of the descriptor table on a backend that this process has registered. */
export async function checkRows(backend: NodeBackend, choice: RowChoice, complaints?: Complaints): Promise<RowsReport> {
  const rows = chosen(choice);
  const failures: string[] = [];
  let hold = 0;
  for (const descriptor of rows) {
    const name = rowName(descriptor);
    const found = await failuresOf(backend, descriptor).catch((error: unknown): Failure[] => [{ check: 'error', detail: error instanceof Error ? error.message : String(error) }]);
    const complaint = complaints?.fault();
    if (complaint !== undefined) found.push({ check: 'error', detail: complaint });
    complaints?.forget();
    const lines = unexpected(backend, name, found);
    if (lines.length === 0) hold += 1;
    failures.push(...lines.map((line) => `${name}: ${line}`));
  }
  return { rows: rows.length, hold, failures };
}

/** What is known to fail on a backend, as lines. */
export const known = (backend: NodeBackend): string[] => EXCEPTIONS.filter((exception) => exception.backend === backend).map(({ row, check, why }) => `${row}: ${check}: ${why}`);

const STEPS = 20;
const BATCH = 16;

/** Trains a small network on the active backend, on images that are brighter in one quarter. @returns The first and the last loss. */
export async function train(id: string): Promise<{ first: number; last: number }> {
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
