import type { ImageDataset } from '@convkit/data';
import type { DatasetRef } from '@convkit/data/node';
import { TrainError, type OptimizerOptions, type Trainer } from '@convkit/train';
import * as tf from '@tensorflow/tfjs-core';
import type { Runtime } from '../engines/engine.js';
import { tfjsFlags } from '../engines/backends.js';
import type { Emit } from '../progress/protocol.js';
import type { ResultRecord } from '../records/schema.js';
import { evaluate } from './evaluation.js';
import { learningRateShare, type Schedule } from './schedule.js';
import { openSubject, type SubjectRef } from './subject.js';
import { prepareTrainingData, type Augmentation, type TrainingData } from './training-data.js';
import { openTrainer, useModelBackend, type TrainingEngine } from './training-engine.js';

/** Optimizers that a recipe may name: SGD with Nesterov momentum, Adam with its usual betas. */
export type OptimizerName = 'sgd' | 'adam';

/** How a model is trained; the same for every row of a table. */
export interface Recipe {
  readonly optimizer: OptimizerName;
  /** The highest of the schedule. */
  readonly learningRate: number;
  readonly schedule: Schedule;
  readonly epochs: number;
  readonly batch: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  readonly augmentation: Augmentation;
  /** How far 'flip-shift' moves an image, in pixels. */
  readonly shift: number;
}

/** Which part of the data; absent sizes mean all of it. */
export interface DataPlan {
  /** As it was asked for (a name or an absolute path): what 'auto' falls back to has another size than 'shapes' itself. */
  readonly name: DatasetRef;
  readonly trainSize?: number;
  readonly testSize?: number;
  readonly validationSize?: number;
}

/** One seed of one model in a fresh process. */
export interface AccuracyJob {
  readonly kind: 'accuracy';
  readonly task: string;
  readonly subject: SubjectRef;
  readonly data: DataPlan;
  readonly recipe: Recipe;
  readonly engine: TrainingEngine;
  /** Of onnxruntime; absent: one a core. */
  readonly threads?: number;
  readonly seed: number;
}

type SeedRun = NonNullable<ResultRecord['accuracy']>['perSeed'][number];

/** What the process gives back. */
export interface AccuracyResult {
  readonly run: SeedRun;
  readonly dataset: NonNullable<ResultRecord['accuracy']>['dataset'];
  readonly rssPeak: number;
  readonly tfjs: string;
  readonly flags: Readonly<Record<string, boolean>>;
  readonly runtime?: Runtime;
}

/** Trains and then reads the test set once. */
export async function runAccuracyJob(job: AccuracyJob, emit: Emit): Promise<AccuracyResult> {
  const { loadDataset } = await import('@convkit/data/node');
  // The parent has looked already, and has downloaded what can be had.
  const dataset = await loadDataset(job.data.name, { download: false });
  await useModelBackend(job.engine, { threads: job.threads });
  const classes = dataset.classNames.length;
  const inputShape = job.subject.inputShape ?? dataset.imageShape;
  const data = prepareTrainingData(dataset, { ...job.data, inputShape, batch: job.recipe.batch, seed: job.seed, augmentation: job.recipe.augmentation, shift: job.recipe.shift });
  const subject = await openSubject({ ...job.subject, inputShape, classes });
  const model = await subject.build({ initialWeights: 'random', seed: job.seed });
  const { trainer, runtime } = await openTrainer(model, job.engine, {
    optimizer: optimizerOf(job.recipe), loss: { kind: 'softmaxCrossEntropy', labelSmoothing: job.recipe.labelSmoothing }, seed: job.seed,
    ...(job.threads === undefined ? {} : { threads: job.threads }),
  });
  const run = await train(trainer, data, job, emit);
  await trainer.dispose();
  return {
    run,
    dataset: { name: dataset.name, source: publicSource(dataset), sha256: dataset.sha256, nTrain: data.sizes.train, nVal: data.sizes.validation, nTest: data.sizes.test },
    rssPeak: process.resourceUsage().maxRSS * 1024,
    tfjs: tf.version_core,
    flags: await tfjsFlags(),
    ...(runtime === undefined ? {} : { runtime }),
  };
}

/**
 * A recipe's optimiser. The decay is added to the gradients of kernels only: biases and batch normalisation have one dimension,
 * and decaying those costs accuracy (arXiv 1812.01187, section 3.1). Adam's epsilon is tfjs' own.
 */
export function optimizerOf({ optimizer, momentum, weightDecay }: Pick<Recipe, 'optimizer' | 'momentum' | 'weightDecay'>): OptimizerOptions {
  return optimizer === 'sgd' ? { kind: 'sgd', momentum, nesterov: true, weightDecay } : { kind: 'adam', epsilon: 1e-7, weightDecay };
}

/** Where the data came from, without the machine's folders: records are published. */
export function publicSource({ source }: Pick<ImageDataset, 'source'>): string {
  if (source.includes('/usr/share/datasets/')) return 'Debian package dataset-fashion-mnist';
  return /^(?:[a-z]:)?[/\\~]/i.test(source) ? 'local files' : source;
}

/** Runs the recipe; stops at the first loss that is not finite. */
export async function train(trainer: Pick<Trainer, 'step' | 'predict'>, data: TrainingData, job: Pick<AccuracyJob, 'recipe' | 'seed' | 'task'>, emit: Emit): Promise<SeedRun> {
  const { recipe, seed, task } = job;
  const steps = recipe.epochs * data.stepsPerEpoch;
  emit({ type: 'start', task, label: task, total: steps });
  const clock = splitClock();
  const epochs: SeedRun['epochs'][number][] = [];
  const outcome = (status: SeedRun['status'], rest: Partial<SeedRun>): SeedRun => ({
    seed, status, trainSeconds: clock.seconds('compute') + clock.seconds('data'),
    time: { computeSeconds: clock.seconds('compute'), dataSeconds: clock.seconds('data'), evaluationSeconds: clock.seconds('evaluation') },
    epochs, ...rest,
  });
  let step = 0;
  for (let epoch = 1; epoch <= recipe.epochs; epoch++) {
    const epochStart = performance.now();
    let lossSum = 0;
    let seen = 0;
    let learningRate = 0;
    clock.start('data');
    for (const batch of data.trainBatches(epoch)) {
      learningRate = recipe.learningRate * learningRateShare(recipe.schedule, step, steps);
      clock.start('compute');
      const loss = await lossOf(trainer.step(batch, learningRate));
      clock.start('data');
      if (loss === undefined) {
        clock.stop();
        return outcome('diverged', { divergedAt: epoch });
      }
      lossSum += loss * batch.size;
      seen += batch.size;
      step++;
      emit({ type: 'advance', task, done: step, detail: `epoch ${epoch}/${recipe.epochs} loss ${(lossSum / seen).toFixed(3)}` });
    }
    clock.start('evaluation');
    const validation = await evaluate(trainer, data.validationBatches());
    clock.stop();
    const finite = Number.isFinite(validation.loss);
    epochs.push({ epoch, learningRate, trainLoss: lossSum / seen, ...(finite ? { valLoss: validation.loss } : {}), valTop1: validation.top1, seconds: (performance.now() - epochStart) / 1000 });
    if (!finite) return outcome('diverged', { divergedAt: epoch });
  }
  clock.start('evaluation');
  const test = await evaluate(trainer, data.testBatches());
  clock.stop();
  return outcome('ok', { top1: test.top1, testLoss: test.loss, ...(epochs.at(-1)?.valTop1 === undefined ? {} : { valTop1: epochs.at(-1)?.valTop1 }) });
}

/** The loss of a step; nothing when it was no number. */
async function lossOf(step: ReturnType<Trainer['step']>): Promise<number | undefined> {
  try {
    return (await step).loss;
  } catch (error) {
    if (error instanceof TrainError && error.code === 'ERR_TRAIN_LOSS') return undefined;
    throw error;
  }
}

type Part = 'compute' | 'data' | 'evaluation';

/** Adds up where the time goes, on the monotonic clock. */
function splitClock() {
  const totals: Record<Part, number> = { compute: 0, data: 0, evaluation: 0 };
  let running: { part: Part; since: number } | undefined;
  const stop = (): void => {
    if (running !== undefined) totals[running.part] += performance.now() - running.since;
    running = undefined;
  };
  return {
    start(part: Part): void {
      stop();
      running = { part, since: performance.now() };
    },
    stop,
    seconds: (part: Part): number => totals[part] / 1000,
  };
}
