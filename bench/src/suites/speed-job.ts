import { version_core } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { engineById } from '../engines/catalog.js';
import type { Runner, Runtime } from '../engines/engine.js';
import { tfjsFlags } from '../engines/backends.js';
import { CommandError } from '../errors.js';
import type { Emit } from '../progress/protocol.js';
import { uniformValues } from '../random.js';
import { loadReference } from './reference.js';
import { scatterStatistics } from './scatter-statistics.js';
import { openSubject, type SubjectRef } from './subject.js';
import { innerRepeats, interleave, roundOrder, warmUp, type Round, type Sample } from './timing.js';

/** One fresh process of a speed run: one model on some engines, interleaved with the reference. */
export interface SpeedJob {
  readonly kind: 'speed';
  readonly task: string;
  readonly subject: SubjectRef;
  readonly batch: number;
  readonly engines: readonly string[];
  /** Which of the fresh processes this is. */
  readonly process: number;
  readonly pairs: number;
  readonly seed: number;
  readonly sampleMs: number;
  readonly warmUpMs: number;
  /** For engines that have threads; absent: one a core. */
  readonly threads?: number;
}

/** What one engine showed beside its times. */
export interface EngineObservation {
  readonly backend: string;
  /** Milliseconds: building and loading the model, its first run, one run when warm. */
  readonly cold: { readonly build: number; readonly first: number; readonly steady: number };
  /** Whether it was the first engine to run in its process: a later one finds code and caches warm. */
  readonly ranFirst: boolean;
  readonly inner: number;
  readonly nanFree: boolean;
  /** Threads and versions of a runtime that is not tfjs. */
  readonly runtime?: Runtime;
  /** Largest |difference| from tfjs' plain engine, the one of the same backend if it ran; undefined for a plain engine itself. */
  readonly maxAbsDiffVsPlain?: number;
  readonly tolerance?: number;
  readonly leakedTensors?: number;
  readonly peakTensorBytes?: number;
}

/** What the process gives back. */
export interface SpeedResult {
  readonly engines: Readonly<Record<string, EngineObservation>>;
  readonly referenceInner: number;
  readonly rounds: readonly Round[];
  readonly rssPeak: number;
  readonly tfjs: string;
  readonly flags: Readonly<Record<string, boolean>>;
}

/** The slots that are not engines: the reference, and the reference again for the noise floor. */
export const REFERENCE_SLOT = 'reference';
export const TWIN_SLOT = 'reference again';

/** Outputs may differ from the plain model's by this share of the largest output. */
const TOLERANCE_SHARE = 1e-4;
const DISTINCT_INPUTS = 4;

interface Contender {
  readonly runner: Runner;
  readonly sample: Sample;
  readonly values: Float32Array;
  readonly observation: EngineObservation;
}

type Models = Map<string, { model: LayersModel; buildMs: number }>;

/** Loads the model on every engine, checks its outputs, warms up and times the rounds. */
export async function runSpeedJob(job: SpeedJob, emit: Emit): Promise<SpeedResult> {
  const reference = await loadReference();
  const sampleReference: Sample = timed(() => reference.run());
  await reference.run();
  const referenceInner = innerRepeats(await warmUp(sampleReference, job.warmUpMs), job.sampleMs);

  const contenders = new Map<string, Contender>();
  const models: Models = new Map();
  for (const id of turned(job.engines, job.process)) {
    contenders.set(id, await prepare(id, { job, models, ranFirst: contenders.size === 0 }));
  }

  const rounds: Round[] = [];
  const slots = [REFERENCE_SLOT, TWIN_SLOT, ...job.engines];
  for (let round = 0; round < job.pairs; round++) {
    const order = roundOrder(slots, { seed: job.seed, process: job.process, round });
    rounds.push(await interleave(order, (slot) => {
      const contender = contenders.get(slot);
      return contender === undefined ? sampleReference(referenceInner) : contender.sample(contender.observation.inner);
    }));
    emit({ type: 'advance', task: job.task, done: job.process * job.pairs + round + 1 });
  }
  const engines = Object.fromEntries([...contenders].map(([id, contender]) => [id, { ...contender.observation, ...compareWithPlain(id, contenders) }]));
  // maxRSS is in kilobytes.
  const rssPeak = process.resourceUsage().maxRSS * 1024;
  return { engines, referenceInner, rounds, rssPeak, tfjs: version_core, flags: await tfjsFlags() };
}

async function prepare(id: string, { job, models, ranFirst }: { job: SpeedJob; models: Models; ranFirst: boolean }): Promise<Contender> {
  const engine = engineById(id);
  if (engine.start !== undefined) await engine.start({ threads: job.threads });
  else if ((await engine.available()) !== true) throw new CommandError('environment', `engine ${id} is not available in the measuring process`);
  // Engines of one backend share a model; one of another backend would drag the weights back and forth.
  const shared = models.get(engine.backend) ?? (await build(job));
  models.set(engine.backend, shared);
  const { model } = shared;
  const loadStart = performance.now();
  const runner = await engine.load(model, { batch: job.batch, ...(job.threads === undefined ? {} : { threads: job.threads }) });
  const buildMs = shared.buildMs + performance.now() - loadStart;

  const inputs = inputsFor(model, job);
  const firstInput = inputs[0] as Float32Array;
  const firstStart = performance.now();
  const output = await runner.run(firstInput);
  const values = await output.read();
  const first = performance.now() - firstStart;
  output.dispose();
  const before = runner.memory().tensors;
  (await runner.run(firstInput)).dispose();
  const after = runner.memory().tensors;

  const sample = sampleRunner(runner, inputs);
  const steady = await warmUp(sample, job.warmUpMs);
  const peakTensorBytes = await runner.peakBytes?.(firstInput);
  return {
    runner,
    sample,
    values,
    observation: {
      backend: engine.backend,
      cold: { build: buildMs, first, steady },
      ranFirst,
      inner: innerRepeats(steady, job.sampleMs),
      nanFree: values.every(Number.isFinite),
      ...(runner.runtime === undefined ? {} : { runtime: runner.runtime }),
      ...(before === undefined || after === undefined ? {} : { leakedTensors: Math.max(0, after - before) }),
      ...(peakTensorBytes === undefined ? {} : { peakTensorBytes }),
    },
  };
}

/** Each process starts with another engine, so that each is seen cold. */
function turned(engines: readonly string[], process: number): string[] {
  const first = process % engines.length;
  return [...engines.slice(first), ...engines.slice(0, first)];
}

async function build(job: SpeedJob): Promise<{ model: LayersModel; buildMs: number }> {
  const subject = await openSubject(job.subject);
  const start = performance.now();
  const model = await subject.build({ initialWeights: 'random', seed: job.seed });
  const buildMs = performance.now() - start;
  scatterStatistics(model, job.seed);
  return { model, buildMs };
}

/** Distinct inputs, so that nothing can be remembered from one run to the next. */
function inputsFor(model: LayersModel, { batch, seed }: SpeedJob): Float32Array[] {
  const length = batch * (model.inputs[0]?.shape.slice(1) ?? []).reduce<number>((product, size) => product * (size ?? 1), 1);
  return Array.from({ length: DISTINCT_INPUTS }, (_, index) => uniformValues(length, 1, seed * DISTINCT_INPUTS + index + 1));
}

function sampleRunner(runner: Runner, inputs: readonly Float32Array[]): Sample {
  let next = 0;
  return async (inner) => {
    const start = performance.now();
    for (let run = 1; run <= inner; run++) {
      const output = await runner.run(inputs[next++ % inputs.length] as Float32Array);
      // The last one is read back: a device that computes behind our back has to be done before the clock is read.
      if (run === inner) await output.read();
      output.dispose();
    }
    return (performance.now() - start) / inner;
  };
}

function timed(run: () => Promise<void>): Sample {
  return async (inner) => {
    const start = performance.now();
    for (let count = 0; count < inner; count++) await run();
    return (performance.now() - start) / inner;
  };
}

/** How far an engine's first output is from that of the plain engine of its backend, or, for another runtime, of any tfjs backend. */
function compareWithPlain(id: string, contenders: ReadonlyMap<string, Contender>): { maxAbsDiffVsPlain?: number; tolerance?: number } {
  const contender = contenders.get(id);
  const plain = id.includes('+') ? contenders.get(id.replace(/\+.*$/, '')) : undefined;
  const tfjs = contender?.observation.runtime === undefined ? undefined : [...contenders].find(([other, { observation }]) => other !== id && !other.includes('+') && observation.backend !== 'onnxruntime')?.[1];
  const [expected, values] = [(plain ?? tfjs)?.values, contender?.values];
  if (expected === undefined || values === undefined) return {};
  let difference = values.length === expected.length ? 0 : Number.MAX_VALUE;
  let largest = 0;
  for (const [index, value] of expected.entries()) {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - (values[index] ?? Number.MAX_VALUE)));
  }
  // NaN is reported by nanFree; a record holds finite numbers only.
  return { maxAbsDiffVsPlain: Number.isFinite(difference) ? difference : Number.MAX_VALUE, tolerance: TOLERANCE_SHARE * Math.max(largest, 1e-6) };
}
