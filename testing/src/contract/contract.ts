import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, loadLayersModel, model } from '@tensorflow/tfjs-layers';
import { relativeError } from '../layouts.js';
import type { Descriptor } from './descriptors.js';

const BATCH = 3;

/** A model of one descriptor, its weights all random (moving statistics too), so that nothing holds by accident. */
export function contractModel({ input: shape, make }: Descriptor): LayersModel {
  const x = input({ shape: [...shape] });
  const network = model({ inputs: x, outputs: make(x), name: 'contract' });
  tf.tidy(() => network.setWeights(network.getWeights().map((weight, i) => tf.randomUniform(weight.shape, 0.3, 1.2, 'float32', i + 1))));
  return network;
}

/** A batch with both signs. */
export function contractInput({ input: shape }: Descriptor): tf.Tensor4D {
  return tf.randomUniform([BATCH, ...shape], -2, 2, 'float32', 17);
}

/** Saves and loads a model in memory, architecture and weights. */
export async function reload(network: LayersModel): Promise<LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  await network.save(tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
  }));
  return loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
}

/** sum(y * cotangent) in float64. */
function weightedSum(y: tf.Tensor, cotangent: Float32Array): number {
  const values = y.dataSync();
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * (cotangent[i] as number);
  return sum;
}

export interface GradientReport {
  /** Trainable weights that get no gradient, or one that is not finite. */
  broken: string[];
  /** Relative error of the directional derivative in the input and in all weights together. */
  input: number;
  weights: number;
}

/**
 * Gradients of L = sum(y c) in training mode against central differences along a random direction:
 * (L(p + e v) - L(p - e v)) / 2e = <dL/dp, v>.
 */
export function checkGradients(network: LayersModel, x: tf.Tensor4D, step = 5e-4): GradientReport {
  return tf.tidy(() => {
    const run = (batch: tf.Tensor) => network.apply(batch, { training: true }) as tf.Tensor;
    const shape = run(x).shape;
    const cotangent = tf.randomUniform(shape, -1, 1, 'float32', 23);
    const c = cotangent.dataSync() as Float32Array;
    const variables = network.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const state = network.getWeights().map((weight) => tf.clone(weight));

    const inputGradient = tf.grad((batch) => tf.sum(tf.mul(run(batch), cotangent)))(x);
    const direction = tf.randomUniform(x.shape, -1, 1, 'float32', 29);
    const along = (sign: number) => weightedSum(run(tf.add(x, tf.mul(direction, sign * step))), c);
    const numericInput = (along(1) - along(-1)) / (2 * step);
    const input = Math.abs(numericInput - weightedSum(inputGradient, direction.dataSync() as Float32Array)) / scale(numericInput, inputGradient);
    if (variables.length === 0) return { broken: [], input, weights: 0 } as GradientReport & tf.TensorContainerObject;

    network.setWeights(state);
    const { grads } = tf.variableGrads(() => tf.sum(tf.mul(run(x), cotangent)), variables);
    const broken = variables.filter(({ name }) => !grads[name]?.dataSync().every(Number.isFinite)).map(({ name }) => name);
    const directions = variables.map((variable, i) => tf.randomUniform(variable.shape, -1, 1, 'float32', 31 + i));
    const starts = variables.map((variable) => tf.clone(variable));
    const moved = (sign: number) => {
      variables.forEach((variable, i) => variable.assign(tf.add(starts[i] as tf.Tensor, tf.mul(directions[i] as tf.Tensor, sign * step))));
      return weightedSum(run(x), c);
    };
    const numeric = (moved(1) - moved(-1)) / (2 * step);
    variables.forEach((variable, i) => variable.assign(starts[i] as tf.Tensor));
    let analytic = 0;
    let spread = 0;
    variables.forEach(({ name }, i) => {
      const gradient = grads[name];
      if (gradient === undefined) return;
      analytic += weightedSum(gradient, (directions[i] as tf.Tensor).dataSync() as Float32Array);
      spread = Math.max(spread, scale(0, gradient));
    });
    return { broken, input, weights: Math.abs(numeric - analytic) / Math.max(Math.abs(numeric), spread) } as GradientReport & tf.TensorContainerObject;
  }) as unknown as GradientReport;
}

/** What a directional derivative is measured against: itself, or the gradient's norm where it is small by chance. */
function scale(numeric: number, gradient: tf.Tensor): number {
  return Math.max(Math.abs(numeric), Math.sqrt(tf.tidy(() => tf.sum(tf.square(gradient)).dataSync()[0] as number)));
}

/** Largest relative difference of two tensors. */
export function difference(a: tf.Tensor, b: tf.Tensor): number {
  return relativeError(a.dataSync(), b.dataSync());
}
