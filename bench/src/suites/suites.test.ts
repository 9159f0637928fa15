import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEnvironment, readLoad } from '../environment.js';
import { runJob } from '../jobs.js';
import type { Outcome, RunJob } from '../process/messages.js';
import type { ProgressEvent } from '../progress/protocol.js';
import { readResults } from '../records/read.js';
import { writeRecord } from '../records/write.js';
import type { AccuracyJob, AccuracyResult } from './accuracy-job.js';
import { DEFAULT_RECIPE, measureAccuracy } from './accuracy.js';
import type { SuiteContext } from './context.js';
import { measureSpeed } from './speed.js';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'convkit-suites-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

// Jobs run in this process: what a child is for is tested with the child.
const inPlace: RunJob = async (job, { onEvent }) => ({ status: 'ok', result: (await runJob(job, onEvent)) as never });

function contextFor(results: string, runJob = inPlace): { context: SuiteContext; events: ProgressEvent[] } {
  const events: ProgressEvent[] = [];
  const context: SuiteContext = {
    emit: (event) => events.push(event), signal: new AbortController().signal, runJob, write: (draft) => writeRecord(join(folder, results), draft),
    readLoad, describeEnvironment, now: () => new Date('2026-01-02T03:04:05.678Z'), tier: 'visitor',
    provenance: { command: 'npx convkit bench', runner: { name: 'convkit', version: '0.0.0' } },
  };
  return { context, events };
}

describe('a speed run', () => {
  it('records every engine against the reference and against the others, outputs compared', async () => {
    const { context, events } = contextFor('speed');
    const plan = { engines: ['wasm', 'wasm+compiled', 'onnxruntime'], batch: 2, processes: 2, pairs: 2, seed: 1, sampleMs: 1, warmUpMs: 30, threads: 1 };
    const report = await measureSpeed([{ name: 'mobilenet_v1_tiny' }], plan, context);
    expect(report.failures).toEqual([]);
    const { records, warnings } = await readResults(join(folder, 'speed'));
    expect(warnings).toEqual([]);
    expect(records.map((record) => record.speed?.engine).sort()).toEqual(['onnxruntime', 'wasm', 'wasm+compiled']);
    const compiled = records.find((record) => record.speed?.engine === 'wasm+compiled')!;
    expect(compiled.correctness).toMatchObject({ nanFree: true, maxAbsDiffVsPlain: expect.any(Number), tolerance: expect.any(Number) });
    expect(compiled.memory).toMatchObject({ leakedTensors: 0, peakTensorBytes: expect.any(Number), rssPeak: expect.any(Number) });
    expect(compiled.speed?.rivals.map((rival) => rival.engine)).toEqual(['wasm', 'onnxruntime']);
    expect(compiled.speed?.samples).toHaveLength(2);
    expect(compiled.speed?.samples[0]?.pairs).toHaveLength(2);
    expect(compiled.speed?.design.quick).toBe(true);
    expect(compiled.notes).toContain('quick');
    expect(compiled.input.shape).toEqual([2, 28, 28, 1]);
    expect(compiled.environment.threads).toBeUndefined();
    const native = records.find((record) => record.speed?.engine === 'onnxruntime')!;
    expect(native.speed?.backend).toBe('onnxruntime');
    expect(native.environment).toMatchObject({ threads: 1, flags: { ONNXRUNTIME_PROVIDER: 'cpu', ONNXRUNTIME_VERSION: expect.any(String) } });
    expect(native.correctness?.maxAbsDiffVsPlain).toBeGreaterThan(0);
    expect(events.at(-1)).toMatchObject({ type: 'end', outcome: expect.stringContaining('wasm+compiled') });
  });
});

describe('an accuracy run', () => {
  const plan = {
    data: { name: 'shapes' as const, trainSize: 96, validationSize: 32, testSize: 32 }, inputShape: [32, 32, 3] as const, classes: 10,
    recipe: { ...DEFAULT_RECIPE, epochs: 1, batch: 32 }, seeds: [1, 2], concurrency: 1, engine: 'onnxruntime' as const, threads: 1,
  };
  const finished = (seed: number, run: Partial<AccuracyResult['run']>): AccuracyResult => ({
    run: { seed, status: 'ok', trainSeconds: 1, time: { computeSeconds: 1, dataSeconds: 0, evaluationSeconds: 0 }, epochs: [], ...run },
    dataset: { name: 'shapes', nTrain: 96, nVal: 32, nTest: 32 }, rssPeak: 1e8, tfjs: '4.22.0', flags: {},
  });
  const answering = (answer: (job: AccuracyJob) => Outcome<AccuracyResult>): RunJob => async (job) => answer(job as AccuracyJob) as never;

  it('trains in the child, records the parts of the data and where the time went', async () => {
    const { context, events } = contextFor('accuracy');
    const report = await measureAccuracy([{ name: 'resnet_tiny' }], { ...plan, seeds: [1] }, context);
    expect(report.failures).toEqual([]);
    const { records, warnings } = await readResults(join(folder, 'accuracy'));
    expect(warnings).toEqual([]);
    const { accuracy, subject, input, environment } = records[0]!;
    expect(accuracy?.engine).toBe('onnxruntime');
    expect(environment).toMatchObject({ threads: 1, flags: { ONNXRUNTIME_PROVIDER: 'cpu' } });
    expect(subject.config).toEqual({ inputShape: [32, 32, 3], classes: 10 });
    expect(input.shape).toEqual([32, 32, 32, 3]);
    expect(accuracy).toMatchObject({ seeds: [1], dataset: { name: 'shapes', nTrain: 96, nVal: 32, nTest: 32 }, top1: { n: 1, mean: expect.any(Number) } });
    expect(accuracy?.perSeed[0]).toMatchObject({ status: 'ok', epochs: [{ epoch: 1, trainLoss: expect.any(Number), valTop1: expect.any(Number) }] });
    expect(accuracy?.perSeed[0]?.time.computeSeconds).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({ type: 'start', total: 3 });
  });

  it('over several seeds has mean, deviation and interval', async () => {
    const { context } = contextFor('seeds', answering(({ seed }) => ({ status: 'ok', result: finished(seed, { top1: seed === 1 ? 80 : 84 }) })));
    await measureAccuracy([{ name: 'resnet_tiny' }], plan, context);
    const [record] = (await readResults(join(folder, 'seeds'))).records;
    expect(record).toMatchObject({ status: 'ok', accuracy: { top1: { mean: 82, n: 2 }, seeds: [1, 2], quick: true } });
    expect(record?.accuracy?.top1?.sd).toBeCloseTo(2.828, 3);
  });

  it('that diverges is recorded as diverged, with its epoch and no accuracy, and the next one goes on', async () => {
    const { context } = contextFor('diverged', answering(({ seed, subject }) => ({
      status: 'ok', result: finished(seed, subject.name === 'vgg_tiny' ? { top1: 80 } : { status: 'diverged', divergedAt: 3 }),
    })));
    const report = await measureAccuracy([{ name: 'resnet_tiny' }, { name: 'vgg_tiny' }], { ...plan, seeds: [1] }, context);
    expect(report.failures.map(({ subject, status }) => `${subject} ${status}`)).toEqual(['resnet_tiny diverged']);
    const { records, warnings } = await readResults(join(folder, 'diverged'));
    expect(warnings).toEqual([]);
    const diverged = records.find(({ subject }) => subject.variant === 'resnet_tiny');
    expect(diverged).toMatchObject({ status: 'diverged', failure: { message: 'the loss was no finite number in epoch 3 of seed 1' } });
    expect(diverged?.accuracy?.top1).toBeUndefined();
    expect(records).toHaveLength(2);
  });

  it('that is interrupted keeps the seeds that were finished', async () => {
    const { context } = contextFor('interrupted', answering(({ seed }) => seed === 1
      ? { status: 'ok', result: finished(seed, { top1: 80 }) }
      : { status: 'interrupted', failure: { message: 'interrupted by SIGINT', log: [] } }));
    const report = await measureAccuracy([{ name: 'resnet_tiny' }], plan, context);
    expect(report.failures).toMatchObject([{ status: 'interrupted' }]);
    expect((await readResults(join(folder, 'interrupted'))).records).toMatchObject([{ status: 'ok', notes: expect.arrayContaining(['interrupted']), accuracy: { seeds: [1] } }]);
  });
});
