import type { Runtime } from '../engines/engine.js';
import type { Outcome } from '../process/messages.js';
import { SCHEMA_VERSION, type RecordDraft } from '../records/schema.js';
import type { WrittenRecord } from '../records/write.js';
import { estimateRatio, isResolved, median, noiseFloor, quantile } from '../statistics.js';
import { environmentNotes, type SuiteContext } from './context.js';
import { describeSubject, type Description } from './describe.js';
import { REFERENCE } from './reference-workload.js';
import { failureGroup, type SuiteFailure, type SuiteReport } from './report.js';
import { REFERENCE_SLOT, TWIN_SLOT, type EngineObservation, type SpeedJob, type SpeedResult } from './speed-job.js';
import type { SubjectRef } from './subject.js';
import { pairsOf } from './timing.js';

/** How a speed run is laid out. The protocol asks for 8 processes of 10 pairs; fewer is a quick look and says so. */
export interface SpeedPlan {
  readonly engines: readonly string[];
  readonly batch: number;
  readonly processes: number;
  readonly pairs: number;
  readonly seed: number;
  readonly sampleMs?: number;
  readonly warmUpMs?: number;
  readonly timeoutMs?: number;
  /** For engines that have threads; absent: one a core. */
  readonly threads?: number;
}

/** The layout that a published figure needs. */
export const FULL_DESIGN = { processes: 8, pairs: 10 } as const;
/** The layout of `npm start`. */
export const QUICK_DESIGN = { processes: 2, pairs: 3 } as const;

/** What is timed when nobody names a model: one of each idea, at its paper's input. */
export const SPEED_HANDFUL = ['resnet18', 'resnet50', 'vgg11', 'mobilenet_v1', 'mobilenet_v2', 'shufflenet_v1_x1_0_g3', 'shufflenet_v2_x1_0'] as const;

const RESAMPLES = 2000;
const DEFAULT_TIMEOUT_MS = 15 * 60_000;

/**
 * Times every subject on every engine against the frozen reference and against each other: fresh processes, rounds
 * interleaved in each. Writes one record a subject and engine as soon as it is known. A subject whose process fails is
 * recorded as failed, and the others go on.
 */
export async function measureSpeed(subjects: readonly SubjectRef[], plan: SpeedPlan, context: SuiteContext): Promise<SuiteReport> {
  const written: WrittenRecord[] = [];
  const failures: SuiteFailure[] = [];
  for (const ref of subjects) {
    if (context.signal.aborted) break;
    const description = await describeSubject(ref, { batch: plan.batch, seed: plan.seed });
    const task = `speed ${description.subject.variant}`;
    context.emit({ type: 'start', task, label: task, total: plan.processes * plan.pairs });
    const before = await context.readLoad();
    const outcome = await runProcesses(ref, task, plan, context);
    const after = await context.readLoad();
    if (outcome.status === 'interrupted') {
      failures.push({ subject: description.subject.variant, status: outcome.status, message: outcome.failure.message });
      context.emit({ type: 'end', task, outcome: 'interrupted' });
      break;
    }
    const results = outcome.status === 'ok' ? outcome.result : [];
    const environment = await context.describeEnvironment({ before, after, tfjs: results[0]?.tfjs, flags: results[0]?.flags ?? {} });
    const lines: string[] = [];
    for (const engine of plan.engines) {
      const shared: Omit<RecordDraft, 'status'> = {
        schema: SCHEMA_VERSION, kind: 'speed', created: context.now().toISOString(), tier: context.tier, ...description,
        environment, provenance: context.provenance, notes: [...environmentNotes(environment), ...(isQuick(plan) ? ['quick'] : [])],
      };
      const draft = outcome.status === 'ok' ? speedDraft(shared, engine, plan, results, description) : { ...shared, status: outcome.status, failure: failureGroup(outcome.failure) };
      written.push(await context.write(draft));
      if (draft.failure !== undefined) failures.push({ subject: `${description.subject.variant} on ${engine}`, status: draft.status as SuiteFailure['status'], message: draft.failure.message });
      lines.push(draft.speed === undefined ? `${engine} ${draft.status}` : `${engine} ${draft.speed.absolute.p50.toFixed(1)} ms`);
    }
    context.emit({ type: 'end', task, outcome: lines.join(', ') });
  }
  return { written, failures };
}

/** One fresh process after the other; the first that fails ends the subject. */
async function runProcesses(ref: SubjectRef, task: string, plan: SpeedPlan, context: SuiteContext): Promise<Outcome<SpeedResult[]>> {
  const results: SpeedResult[] = [];
  for (let process = 0; process < plan.processes; process++) {
    const job: SpeedJob = {
      kind: 'speed', task, subject: ref, batch: plan.batch, engines: plan.engines, process, pairs: plan.pairs, seed: plan.seed, ...(plan.threads === undefined ? {} : { threads: plan.threads }),
      sampleMs: plan.sampleMs ?? 20, warmUpMs: plan.warmUpMs ?? 3000,
    };
    const options = { onEvent: context.emit, signal: context.signal, timeoutMs: plan.timeoutMs ?? DEFAULT_TIMEOUT_MS };
    const outcome = await context.runJob(job, options);
    if (outcome.status !== 'ok') return outcome;
    results.push(outcome.result);
  }
  return { status: 'ok', result: results };
}

/** The record of one engine out of all processes; 'rejected' when its outputs were wrong or tensors leaked. */
function speedDraft(shared: Omit<RecordDraft, 'status'>, engine: string, plan: SpeedPlan, results: readonly SpeedResult[], { cost }: Description): RecordDraft {
  const observations = results.map((result) => observationOf(result, engine));
  const [first] = observations;
  if (first === undefined) throw new RangeError('speedDraft: results must hold at least one process');
  const measured = {
    ...shared,
    environment: withRuntime(shared.environment, first.runtime),
    correctness: correctnessOf(observations),
    memory: memoryOf(observations, results),
    notes: [...shared.notes, ...(plan.engines.length > 1 ? ['memory-of-shared-process'] : [])],
  };
  const rejection = rejectionOf(measured);
  if (rejection !== undefined) return { ...measured, status: 'rejected', failure: { message: rejection, log: [] } };

  const samples = results.map(({ rounds }) => ({ pairs: pairsOf(rounds, engine, REFERENCE_SLOT) }));
  const identical = results.map(({ rounds }) => ({ pairs: pairsOf(rounds, TWIN_SLOT, REFERENCE_SLOT) }));
  const bootstrap = { resamples: RESAMPLES, seed: plan.seed };
  const floor = noiseFloor(identical, bootstrap);
  const ratio = ratioOf(samples, bootstrap);
  const times = samples.flatMap(({ pairs }) => pairs.flatMap((pair) => pair.candidate)).map((ms) => ms / plan.batch);
  const p50 = quantile(times, 0.5);
  // Where no process started with this engine, all of them have to do.
  const cold = observations.some(({ ranFirst }) => ranFirst) ? observations.filter(({ ranFirst }) => ranFirst) : observations;
  return {
    ...measured,
    status: 'ok',
    speed: {
      mode: 'infer', batch: plan.batch, engine, backend: first.backend, reference: { ...REFERENCE },
      design: {
        processes: plan.processes, pairs: plan.pairs, order: 'ABBA, random and turned by round and process',
        inner: { candidate: Math.round(median(observations.map(({ inner }) => inner))), reference: Math.round(median(results.map(({ referenceInner }) => referenceInner))) },
        quick: isQuick(plan), resamples: RESAMPLES, seed: plan.seed,
      },
      samples, ratio, aaFloor: { p95: floor, samples: identical }, resolved: isResolved(ratio, floor),
      rivals: plan.engines.filter((other) => other !== engine).map((other) => {
        const against = results.map(({ rounds }) => ({ pairs: pairsOf(rounds, engine, other) }));
        const rivalRatio = ratioOf(against, bootstrap);
        return { engine: other, samples: against, ratio: rivalRatio, resolved: isResolved(rivalRatio, floor) };
      }),
      absolute: { p10: quantile(times, 0.1), p50, p90: quantile(times, 0.9) },
      cold: {
        build: median(cold.map((seen) => seen.cold.build)), first: median(cold.map((seen) => seen.cold.first)),
        steady: median(observations.map((seen) => seen.cold.steady)),
      },
      achieved: cost.macs / (p50 * 1e6),
    },
  };
}

/** The environment as an engine with a runtime of its own sees it. */
function withRuntime(environment: RecordDraft['environment'], runtime: Runtime | undefined): RecordDraft['environment'] {
  return runtime === undefined ? environment : { ...environment, threads: runtime.threads, flags: { ...environment.flags, ...runtime.flags } };
}

function observationOf(result: SpeedResult, engine: string): EngineObservation {
  const observation = result.engines[engine];
  if (observation === undefined) throw new Error(`the measuring process gave nothing for engine ${engine}`);
  return observation;
}

function correctnessOf(observations: readonly EngineObservation[]): NonNullable<RecordDraft['correctness']> {
  const differences = observations.flatMap((seen) => seen.maxAbsDiffVsPlain ?? []);
  const tolerances = observations.flatMap((seen) => seen.tolerance ?? []);
  return {
    nanFree: observations.every((seen) => seen.nanFree),
    ...(differences.length === 0 ? {} : { maxAbsDiffVsPlain: Math.max(...differences), tolerance: Math.min(...tolerances) }),
  };
}

function memoryOf(observations: readonly EngineObservation[], results: readonly SpeedResult[]): NonNullable<RecordDraft['memory']> {
  const peaks = observations.flatMap((seen) => seen.peakTensorBytes ?? []);
  const leaks = observations.flatMap((seen) => seen.leakedTensors ?? []);
  return {
    rssPeak: Math.max(...results.map((result) => result.rssPeak)),
    ...(peaks.length === 0 ? {} : { peakTensorBytes: Math.max(...peaks) }),
    ...(leaks.length === 0 ? {} : { leakedTensors: Math.max(...leaks) }),
  };
}

/** A wrong answer has no speed. */
function rejectionOf({ correctness, memory }: Pick<RecordDraft, 'correctness' | 'memory'>): string | undefined {
  if (correctness?.nanFree === false) return 'the output held NaN or Infinity';
  const { maxAbsDiffVsPlain = 0, tolerance = 0 } = correctness ?? {};
  if (maxAbsDiffVsPlain > tolerance) return `the output differs from the plain model's by ${maxAbsDiffVsPlain}, tolerance ${tolerance}`;
  const leaked = memory?.leakedTensors ?? 0;
  return leaked > 0 ? `one run left ${leaked} tensors behind` : undefined;
}

function ratioOf(samples: Parameters<typeof estimateRatio>[0], bootstrap: { resamples: number; seed: number }) {
  const { median: middle, ci95, ci99 } = estimateRatio(samples, bootstrap);
  return { median: middle, ci95: [...ci95] as [number, number], ci99: [...ci99] as [number, number] };
}

function isQuick({ processes, pairs }: SpeedPlan): boolean {
  return processes < FULL_DESIGN.processes || pairs < FULL_DESIGN.pairs;
}
