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

/** Largest relative difference of two tensors. */
export function difference(a: tf.Tensor, b: tf.Tensor): number {
  return relativeError(a.dataSync(), b.dataSync());
}
