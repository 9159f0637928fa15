import { access, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ImageDataset, PixelScale } from '@convkit/data';
import { evaluate, type Evaluation, type EvaluateOptions } from '@convkit/evaluation';
import { loadModel } from '@convkit/weights/node';
import { registerLayers } from '@convkit/zoo';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { CommandError } from '../errors.js';
import type { Emit } from '../progress/protocol.js';
import { datasetId, STATE_FILE } from './train-model.js';
import { prepareTrainingData } from './training-data.js';
import { useModelBackend, type TrainingEngine } from './training-engine.js';
import { loadState } from './training-state.js';

/** Where the mean and deviation of pixels come from. */
export const NORMALIZATIONS = ['training', 'imagenet', 'none'] as const;
export type Normalization = (typeof NORMALIZATIONS)[number];

/** In units of the [0, 1] scale. ImageNet's are torchvision's. */
const SCALES: Readonly<Record<Exclude<Normalization, 'training'>, PixelScale>> = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  none: { mean: 0, std: 1 },
};

export interface EvaluateRequest {
  /** Folders with a model.json, or such files: one network, or several that decide together. */
  readonly models: readonly string[];
  readonly dataset: ImageDataset;
  readonly normalization: Normalization;
  /** Test images. Default: all. */
  readonly testSize?: number;
  readonly engine: TrainingEngine;
  readonly options: Omit<EvaluateOptions, 'engine'>;
  readonly emit: Emit;
  readonly note: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface EvaluateReport extends Evaluation {
  readonly models: readonly string[];
  readonly dataset: string;
  readonly engine: TrainingEngine;
}

/**
 * Tests trained models on a data set's test images. Images smaller than a network's input get a black border, as in training.
 * @throws CommandError (usage) for models that were trained on other images, or that take other channels or have other classes.
 */
export async function evaluateModels({ models: paths, dataset, normalization, testSize, engine, options, emit, note, signal }: EvaluateRequest): Promise<EvaluateReport> {
  await useModelBackend(engine, { threads: options.threads });
  registerLayers();
  const parts = normalization === 'training' ? await trainingPart(paths, dataset, note) : {};
  const models: LayersModel[] = [];
  const task = 'evaluate';
  try {
    for (const path of paths) models.push(await loadModel(path));
    const shape = models.reduce((size, model, i) => borderedShape(size, model, paths[i] as string, dataset), dataset.imageShape);
    const data = prepareTrainingData(dataset, {
      ...parts, inputShape: shape, batch: 256, seed: 0, augmentation: 'none',
      ...(testSize === undefined ? {} : { testSize }), ...(normalization === 'training' ? {} : { scale: SCALES[normalization] }),
    });
    emit({ type: 'start', task, label: task, total: data.sizes.test });
    let done = 0;
    async function* batches() {
      for (const part of data.testBatches()) {
        yield { ...part, shape };
        done += part.size;
        emit({ type: 'advance', task, done, detail: `${done} images` });
        // tfjs on wasm never waits for anything: signals are heard between turns only.
        await new Promise(setImmediate);
        signal.throwIfAborted();
      }
    }
    const evaluation = await evaluate(models, batches(), { ...options, engine: engine === 'onnxruntime' ? 'onnxruntime' : 'tfjs' });
    emit({ type: 'end', task, outcome: `${evaluation.top1.toFixed(2)} %` });
    return { models: paths, dataset: datasetId(dataset), engine, ...evaluation };
  } catch (error) {
    emit({ type: 'end', task, outcome: 'failed' });
    throw error;
  } finally {
    for (const model of models) model.dispose();
  }
}

/** Height and width that hold the images and a network's input. */
function borderedShape([height, width, channels]: ImageDataset['imageShape'], model: LayersModel, path: string, dataset: ImageDataset): [number, number, number] {
  const [, rows, columns, depth] = model.inputs[0]?.shape ?? [];
  if (depth !== channels) throw new CommandError('usage', `${path} must take images of ${channels} channels, as ${dataset.name} has, got ${depth ?? 'no image'}`);
  const classes = model.outputs[0]?.shape.at(-1);
  if (classes !== dataset.classNames.length) throw new CommandError('usage', `${path} must have the ${dataset.classNames.length} classes of ${dataset.name}, got ${classes ?? 'none'}`);
  return [Math.max(height, rows ?? 0), Math.max(width, columns ?? 0), channels];
}

/** What the models' states say that they were trained on: its mean and deviation are those of the pixels they know. */
async function trainingPart(paths: readonly string[], dataset: ImageDataset, note: (line: string) => void): Promise<{ trainSize?: number; validationSize?: number }> {
  const found = await Promise.all(paths.map(async (path) => {
    const folder = (await stat(path).then((entry) => entry.isDirectory(), () => false)) ? path : dirname(path);
    const file = join(folder, STATE_FILE);
    if (!(await access(file).then(() => true, () => false))) return undefined;
    const { notes } = await loadState(file);
    if (notes.dataset !== datasetId(dataset)) throw new CommandError('usage', `--data must be what ${path} was trained on, ${notes.dataset.split(' ')[0]}, got ${dataset.name} with other images`, '--normalize none or imagenet takes other images');
    const { trainSize, validationSize } = notes.recipe;
    return typeof trainSize === 'number' && typeof validationSize === 'number' ? { trainSize, validationSize } : undefined;
  }));
  const unknown = paths.filter((_, i) => found[i] === undefined);
  if (unknown.length > 0) note(`${unknown.join(', ')}: no ${STATE_FILE} of convkit train; pixels by mean and deviation of nine tenths of the training images`);
  const [first = {}, ...others] = found.filter((part) => part !== undefined);
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(first))) throw new CommandError('usage', 'models must have been trained on the same part of the data to be tested together', '--normalize none or imagenet');
  return first;
}
