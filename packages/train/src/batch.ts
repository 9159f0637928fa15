import type { LayersModel } from '@tensorflow/tfjs-layers';
import { targetsOf, type Loss } from './loss.js';
import { TrainError } from './train-error.js';
import type { TrainingBatch } from './trainer.js';

/** What an input of the model reads. */
export interface InputValues {
  readonly values: Float32Array;
  /** [N, ...] */
  readonly shape: number[];
}

/** What each input of the model reads of a batch: images, then the others. @throws TrainError when it is not as much as it should be. */
export function inputsFor(model: LayersModel, { images, size, inputs = [] }: Pick<TrainingBatch, 'images' | 'size' | 'inputs'>): InputValues[] {
  if (model.inputs.some(({ shape }) => shape.slice(1).includes(null))) {
    throw new TrainError('ERR_TRAIN_INPUT', `the inputs of "${model.name}" must have known shapes, got ${model.inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(', ')}`);
  }
  if (inputs.length !== model.inputs.length - 1) throw new TrainError('ERR_TRAIN_INPUT', `inputs must be ${model.inputs.length - 1}, one for each input of "${model.name}" beside its images, got ${inputs.length}`);
  return model.inputs.map(({ shape: [, ...one] }, i) => {
    const values = i === 0 ? images : (inputs[i - 1] as Float32Array);
    const wanted = (one as number[]).reduce((product, n) => product * n, size);
    if (!Number.isInteger(size) || size < 1 || values.length !== wanted) {
      throw new TrainError('ERR_TRAIN_INPUT', `${i === 0 ? 'images' : `inputs[${i - 1}]`} must hold ${wanted} numbers for ${size} images of [${one.join(', ')}], got ${values.length}`);
    }
    return { values, shape: [size, ...(one as number[])] };
  });
}

/** What an output is to become. */
export interface OutputTargets {
  readonly values: Float32Array;
  /** [N, K] or [N, ..., K] */
  readonly shape: number[];
  /** [N, ...], for outputs of more than two axes: ones where none were given. */
  readonly weights?: Float32Array;
}

/** Targets of every output. @throws TrainError when they do not fit the outputs. */
export function targetsFor(model: LayersModel, { size, labels, targets, weights }: TrainingBatch, losses: readonly Loss[]): OutputTargets[] {
  return model.outputs.map((output, i) => {
    const one = output.shape.slice(1);
    const width = one.at(-1);
    if (typeof width !== 'number' || one.includes(null)) throw new TrainError('ERR_TRAIN_INPUT', `output ${i} of "${model.name}" must be [N, K] or [N, ..., K] of a known shape, got [${output.shape.join(', ')}]`);
    const shape = [size, ...(one as number[])];
    const rows = one.length > 1;
    const given = targets?.[i];
    if (given === undefined && (rows || labels?.length !== size)) throw new TrainError('ERR_TRAIN_INPUT', `${rows ? `targets[${i}]` : `labels must be ${size} classes, or targets`} given, got ${labels === undefined ? 'neither' : `${labels.length} labels`}`);
    const values = given ?? targetsOf(labels as ArrayLike<number>, width, losses[i] as Loss);
    const count = shape.reduce((product, n) => product * n, 1);
    if (values.length !== count) throw new TrainError('ERR_TRAIN_INPUT', `targets[${i}] must hold ${count} numbers, [${shape.join(', ')}], got ${values.length}`);
    const weight = weights?.[i];
    if (!rows && weight !== undefined) throw new TrainError('ERR_TRAIN_INPUT', `weights[${i}] must be left out: output ${i} of "${model.name}" has no rows, it is [${output.shape.join(', ')}]`);
    if (weight !== undefined && weight.length !== count / width) throw new TrainError('ERR_TRAIN_INPUT', `weights[${i}] must hold ${count / width} numbers, [${shape.slice(0, -1).join(', ')}], got ${weight.length}`);
    return { values, shape, ...(rows ? { weights: weight ?? new Float32Array(count / width).fill(1) } : {}) };
  });
}
