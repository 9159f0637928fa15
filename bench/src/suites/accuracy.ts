import { availableParallelism } from 'node:os';
import type { Outcome } from '../process/messages.js';
import { SCHEMA_VERSION, type RecordDraft } from '../records/schema.js';
import type { WrittenRecord } from '../records/write.js';
import { mean, meanInterval95, standardDeviation } from '../statistics.js';
import type { AccuracyJob, AccuracyResult, DataPlan, Recipe } from './accuracy-job.js';
import { environmentNotes, type SuiteContext } from './context.js';
import { describeSubject } from './describe.js';
import { failureGroup, joinReports, type SuiteFailure, type SuiteReport } from './report.js';
import type { SubjectRef } from './subject.js';
import { DEFAULT_SHIFT } from './training-data.js';
import type { TrainingEngine } from './training-engine.js';

/** An accuracy run: the same recipe, data and seeds for every subject. */
export interface AccuracyPlan {
  readonly data: DataPlan;
  /** Height, width, channels of the images after padding. */
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
  readonly recipe: Recipe;
  readonly seeds: readonly number[];
  /** Children at the same time. Two halve the wait on two cores; the seconds recorded are then those of a shared machine. */
  readonly concurrency: number;
  readonly timeoutMs?: number;
  readonly engine: TrainingEngine;
  /** Of onnxruntime; absent: the cores, divided by the children that run at the same time. */
  readonly threads?: number;
}

/** Published rows need this many seeds; fewer is a quick look and says so. */
const FULL_SEEDS = 5;

/** What is trained when nobody names a model: one small model an idea, made for images of 28x28. */
export const SMALL_MODELS = ['vgg_tiny', 'resnet20_cifar10', 'mobilenet_v1_tiny', 'mobilenet_v2_tiny', 'shufflenet_v2_tiny'] as const;

/** What `npm start` trains: one VGG-style, one residual, one depthwise. */
export const QUICK_MODELS = ['vgg_tiny', 'resnet_tiny', 'mobilenet_v2_tiny'] as const;

/** SGD with Nesterov momentum and a cosine: plain, and good for every family here. */
export const DEFAULT_RECIPE: Recipe = {
  optimizer: 'sgd', learningRate: 0.05, schedule: 'cosine', epochs: 5, batch: 64, momentum: 0.9, weightDecay: 5e-4, labelSmoothing: 0, augmentation: 'flip', shift: DEFAULT_SHIFT,
};

const DEFAULT_TIMEOUT_MS = 6 * 60 * 60_000;

/** Trains every subject, a fresh process a seed, and writes one record a subject as soon as its seeds are done. */
export async function measureAccuracy(subjects: readonly SubjectRef[], plan: AccuracyPlan, context: SuiteContext): Promise<SuiteReport> {
  const queue = [...subjects];
  const reports: SuiteReport[] = [];
  const lane = async (): Promise<void> => {
    for (let ref = queue.shift(); ref !== undefined && !context.signal.aborted; ref = queue.shift()) {
      reports.push(await measureSubject({ ...ref, inputShape: plan.inputShape, classes: plan.classes }, plan, context));
    }
  };
  await Promise.all(Array.from({ length: Math.min(plan.concurrency, subjects.length) }, lane));
  return joinReports(reports);
}

async function measureSubject(ref: SubjectRef, plan: AccuracyPlan, context: SuiteContext): Promise<SuiteReport> {
  const description = await describeSubject(ref, { batch: plan.recipe.batch });
  const { variant } = description.subject;
  const before = await context.readLoad();
  const finished: AccuracyResult[] = [];
  let failed: Exclude<Outcome<AccuracyResult>, { status: 'ok' }> | undefined;
  for (const seed of plan.seeds) {
    const task = `train ${variant} seed ${seed}`;
    const outcome = await runSeed(ref, task, seed, plan, context);
    context.emit({ type: 'end', task, outcome: outcomeLine(outcome) });
    if (outcome.status === 'ok') finished.push(outcome.result);
    else failed = outcome;
    if (failed !== undefined) break;
  }
  const interrupted = failed?.status === 'interrupted';
  const failures: SuiteFailure[] = failed === undefined ? [] : [{ subject: variant, status: failed.status, message: failed.failure.message }];
  // Seeds that finished before an interruption are a result; without one there is nothing to store.
  if (interrupted && finished.length === 0) return { written: [], failures };

  const { tfjs, flags, runtime } = finished[0] ?? {};
  const described = await context.describeEnvironment({ before, after: await context.readLoad(), tfjs, flags: { ...flags, ...runtime?.flags } });
  const environment = runtime === undefined ? described : { ...described, threads: runtime.threads };
  const notes = [
    ...environmentNotes(environment), ...(finished.length < FULL_SEEDS ? ['quick'] : []),
    ...(interrupted ? ['interrupted'] : []), ...(plan.concurrency > 1 ? ['trained-beside-others'] : []),
  ];
  const shared: Omit<RecordDraft, 'status'> = {
    schema: SCHEMA_VERSION, kind: 'accuracy', created: context.now().toISOString(), tier: context.tier, ...description, environment, provenance: context.provenance, notes,
    ...(finished.length === 0 ? {} : { accuracy: accuracyGroup(plan, finished), memory: { rssPeak: Math.max(...finished.map((result) => result.rssPeak)) } }),
  };
  const diverged = finished.find((result) => result.run.status === 'diverged');
  const draft = draftWithStatus(shared, failed, diverged);
  const written: WrittenRecord[] = [await context.write(draft)];
  if (diverged !== undefined && failed === undefined) failures.push({ subject: variant, status: 'diverged', message: draft.failure?.message ?? 'diverged' });
  return { written, failures };
}

function runSeed(ref: SubjectRef, task: string, seed: number, plan: AccuracyPlan, context: SuiteContext): Promise<Outcome<AccuracyResult>> {
  const job: AccuracyJob = { kind: 'accuracy', task, subject: ref, data: plan.data, recipe: plan.recipe, engine: plan.engine, seed, ...threadsOf(plan) };
  return context.runJob(job, { onEvent: context.emit, signal: context.signal, timeoutMs: plan.timeoutMs ?? DEFAULT_TIMEOUT_MS });
}

/** Sessions whose threads outnumber the cores wait for each other. */
function threadsOf({ engine, threads, concurrency }: AccuracyPlan): Pick<AccuracyJob, 'threads'> {
  if (engine === 'wasm' || engine === 'cpu') return {};
  return { threads: threads ?? Math.max(1, Math.floor(availableParallelism() / concurrency)) };
}

function draftWithStatus(shared: Omit<RecordDraft, 'status'>, failed: Exclude<Outcome<AccuracyResult>, { status: 'ok' }> | undefined, diverged: AccuracyResult | undefined): RecordDraft {
  if (failed !== undefined && failed.status !== 'interrupted') return { ...shared, status: failed.status, failure: failureGroup(failed.failure) };
  if (diverged === undefined) return { ...shared, status: 'ok' };
  const message = `the loss was no finite number in epoch ${diverged.run.divergedAt ?? 1} of seed ${diverged.run.seed}`;
  return { ...shared, status: 'diverged', failure: { message, log: [] } };
}

function accuracyGroup(plan: AccuracyPlan, finished: readonly AccuracyResult[]): NonNullable<RecordDraft['accuracy']> {
  const { recipe } = plan;
  const [first] = finished;
  if (first === undefined) throw new RangeError('accuracyGroup: finished must hold at least one seed');
  const scores = finished.flatMap(({ run }) => (run.status === 'ok' && run.top1 !== undefined ? [run.top1] : []));
  const deviation = standardDeviation(scores);
  const ci95 = meanInterval95(scores);
  return {
    dataset: first.dataset,
    recipe: {
      optimizer: recipe.optimizer === 'sgd' ? 'sgd-nesterov' : recipe.optimizer, learningRate: recipe.learningRate, schedule: recipe.schedule,
      epochs: recipe.epochs, batch: recipe.batch, weightDecay: recipe.weightDecay, labelSmoothing: recipe.labelSmoothing, augment: augmentText(recipe),
      ...(recipe.optimizer === 'sgd' ? { momentum: recipe.momentum } : {}),
    },
    engine: plan.engine,
    seeds: finished.map(({ run }) => run.seed),
    selectedOn: 'last',
    ...(scores.length === 0 ? {} : { top1: { mean: mean(scores), n: scores.length, ...(deviation === undefined ? {} : { sd: deviation }), ...(ci95 === undefined ? {} : { ci95 }) } }),
    perSeed: finished.map(({ run }) => run),
    trainSeconds: finished.reduce((sum, { run }) => sum + run.trainSeconds, 0),
    quick: finished.length < FULL_SEEDS,
  };
}

/** As records name it: the shift is said where it is another than it always was. */
function augmentText({ augmentation, shift }: Pick<Recipe, 'augmentation' | 'shift'>): string {
  return augmentation === 'flip-shift' && shift !== DEFAULT_SHIFT ? `flip-shift-${shift}` : augmentation;
}

function outcomeLine(outcome: Outcome<AccuracyResult>): string {
  if (outcome.status !== 'ok') return `${outcome.status}: ${outcome.failure.message}`;
  const { run } = outcome.result;
  if (run.status !== 'ok' || run.top1 === undefined) return `diverged in epoch ${run.divergedAt ?? 1}`;
  return `${run.top1.toFixed(2)} % of the test set in ${run.trainSeconds.toFixed(0)} s`;
}
