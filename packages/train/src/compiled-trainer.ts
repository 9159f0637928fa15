import { hashString, randomStream } from '@convkit/core';
import { arrange, PLAIN, restore } from '@convkit/graph/onnx';
import { encode, loadRuntime, type OnnxRuntime } from '@convkit/onnx';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { InferenceSession, Tensor, TypedTensor } from 'onnxruntime-common';
import { inputsFor, targetsFor } from './batch.js';
import { channelBlock } from './channel-block.js';
import { trainedParameters, type Parameter } from './parameters.js';
import { checkState, valuesIn, weightsOf, writeWeights, type NamedValues } from './state.js';
import { decideLayouts, gradientProgram, inferenceProgram, readModel, stepProgram, type Compilation, type Mask, type StepProgram } from './step-program.js';
import { TrainError } from './train-error.js';
import type { GradientResult, StepResult, Trainer, TrainerState, TrainingBatch, TrainingPlan } from './trainer.js';

type Floats = TypedTensor<'float32'>;

interface StepSession {
  readonly session: InferenceSession;
  readonly masks: readonly Mask[];
}

/** Two vectors that take turns: a step reads one and writes the other. */
interface Pair {
  now: Floats;
  next: Floats;
}

/** Training as one ONNX graph a batch size, run by onnxruntime; the state goes in and out as a few long vectors. */
export async function compiledTrainer(model: LayersModel, plan: TrainingPlan): Promise<Trainer> {
  const runtime = await loadRuntime('createTrainer', plan.runtime);
  const compilation = readModel(model, trainedParameters(model, plan), plan, await channelBlock(runtime));
  decideLayouts(compilation);
  return new CompiledTrainer(model, plan, compilation, runtime);
}

class CompiledTrainer implements Trainer {
  readonly engine = 'onnxruntime';
  private readonly steps = new Map<number, Promise<StepSession>>();
  private readonly gradientSteps = new Map<number, Promise<StepSession>>();
  private readonly inferences = new Map<number, Promise<InferenceSession>>();
  private readonly vectors = new Map<string, Pair>();
  private done = 0;
  private disposed = false;

  constructor(private readonly model: LayersModel, private readonly plan: TrainingPlan, private readonly compilation: Compilation, private readonly runtime: OnnxRuntime) {
    const weights = weightsOf(model);
    const parameters = this.packed(weights);
    this.hold('parameters', parameters);
    if (plan.average !== undefined) this.hold('average', parameters.slice());
    for (const slot of plan.optimizer.slots) this.hold(slot, new Float32Array(parameters.length));
    if (compilation.statistics.length > 0) this.hold('statistics', this.packedStatistics(weights));
  }

  async step(batch: TrainingBatch, learningRate: number): Promise<StepResult> {
    const images = this.feedsOf(batch);
    const step = await remembered(this.steps, batch.size, () => this.stepSession(stepProgram(this.compilation, batch.size)));
    const feeds: Record<string, Tensor> = { ...images, ...this.stateFor(step), 'learning rate': this.tensor(Float32Array.of(learningRate), []) };
    this.plan.optimizer.scalars(this.done + 1).forEach((value, i) => { feeds[`scalar ${i}`] = this.tensor(Float32Array.of(value), []); });
    const fetches: Record<string, Tensor | null> = { loss: null, correct: null };
    for (const [name, pair] of this.vectors) fetches[`next ${name}`] = pair.next;
    const results = await step.session.run(feeds, fetches);
    const value = (name: string) => (results[name] as Floats).data[0] ?? Number.NaN;
    const loss = value('loss');
    if (!Number.isFinite(loss)) throw new TrainError('ERR_TRAIN_LOSS', `the loss of step ${this.done + 1} is ${loss}, at the learning rate ${learningRate}; the weights are those before this step`);
    for (const pair of this.vectors.values()) [pair.now, pair.next] = [pair.next, pair.now];
    this.done++;
    return { loss, correct: value('correct') };
  }

  async gradients(batch: TrainingBatch): Promise<GradientResult> {
    const images = this.feedsOf(batch);
    const step = await remembered(this.gradientSteps, batch.size, () => this.stepSession(gradientProgram(this.compilation, batch.size)));
    const results = await step.session.run({ ...images, ...this.stateFor(step) });
    const values = (name: string) => (results[name] as Floats).data;
    return { loss: values('loss')[0] ?? Number.NaN, outputs: this.model.outputs.map((_, i) => values(`output ${i}`)), gradients: this.unpacked(values('gradients')) };
  }

  /** What the model's inputs read. @throws TrainError for a batch that does not fit. */
  private imagesOf(batch: Pick<TrainingBatch, 'images' | 'size' | 'inputs'>): Record<string, Tensor> {
    this.checkAlive();
    return Object.fromEntries(inputsFor(this.model, batch).map(({ values, shape }, i) => [`image ${i}`, this.tensor(values, shape)]));
  }

  /** Images and targets. @throws TrainError for a batch that does not fit. */
  private feedsOf(batch: TrainingBatch): Record<string, Tensor> {
    const feeds = this.imagesOf(batch);
    targetsFor(this.model, batch, this.plan.losses).forEach(({ values, shape, weights }, i) => {
      feeds[`targets ${i}`] = this.tensor(values, shape);
      if (weights !== undefined) feeds[`weights ${i}`] = this.tensor(weights, shape.slice(0, -1));
    });
    return feeds;
  }

  /** What a session reads of the state, and the masks of this step. */
  private stateFor({ session, masks }: StepSession): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    for (const [name, pair] of this.vectors) if (session.inputNames.includes(name)) feeds[name] = pair.now;
    for (const mask of masks) feeds[mask.name] = this.tensor(drawMask(mask, this.plan.seed, this.done), mask.shape);
    return feeds;
  }

  async predict(images: Float32Array, size: number, inputs?: readonly Float32Array[]): Promise<Float32Array> {
    return (await this.predictAll(images, size, inputs))[0] as Float32Array;
  }

  async predictAll(images: Float32Array, size: number, inputs: readonly Float32Array[] = []): Promise<readonly Float32Array[]> {
    const given = this.imagesOf({ images, size, inputs });
    const session = await this.inferenceSession(size);
    const feeds: Record<string, Tensor> = { ...given, parameters: this.best().now };
    const statistics = this.vectors.get('statistics');
    if (statistics !== undefined && session.inputNames.includes('statistics')) feeds.statistics = statistics.now;
    const results = await session.run(feeds);
    return this.model.outputs.map((_, i) => (results[`output ${i}`] as Floats).data);
  }

  async sync(): Promise<void> {
    this.checkAlive();
    writeWeights(this.model, { ...this.unpacked(this.best().now.data), ...this.unpackedStatistics() });
  }

  async state(): Promise<TrainerState> {
    this.checkAlive();
    const { optimizer, average } = this.plan;
    const values = (name: string) => this.unpacked(this.pair(name).now.data);
    return {
      step: this.done,
      optimizer: optimizer.kind,
      weights: { ...values('parameters'), ...this.unpackedStatistics() },
      slots: Object.fromEntries(optimizer.slots.map((slot) => [slot, values(slot)])),
      ...(average === undefined ? {} : { average: values('average') }),
    };
  }

  async restore(state: TrainerState): Promise<void> {
    this.checkAlive();
    const { optimizer, average } = this.plan;
    checkState(state, optimizer, average !== undefined);
    const vectors = new Map([
      ['parameters', this.packed(state.weights)],
      ...optimizer.slots.map((slot) => [slot, this.packed(state.slots[slot] ?? {})] as const),
      ...(average === undefined ? [] : [['average', this.packed(state.average ?? {})] as const]),
      ...(this.vectors.has('statistics') ? [['statistics', this.packedStatistics(state.weights)] as const] : []),
    ]);
    for (const [name, values] of vectors) this.pair(name).now.data.set(values);
    this.done = state.step;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    const sessions = [...this.inferences.values(), ...[...this.steps.values(), ...this.gradientSteps.values()].map(async (step) => (await step).session)];
    for (const cache of [this.steps, this.gradientSteps, this.inferences]) cache.clear();
    for (const session of sessions) await (await session).release();
  }

  private checkAlive(): void {
    if (this.disposed) throw new TrainError('ERR_TRAIN_DISPOSED', 'the trainer has been disposed');
  }

  private tensor(data: Float32Array, shape: readonly number[]): Floats {
    return new this.runtime.Tensor('float32', data, shape);
  }

  private hold(name: string, values: Float32Array): void {
    this.vectors.set(name, { now: this.tensor(values, [values.length]), next: this.tensor(new Float32Array(values.length), [values.length]) });
  }

  private pair(name: string): Pair {
    return this.vectors.get(name) as Pair;
  }

  private best(): Pair {
    return this.vectors.get('average') ?? this.pair('parameters');
  }

  /** All parameters behind each other, each as its first reader wants it. @throws TrainError for one that is missing or of another size. */
  private packed(weights: NamedValues): Float32Array {
    const { parameters, layouts } = this.compilation;
    const last = parameters.at(-1) as Parameter;
    const vector = new Float32Array(last.offset + last.size);
    for (const parameter of parameters) vector.set(arrange(valuesIn(weights, parameter), parameter.shape, layouts.get(parameter) ?? PLAIN), parameter.offset);
    return vector;
  }

  private unpacked(vector: Float32Array): NamedValues {
    const { parameters, layouts } = this.compilation;
    return Object.fromEntries(parameters.map((parameter) => {
      const { name, shape, offset, size } = parameter;
      return [name, restore(vector.slice(offset, offset + size), shape, layouts.get(parameter) ?? PLAIN)];
    }));
  }

  private packedStatistics(weights: NamedValues): Float32Array {
    const { statistics } = this.compilation;
    return Float32Array.from(statistics.flatMap((statistic) => [...valuesIn(weights, statistic)]));
  }

  private unpackedStatistics(): NamedValues {
    const vector = this.vectors.get('statistics')?.now.data;
    return vector === undefined ? {} : Object.fromEntries(this.compilation.statistics.map(({ name, offset, size }) => [name, vector.slice(offset, offset + size)]));
  }

  private async stepSession({ program, masks }: StepProgram): Promise<StepSession> {
    return { session: await this.session(encode(program, '')), masks };
  }

  private inferenceSession(batch: number): Promise<InferenceSession> {
    return remembered(this.inferences, batch, () => this.session(encode(inferenceProgram(this.compilation, batch), '')));
  }

  private session(bytes: Uint8Array): Promise<InferenceSession> {
    const { threads } = this.plan;
    return this.runtime.InferenceSession.create(bytes, { graphOptimizationLevel: 'all', logSeverityLevel: 3, ...(threads === undefined ? {} : { intraOpNumThreads: threads }) });
  }
}

/** One value a key; a failure is not remembered. */
function remembered<T>(cache: Map<number, Promise<T>>, key: number, make: () => Promise<T>): Promise<T> {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  cache.set(key, made);
  made.catch(() => cache.delete(key));
  return made;
}

/** 0 with probability `rate`, else 1 / (1 - rate); the same for the same seed and step, also after a run was resumed. */
function drawMask({ name, shape, rate }: Mask, seed: number, step: number): Float32Array {
  const next = randomStream(hashString(`${seed} ${step} ${name}`));
  const kept = 1 / (1 - rate);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (next() < rate ? 0 : kept));
}
