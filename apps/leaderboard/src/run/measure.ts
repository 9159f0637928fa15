import { innerRepeats, interleave, referenceWorkload, roundOrder, scatterStatistics, uniformValues, warmUp, type Engine, type Round, type Runner, type Sample } from '@convkit/bench/browser';
import { median } from '@convkit/bench/statistics';
import { zoo } from '@convkit/zoo';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { usePageBackend } from './backends.js';

/** What one engine showed, or why not. */
export interface Shown {
  readonly engine: string;
  readonly device?: string;
  /** Time of one image by the time of the reference; below 1 is faster. */
  readonly ratio?: number;
  readonly milliseconds?: number;
  /** Largest difference from the first engine's output, as a share of its largest value. */
  readonly difference?: number;
  readonly failure?: string;
}

const ROUNDS = 4;
const WARM_UP_MS = 1500;
const SAMPLE_MS = 20;
/** Outputs that differ by more are no result. */
const TOLERANCE = 1e-3;

interface Contender {
  readonly engine: Engine;
  readonly runner: Runner;
  readonly sample: Sample;
  readonly inner: number;
  readonly values: Float32Array;
  readonly device: string | undefined;
}

/**
 * Runs a variant on every engine that the browser has, one image at a time, in turn with the frozen reference on wasm. A look, in
 * one process and few rounds: the command measures.
 */
export async function measureHere(variant: string, engines: readonly Engine[], say: (line: string) => void): Promise<Shown[]> {
  await usePageBackend('wasm');
  const reference = await referenceWorkload(() => usePageBackend('wasm'));
  const sampleReference: Sample = timed(() => reference.run());
  const referenceInner = innerRepeats(await warmUp(sampleReference, WARM_UP_MS), SAMPLE_MS);
  const models = new Map<string, LayersModel>();
  const contenders = new Map<string, Contender>();
  const shown = new Map<string, Shown>();
  for (const engine of engines) {
    say(`${engine.id} starts`);
    const found = await prepare(engine, variant, models).catch((error: unknown): Shown => ({ engine: engine.id, failure: error instanceof Error ? error.message : String(error) }));
    if ('runner' in found) contenders.set(engine.id, found);
    else shown.set(engine.id, found);
  }
  const rounds: Round[] = [];
  const slots = ['reference', ...contenders.keys()];
  const lost = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round++) {
    say(`round ${round + 1} of ${ROUNDS}`);
    rounds.push(await interleave(roundOrder(slots, { seed: 1, process: 0, round }), async (slot) => {
      const contender = contenders.get(slot);
      if (contender === undefined) return sampleReference(referenceInner);
      if (lost.has(slot)) return 1;
      return contender.sample(contender.inner).catch((error: unknown) => {
        lost.set(slot, error instanceof Error ? error.message : String(error));
        return 1;
      });
    }));
  }
  const [first] = contenders.values();
  for (const [id, { device, values, runner }] of contenders) {
    const failure = lost.get(id);
    const difference = first === undefined ? 0 : differenceOf(values, first.values);
    if (failure !== undefined) shown.set(id, { engine: id, failure });
    else if (!(difference <= TOLERANCE)) shown.set(id, { engine: id, failure: `its output differs by ${difference.toExponential(1)}` });
    else shown.set(id, { engine: id, ...(device === undefined ? {} : { device }), ...timesOf(rounds, id), difference });
    await runner.dispose();
  }
  reference.dispose();
  for (const model of models.values()) model.dispose();
  return engines.map(({ id }) => shown.get(id) ?? { engine: id, failure: 'nothing came of it' });
}

async function prepare(engine: Engine, variant: string, models: Map<string, LayersModel>): Promise<Contender | Shown> {
  const answer = await engine.available();
  if (answer !== true) return { engine: engine.id, failure: answer.reason };
  // Of the backend that computes, or of wasm beside onnxruntime: another's weights would have to be moved.
  const home = engine.backend === 'onnxruntime' ? 'wasm' : engine.backend;
  if (home === 'wasm') await usePageBackend('wasm');
  else await engine.start?.({});
  const model = models.get(home) ?? built(variant);
  models.set(home, model);
  const runner = await engine.load(model, { batch: 1 });
  const length = (model.inputs[0]?.shape.slice(1) as number[]).reduce((a, b) => a * b, 1);
  const inputs = [1, 2, 3].map((seed) => uniformValues(length, 1, seed));
  const output = await runner.run(inputs[0] as Float32Array);
  const values = await output.read();
  output.dispose();
  const sample = sampleOf(runner, inputs);
  return { engine, runner, sample, inner: innerRepeats(await warmUp(sample, WARM_UP_MS), SAMPLE_MS), values, device: (await engine.device?.())?.name };
}

function built(variant: string): LayersModel {
  const model = zoo.get(variant).build({ initialWeights: 'random', seed: 1 });
  scatterStatistics(model, 1);
  return model;
}

function sampleOf(runner: Runner, inputs: readonly Float32Array[]): Sample {
  let next = 0;
  return timed(async (last) => {
    const output = await runner.run(inputs[next++ % inputs.length] as Float32Array);
    // A device that computes behind our back has to be done before the clock is read.
    if (last) await output.read();
    output.dispose();
  });
}

function timed(run: (last: boolean) => Promise<void>): Sample {
  return async (inner) => {
    const start = performance.now();
    for (let count = 1; count <= inner; count++) await run(count === inner);
    return (performance.now() - start) / inner;
  };
}

/** The median over rounds of the time by the reference's in the same round. */
function timesOf(rounds: readonly Round[], id: string): { ratio: number; milliseconds: number } {
  const mean = (pair: readonly [number, number] | undefined) => ((pair?.[0] ?? Number.NaN) + (pair?.[1] ?? Number.NaN)) / 2;
  return { ratio: median(rounds.map(({ times }) => mean(times[id]) / mean(times['reference']))), milliseconds: median(rounds.map(({ times }) => mean(times[id]))) };
}

function differenceOf(values: Float32Array, wanted: Float32Array): number {
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  return values.length === wanted.length ? values.reduce((most, value, i) => Math.max(most, Math.abs(value - (wanted[i] ?? Number.NaN))), 0) / largest : Number.POSITIVE_INFINITY;
}
