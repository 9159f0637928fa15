import { add, conv2d, globalAveragePool } from '@convkit/core';
import { version_core } from '@tensorflow/tfjs-core';
import { input, model as functionalModel, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { ensureBackend, tfjsFlags } from '../engines/backends.js';
import { engineById } from '../engines/catalog.js';
import type { Engine, Runner, Runtime } from '../engines/engine.js';
import { messageOf } from '../errors.js';
import { uniformValues } from '../random.js';

/** A quick look at how fast engines are, one after the other in one process. */
export interface ProbeJob {
  readonly kind: 'probe';
  readonly engines: readonly string[];
}

/** What one engine showed. */
export interface Probe {
  /** 10^9 floating point operations (two a multiply-add) a second in one 3x3 convolution, 64 to 64 channels. */
  readonly gflops: number;
  /** Height and width of its image: larger for faster engines. */
  readonly size: number;
  /** 10^9 bytes a second, read and written, in a pass over 12.8 MB that adds every number to itself; undefined when the machine was too busy to tell. */
  readonly gigabytes?: number;
  readonly runtime?: Runtime;
}

/** By engine: what it showed, or why not. */
export interface ProbeResult {
  readonly probes: Readonly<Record<string, Probe | { readonly error: string }>>;
  readonly tfjs: string;
  readonly flags: Readonly<Record<string, boolean>>;
}

const CHANNELS = 64;
const SIZES = [14, 28, 56, 112, 224] as const;
const COPY_SIZE = 224;
/** What one model has more of than the other: their difference is free of what each run costs beside it. */
const MORE = 4;
/** Milliseconds: long enough for a clock of 0.1 ms; how long one figure may take. */
const READABLE_MS = 6;
const BUDGET_MS = 150;

type Step = (x: SymbolicTensor, index: number) => SymbolicTensor;
const convolution: Step = (x, index) => conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 'same', useBias: false, name: `conv${index}` });
const copy: Step = (x, index) => add([x, x], { name: `add${index}` });

/** Probes each engine; what fails is reported beside the others. */
export async function runProbeJob({ engines }: ProbeJob): Promise<ProbeResult> {
  const probes: Record<string, Probe | { error: string }> = {};
  for (const id of engines) {
    try {
      probes[id] = await probe(engineById(id));
    } catch (error) {
      probes[id] = { error: messageOf(error) };
    }
  }
  return { probes, tfjs: version_core, flags: await tfjsFlags() };
}

async function probe(engine: Engine): Promise<Probe> {
  await ensureBackend();
  await engine.start?.({});
  let found = { ms: Number.NaN, runtime: undefined as Runtime | undefined };
  let size: number = SIZES[0];
  for (size of SIZES) {
    found = await millisecondsOf(engine, size, convolution);
    if (found.ms * MORE > READABLE_MS) break;
  }
  if (found.ms <= 0) throw new Error('the machine is too busy to measure anything');
  const { ms } = await millisecondsOf(engine, COPY_SIZE, copy);
  const operations = 2 * 9 * CHANNELS * CHANNELS * size * size;
  const bytes = 2 * 4 * CHANNELS * COPY_SIZE * COPY_SIZE;
  const { runtime } = found;
  return { gflops: operations / found.ms / 1e6, size, ...(ms > 0 ? { gigabytes: bytes / ms / 1e6 } : {}), ...(runtime === undefined ? {} : { runtime }) };
}

/** One step's own time: what a model with more of them takes longer, by their number. The fastest runs count: others on the machine only add. */
async function millisecondsOf(engine: Engine, size: number, step: Step): Promise<{ ms: number; runtime: Runtime | undefined }> {
  const values = uniformValues(size * size * CHANNELS, 1, 1);
  const models = [1, 1 + MORE].map((steps) => chain(size, steps, step));
  const runners: Runner[] = [];
  for (const model of models) runners.push(await engine.load(model, { batch: 1 }));
  const [short, long] = runners as [Runner, Runner];
  // The first runs compile, allocate and pack weights.
  for (const runner of [short, long, long]) await timed(runner, values);
  const times = { short: [] as number[], long: [] as number[] };
  for (const end = performance.now() + BUDGET_MS; times.short.length < 2 || performance.now() < end;) {
    times.long.push(await timed(long, values));
    times.short.push(await timed(short, values));
  }
  for (const runner of runners) await runner.dispose();
  for (const model of models) model.dispose();
  return { ms: (Math.min(...times.long) - Math.min(...times.short)) / MORE, runtime: short.runtime };
}

/** Steps in a row, and then one number a channel, so that little is read back. */
function chain(size: number, steps: number, step: Step): LayersModel {
  const x = input({ shape: [size, size, CHANNELS] });
  let y = x;
  for (let index = 0; index < steps; index++) y = step(y, index);
  return functionalModel({ inputs: x, outputs: globalAveragePool(y, { name: 'mean' }) });
}

async function timed(runner: Runner, values: Float32Array): Promise<number> {
  const start = performance.now();
  const output = await runner.run(values);
  await output.read();
  output.dispose();
  return performance.now() - start;
}
