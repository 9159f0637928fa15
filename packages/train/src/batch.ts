import type { LayersModel } from '@tensorflow/tfjs-layers';
import { targetsOf, type Loss } from './loss.js';
import { TrainError } from './train-error.js';
import type { TrainingBatch } from './trainer.js';

/** [N, H, W, C] of a batch. @throws TrainError when the images are not as many as they should be. */
export function checkBatch(model: LayersModel, { images, size }: Pick<TrainingBatch, 'images' | 'size'>): number[] {
  const one = model.inputs[0]?.shape.slice(1) ?? [];
  const wanted = one.reduce<number>((product, n) => product * (n ?? Number.NaN), size);
  if (model.inputs.length !== 1 || Number.isNaN(wanted)) throw new TrainError('ERR_TRAIN_INPUT', `the model "${model.name}" must have one input of a known shape, got ${model.inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(', ')}`);
  if (!Number.isInteger(size) || size < 1 || images.length !== wanted) {
    throw new TrainError('ERR_TRAIN_INPUT', `images must hold ${wanted} numbers for ${size} images of [${one.join(', ')}], got ${images.length}`);
  }
  return [size, ...(one as number[])];
}

/** Targets of every output. @throws TrainError when they do not fit the outputs. */
export function targetsFor(model: LayersModel, { size, labels, targets }: TrainingBatch, losses: readonly Loss[]): { values: Float32Array; shape: number[] }[] {
  return model.outputs.map((output, i) => {
    const width = output.shape.at(-1);
    if (output.shape.length !== 2 || typeof width !== 'number') throw new TrainError('ERR_TRAIN_INPUT', `output ${i} of "${model.name}" must be [N, K], got [${output.shape.join(', ')}]`);
    const given = targets?.[i];
    if (given === undefined && labels?.length !== size) throw new TrainError('ERR_TRAIN_INPUT', `labels must be ${size} classes, or targets given, got ${labels === undefined ? 'neither' : `${labels.length} labels`}`);
    const values = given ?? targetsOf(labels as ArrayLike<number>, width, losses[i] as Loss);
    if (values.length !== size * width) throw new TrainError('ERR_TRAIN_INPUT', `targets[${i}] must hold ${size * width} numbers, [${size}, ${width}], got ${values.length}`);
    return { values, shape: [size, width] };
  });
}
