import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageDataset } from '@convkit/data';
import { cosineSchedule, linearSchedule, stepSchedule, warmUp, type OptimizerOptions, type Schedule } from '@convkit/train';
import { saveModel } from '@convkit/weights/node';
import { CommandError, errorCode } from '../errors.js';
import type { Emit } from '../progress/protocol.js';
import { evaluate, type Evaluation } from './evaluation.js';
import { openSubject } from './subject.js';
import { prepareTrainingData, type Augmentation, type TrainingBatch, type TrainingData } from './training-data.js';
import { openTrainer, useModelBackend, type TrainingEngine } from './training-engine.js';
import { saveState, type loadState } from './training-state.js';

/** How a model is trained, as the flags of `convkit train` say it. Texts and numbers only: it is noted in the state. */
export type TrainRecipe = Readonly<{
  epochs: number;
  batch: number;
  learningRate: number;
  schedule: 'cosine' | 'linear' | 'step' | 'constant';
  /** Epochs in which the rate climbs. */
  warmUp: number;
  optimizer: 'sgd' | 'adam' | 'adamw';
  weightDecay: number;
  labelSmoothing: number;
  augmentation: Augmentation;
  /** How far 'flip-shift' moves an image, in pixels. */
  shift: number;
  seed: number;
  trainSize: number;
  validationSize: number;
}>;

export interface TrainRequest {
  readonly model: string;
  readonly dataset: ImageDataset;
  readonly inputShape: readonly [number, number, number];
  readonly recipe: TrainRecipe;
  readonly engine: TrainingEngine;
  readonly threads?: number;
  readonly folder: string;
  readonly resume?: Awaited<ReturnType<typeof loadState>>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface TrainReport {
  readonly model: string;
  readonly engine: string;
  readonly steps: number;
  readonly epochs: readonly ({ readonly epoch: number; readonly trainLoss: number } & Evaluation)[];
  /** Of the test set, read once at the end; absent after an interruption. */
  readonly test?: Evaluation;
  readonly files: readonly string[];
}

/** What a run needs to go on, beside model.json. */
export const STATE_FILE = 'state.safetensors';

/**
 * Trains a model and writes it: state.safetensors after every epoch, model.json and weights.bin at the end, each whole or not
 * at all. An interruption writes both and stops. A loss that is no number stops the run: the files are those of the last
 * epoch that was good.
 * @throws CommandError (failed) for such a loss, TrainError for a state of another model.
 */
export async function trainModel({ model: name, dataset, inputShape, recipe, engine, threads, folder, resume, emit, signal }: TrainRequest): Promise<TrainReport> {
  await useModelBackend(engine);
  const { batch, seed, augmentation, shift, labelSmoothing } = recipe;
  const data = prepareTrainingData(dataset, { inputShape, batch, seed, augmentation, shift, trainSize: recipe.trainSize, validationSize: recipe.validationSize });
  const classes = dataset.classNames.length;
  const subject = await openSubject({ name, inputShape, classes });
  const model = await subject.build({ initialWeights: 'random', seed });
  const { trainer } = await openTrainer(model, engine, {
    optimizer: optimizerOf(recipe), loss: { kind: 'softmaxCrossEntropy', labelSmoothing }, seed, ...(threads === undefined ? {} : { threads }),
  });
  const task = `train ${subject.variant}`;
  const total = recipe.epochs * data.stepsPerEpoch;
  const stateFile = join(folder, STATE_FILE);
  const epochs: TrainReport['epochs'][number][] = [];
  let kept: string | undefined;
  try {
    if (resume !== undefined) await trainer.restore(resume.state);
    let step = resume?.state.step ?? 0;
    await makeFolder(folder);
    emit({ type: 'start', task, label: task, total });
    const keep = async (): Promise<void> => {
      await saveState(stateFile, await trainer.state(), { model: name, inputShape: [...inputShape], classes, dataset: datasetId(dataset), recipe });
      kept = `step ${step} in ${stateFile}`;
    };
    const share = scheduleOf(recipe, data.stepsPerEpoch);
    while (step < total && !signal.aborted) {
      const epoch = Math.floor(step / data.stepsPerEpoch) + 1;
      let [lossSum, seen] = [0, 0];
      for (const part of batchesFrom(data, epoch, step % data.stepsPerEpoch)) {
        const { loss } = await trainer.step(part, recipe.learningRate * share(step));
        [lossSum, seen] = [lossSum + loss * part.size, seen + part.size];
        step++;
        emit({ type: 'advance', task, done: step, detail: `epoch ${epoch}/${recipe.epochs} loss ${(lossSum / seen).toFixed(3)}` });
        // tfjs on wasm never waits for anything: signals are heard between turns only.
        await new Promise(setImmediate);
        if (signal.aborted) break;
      }
      if (step % data.stepsPerEpoch === 0) {
        const validation = await evaluate(trainer, data.validationBatches());
        if (!Number.isFinite(validation.loss)) throw new CommandError('failed', `the validation loss after epoch ${epoch} is ${validation.loss}`);
        epochs.push({ epoch, trainLoss: lossSum / seen, ...validation });
        emit({ type: 'note', line: `epoch ${epoch}: loss ${(lossSum / seen).toFixed(4)}, validation ${validation.loss.toFixed(4)}, ${validation.top1.toFixed(2)} %` });
      }
      await keep();
    }
    if (kept === undefined) await keep();
    await trainer.sync();
    const files = [stateFile, ...(await saveModel(model, folder))];
    const test = signal.aborted ? undefined : await evaluate(trainer, data.testBatches());
    emit({ type: 'end', task, outcome: test === undefined ? `interrupted after step ${step} of ${total}` : `${test.top1.toFixed(2)} % of the test set` });
    return { model: subject.variant, engine, steps: step, epochs, files, ...(test === undefined ? {} : { test }) };
  } catch (error) {
    emit({ type: 'end', task, outcome: 'failed' });
    if (errorCode(error) !== 'ERR_TRAIN_LOSS' && !(error instanceof CommandError)) throw error;
    throw new CommandError('failed', (error as Error).message, kept === undefined ? 'a lower --learning-rate, or --warm-up, may help' : `the last good state is that of ${kept}: --resume it with a lower --learning-rate`);
  } finally {
    await trainer.dispose();
    model.dispose();
  }
}

/** What tells one data set from another. */
export const datasetId = ({ name, sha256 }: Pick<ImageDataset, 'name' | 'sha256'>) => `${name} ${sha256}`;

/** The batches of an epoch without those that were trained on already. */
function* batchesFrom(data: TrainingData, epoch: number, done: number): Iterable<TrainingBatch> {
  let index = 0;
  for (const part of data.trainBatches(epoch)) if (index++ >= done) yield part;
}

/** Decay is decoupled for AdamW, and for kernels only with every optimiser. */
function optimizerOf({ optimizer, weightDecay }: TrainRecipe): OptimizerOptions {
  if (optimizer === 'sgd') return { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay };
  return { kind: optimizer === 'adamw' ? 'adamW' : 'adam', weightDecay };
}

/** The share of the rate by step: a climb, then the schedule over the rest. Steps: a tenth after half and three quarters of it. */
function scheduleOf({ schedule, epochs, warmUp: climb }: TrainRecipe, stepsPerEpoch: number): Schedule {
  const up = Math.min(Math.round(climb * stepsPerEpoch), epochs * stepsPerEpoch - 1);
  const steps = Math.max(1, epochs * stepsPerEpoch - up);
  const shapes: Record<TrainRecipe['schedule'], () => Schedule> = {
    cosine: () => cosineSchedule({ steps }),
    linear: () => linearSchedule({ steps }),
    step: () => stepSchedule({ milestones: [Math.floor(steps / 2), Math.floor((3 * steps) / 4)] }),
    constant: () => () => 1,
  };
  const then = shapes[schedule]();
  return up > 0 ? warmUp({ steps: up, then }) : then;
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
}
