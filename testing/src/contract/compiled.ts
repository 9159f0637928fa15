/** A block in onnxruntime against the block in tfjs: its output, and the change of its weights in one compiled training step. */
import { activation, conv2d, dense, flatten } from '@convkit/core';
import { createSession } from '@convkit/onnx';
import { createTrainer, type TrainerState } from '@convkit/train';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { difference } from './contract.js';
import type { Descriptor } from './descriptors.js';

const BATCH = 4;
const CLASSES = 3;

/** Largest relative difference of what onnxruntime puts out from what tfjs does, and how many tensors are left by it. */
export async function onnxDifference(network: LayersModel, x: tf.Tensor): Promise<{ error: number; left: number }> {
  const before = tf.memory().numTensors;
  const session = await createSession(network, { threads: 1, spinning: false });
  const exported = (await session.predict(x)) as tf.Tensor;
  await session.dispose();
  const own = network.predict(x) as tf.Tensor;
  const error = exported.shape.join() === own.shape.join() ? difference(exported, own) : Number.POSITIVE_INFINITY;
  tf.dispose([exported, own]);
  return { error, left: tf.memory().numTensors - before };
}

/** The block between a mixing of its input's channels, so that the gradient of its input matters too, and logits. */
export function trainable({ input: shape, make }: Descriptor): LayersModel {
  const x = input({ shape: [...shape] });
  const mixed = conv2d(x, { filters: shape[2], kernelSize: 1, name: 'front', kernelInitializer: 'glorotUniform' });
  const y = make(activation(mixed, { kind: 'tanh' }));
  const flat = y.shape.length > 2 ? flatten(y) : y;
  return model({ inputs: x, outputs: dense(flat, { units: CLASSES, name: 'logits', kernelInitializer: 'glorotUniform' }) });
}

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
const weightsOf = (state: TrainerState, name: string) => state.weights[name] ?? new Float32Array();

/** How far a compiled training step is from the one that tfjs takes. */
export interface StepDifference {
  /** Relative, at least to 1. */
  loss: number;
  /** Change of each weight, relative to the largest change in its tensor. */
  weights: { name: string; error: number }[];
  /** Weights that the compiled step does not hold although tfjs changes them. */
  left: string[];
  tensors: number;
}

/** Takes the same step on both engines; the model is disposed. */
export async function stepDifference(network: LayersModel): Promise<StepDifference> {
  const tensors = tf.memory().numTensors;
  const compiled = await step(network, 'onnxruntime');
  const own = await step(network, 'tfjs');
  const left = tf.memory().numTensors - tensors;
  network.dispose();
  const changeOf = ({ before, after }: typeof own, name: string) => weightsOf(after, name).map((value, i) => value - (weightsOf(before, name)[i] ?? Number.NaN));
  // Frozen weights are no part of the compiled state.
  const wanted = Object.keys(compiled.after.weights).map((name) => ({ name, change: changeOf(own, name) }));
  const still = Object.keys(own.after.weights).filter((name) => !(name in compiled.after.weights));
  // Gradients that are sums of what cancels, as those of biases in front of a batch norm, are noise.
  const floor = 1e-2 * Math.max(...wanted.map(({ change }) => largest(change)));
  const weights = wanted.map(({ name, change }) => {
    const found = changeOf(compiled, name);
    // The state holds w - g in float32: g is known to an ulp of w.
    const noise = largest(weightsOf(own.before, name)) * 2 ** -22;
    const worst = largest(change.map((value, i) => value - (found[i] ?? Number.NaN)));
    return { name, error: Math.max(worst - noise, 0) / Math.max(largest(change), floor) };
  });
  return { loss: Math.abs(compiled.loss - own.loss) / Math.max(1, own.loss), weights, left: still.filter((name) => largest(changeOf(own, name)) > 0), tensors: left };
}
