import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Optimizer } from './optimizer.js';
import { TrainError } from './train-error.js';
import type { TrainerState } from './trainer.js';

export type NamedValues = Readonly<Record<string, Float32Array>>;

/** All weights of a model by name, copied. */
export function weightsOf(model: LayersModel): NamedValues {
  return Object.fromEntries(model.weights.map((variable) => [variable.originalName, (variable.read().dataSync() as Float32Array).slice()]));
}

/** Writes weights by name; others stay as they are. */
export function writeWeights(model: LayersModel, values: NamedValues): void {
  for (const variable of model.weights) {
    const data = values[variable.originalName];
    if (data === undefined) continue;
    const tensor = tf.tensor(data, variable.shape as number[]);
    variable.write(tensor);
    tensor.dispose();
  }
}

/** One weight out of a state. @throws TrainError when it is missing or of another size. */
export function valuesIn(values: NamedValues, { name, size }: { readonly name: string; readonly size: number }): Float32Array {
  const found = values[name];
  if (found?.length !== size) {
    throw new TrainError('ERR_TRAIN_STATE', `the state does not fit the model: "${name}" must have ${size} numbers, got ${found === undefined ? 'none' : found.length}`);
  }
  return found;
}

/** @throws TrainError for a state of another optimiser, or without the average that this trainer keeps. */
export function checkState(state: TrainerState, optimizer: Optimizer, average: boolean): void {
  if (state.optimizer !== optimizer.kind) throw new TrainError('ERR_TRAIN_STATE', `the state is of the optimizer ${state.optimizer}, this trainer has ${optimizer.kind}`);
  if (!Number.isInteger(state.step) || state.step < 0) throw new TrainError('ERR_TRAIN_STATE', `the state's step must be an integer >= 0, got ${state.step}`);
  if (average && state.average === undefined) throw new TrainError('ERR_TRAIN_STATE', 'the state has no averaged weights, which this trainer keeps');
}
