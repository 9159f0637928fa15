import { hashString } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { tensorAlgebra } from './algebra.js';
import { inputsFor, targetsFor, type InputValues, type OutputTargets } from './batch.js';
import { explained, heapOf } from './full-memory.js';
import { tensorLoss } from './loss.js';
import { clipped } from './optimizer.js';
import { trainedParameters, vectorOf, type Parameter } from './parameters.js';
import { checkState, valuesIn, weightsOf, writeWeights, type NamedValues } from './state.js';
import { TrainError } from './train-error.js';
import type { GradientResult, StepResult, Trainer, TrainerState, TrainingBatch, TrainingPlan } from './trainer.js';

/** Training with tfjs on its current backend, by the same formulas as the compiled engine. */
export async function tfjsTrainer(model: LayersModel, plan: TrainingPlan): Promise<Trainer> {
  return new TfjsTrainer(model, plan, trainedParameters(model, plan));
}

/**
 * Gives the dropout layers of a model seeds for one step, so that a run that goes on draws what it would have drawn.
 * @returns what puts their own seeds back: these belong to the model and are saved with it.
 */
function seedDropout(model: LayersModel, step: string): () => void {
  const layers = model.layers.filter((layer) => layer.getClassName() === 'Dropout') as unknown as { seed: number | undefined }[];
  const seeds = layers.map(({ seed }) => seed);
  // By place, as names that tfjs gives count up. It takes 0 for no seed.
  layers.forEach((layer, i) => { layer.seed = hashString(`${step} mask ${i}`) || 1; });
  return () => layers.forEach((layer, i) => { layer.seed = seeds[i]; });
}

const inputsOf = (given: readonly InputValues[]) => given.map(({ values, shape }) => tf.tensor(values, shape));

class TfjsTrainer implements Trainer {
  readonly engine = 'tfjs';
  private readonly slots: tf.Tensor[];
  private readonly rates: tf.Tensor;
  private readonly decays: tf.Tensor;
  private average: tf.Tensor | undefined;
  private done = 0;
  private disposed = false;

  constructor(private readonly model: LayersModel, private readonly plan: TrainingPlan, private readonly parameters: readonly Parameter[]) {
    const last = parameters.at(-1) as Parameter;
    this.slots = plan.optimizer.slots.map(() => tf.zeros([last.offset + last.size]));
    this.rates = tf.tensor1d(vectorOf(parameters, ({ rate }) => rate));
    this.decays = tf.tensor1d(vectorOf(parameters, ({ decays }) => (decays ? 1 : 0)));
    this.average = plan.average === undefined ? undefined : tf.tidy(() => this.vector());
  }

  async step(batch: TrainingBatch, learningRate: number): Promise<StepResult> {
    const { gradients, outputs, statistics, ...result } = await this.passes(batch);
    tf.dispose(outputs);
    if (!Number.isFinite(result.loss)) {
      statistics.putBack();
      gradients.dispose();
      throw new TrainError('ERR_TRAIN_LOSS', `the loss of step ${this.done + 1} is ${result.loss}, at the learning rate ${learningRate}; the weights are those before this step`);
    }
    statistics.forget();
    this.update(gradients, learningRate);
    gradients.dispose();
    this.done++;
    return result;
  }

  async gradients(batch: TrainingBatch): Promise<GradientResult> {
    const { loss, outputs, gradients, statistics } = await this.passes(batch);
    statistics.putBack();
    const result = { loss, outputs: await Promise.all(outputs.map(async (output) => (await output.data()) as Float32Array)), gradients: await this.split(gradients) };
    tf.dispose([gradients, ...outputs]);
    return result;
  }

  /** Forward and backward in training mode. Moving statistics have moved then, and can be put back or forgotten. */
  private async passes(batch: TrainingBatch) {
    this.checkAlive();
    const given = inputsFor(this.model, batch);
    const wanted = targetsFor(this.model, batch, this.plan.losses);
    const before = this.model.weights.filter(({ trainable }) => !trainable).map((variable) => ({ variable, value: variable.read().clone() }));
    const unseed = seedDropout(this.model, `${this.plan.seed} ${this.done}`);
    const forget = () => before.forEach(({ value: old }) => old.dispose());
    const putBack = () => {
      for (const { variable, value: old } of before) variable.write(old);
      forget();
    };
    const { loss, correct, outputs, gradients } = this.attempt(() => tf.tidy(() => this.forwardAndBack(given, wanted)), batch.size, putBack, unseed);
    const [[value = Number.NaN], [right = 0]] = [await loss.data(), await correct.data()];
    tf.dispose([loss, correct]);
    return { loss: value, correct: right, outputs, gradients, statistics: { putBack, forget } };
  }

  /** What a computation gives; where it throws, the moving statistics are put back. */
  private attempt<T>(compute: () => T, size: number, putBack: () => void, last: () => void): T {
    try {
      return compute();
    } catch (error) {
      putBack();
      throw explained(error, heapOf(tf.backend()), size);
    } finally {
      last();
    }
  }

  private forwardAndBack(given: readonly InputValues[], wanted: readonly OutputTargets[]) {
    const x = inputsOf(given);
    const targets = wanted.map(({ values, shape: of }) => tf.tensor(values, of));
    const weights = wanted.map(({ weights: rows, shape: of }) => (rows === undefined ? undefined : tf.tensor(rows, of.slice(0, -1))));
    const variables = this.parameters.map(({ variable }) => variable.read() as tf.Variable);
    let outputs: tf.Tensor[] = [];
    const { value, grads } = tf.variableGrads(() => {
      // The tape's tidy would take them away.
      outputs = ([this.model.apply(x, { training: true })].flat() as tf.Tensor[]).map((output) => tf.keep(output));
      const losses = outputs.map((output, i) => tensorLoss(output, targets[i] as tf.Tensor, this.plan.losses[i] as TrainingPlan['losses'][number], weights[i]));
      return losses.reduce((sum, loss) => tf.add(sum, loss));
    }, variables);
    const [first, target] = [outputs[0] as tf.Tensor, targets[0] as tf.Tensor];
    const correct = tf.sum(tf.cast(tf.equal(tf.argMax(first, -1), tf.argMax(target, -1)), 'float32'));
    const flat = variables.map((variable) => tf.reshape(grads[variable.name] ?? tf.zerosLike(variable), [-1]));
    return { loss: value, correct, outputs, gradients: flat.length === 1 ? tf.clone(flat[0] as tf.Tensor) : tf.concat(flat) };
  }

  private update(gradients: tf.Tensor, learningRate: number): void {
    const { optimizer, clip, average } = this.plan;
    const kept = tf.tidy(() => {
      const result = optimizer.update<tf.Tensor>(tensorAlgebra, {
        parameters: this.vector(),
        gradients: clipped(tensorAlgebra, gradients, clip),
        slots: this.slots,
        rate: tf.mul(this.rates, learningRate),
        decayed: this.decays,
        scalars: optimizer.scalars(this.done + 1).map((scalar) => tf.scalar(scalar)),
      });
      const next = this.average && average !== undefined ? tf.add(tf.mul(this.average, average), tf.mul(result.parameters, 1 - average)) : undefined;
      this.writeVector(result.parameters);
      return [...result.slots, ...(next === undefined ? [] : [next])];
    });
    const mean = kept[this.slots.length];
    this.slots.forEach((slot, i) => { slot.dispose(); this.slots[i] = kept[i] as tf.Tensor; });
    if (mean !== undefined) { this.average?.dispose(); this.average = mean; }
  }

  async predict(images: Float32Array, size: number, inputs?: readonly Float32Array[]): Promise<Float32Array> {
    return (await this.predictAll(images, size, inputs))[0] as Float32Array;
  }

  async predictAll(images: Float32Array, size: number, inputs: readonly Float32Array[] = []): Promise<readonly Float32Array[]> {
    this.checkAlive();
    const given = inputsFor(this.model, { images, size, inputs });
    const trained = this.average === undefined ? undefined : tf.tidy(() => this.vector());
    if (this.average !== undefined) this.writeVector(this.average);
    const outputs = tf.tidy(() => [this.model.apply(inputsOf(given), { training: false })].flat() as tf.Tensor[]);
    if (trained !== undefined) this.writeVector(trained);
    const values = await Promise.all(outputs.map(async (output) => (await output.data()) as Float32Array));
    tf.dispose([...outputs, ...(trained === undefined ? [] : [trained])]);
    return values;
  }

  async sync(): Promise<void> {
    this.checkAlive();
    if (this.average !== undefined) this.writeVector(this.average);
  }

  async state(): Promise<TrainerState> {
    this.checkAlive();
    const slots = await Promise.all(this.plan.optimizer.slots.map(async (slot, i) => [slot, await this.split(this.slots[i] as tf.Tensor)] as const));
    return {
      step: this.done, optimizer: this.plan.optimizer.kind, weights: weightsOf(this.model), slots: Object.fromEntries(slots),
      ...(this.average === undefined ? {} : { average: await this.split(this.average) }),
    };
  }

  async restore(state: TrainerState): Promise<void> {
    this.checkAlive();
    const { optimizer } = this.plan;
    checkState(state, optimizer, this.average !== undefined);
    for (const variable of this.model.weights) {
      const size = variable.shape.reduce<number>((product, n) => product * (n ?? 1), 1);
      if (state.weights[variable.originalName] !== undefined) valuesIn(state.weights, { name: variable.originalName, size });
    }
    const joined = (values: NamedValues) => tf.tidy(() => tf.concat(this.parameters.map((parameter) => tf.tensor1d(valuesIn(values, parameter)))));
    joined(state.weights).dispose();
    const slots = optimizer.slots.map((slot) => joined(state.slots[slot] ?? {}));
    const average = this.average === undefined ? undefined : joined(state.average ?? {});
    writeWeights(this.model, state.weights);
    slots.forEach((slot, i) => { this.slots[i]?.dispose(); this.slots[i] = slot; });
    if (average !== undefined) { this.average?.dispose(); this.average = average; }
    this.done = state.step;
  }

  async dispose(): Promise<void> {
    if (!this.disposed) tf.dispose([...this.slots, this.rates, this.decays, ...(this.average === undefined ? [] : [this.average])]);
    this.disposed = true;
  }

  private checkAlive(): void {
    if (this.disposed) throw new TrainError('ERR_TRAIN_DISPOSED', 'the trainer has been disposed');
  }

  private async split(vector: tf.Tensor): Promise<NamedValues> {
    const data = (await vector.data()) as Float32Array;
    return Object.fromEntries(this.parameters.map(({ name, offset, size }) => [name, data.slice(offset, offset + size)]));
  }

  private vector(): tf.Tensor {
    return tf.concat(this.parameters.map(({ variable }) => tf.reshape(variable.read(), [-1])));
  }

  private writeVector(vector: tf.Tensor): void {
    tf.tidy(() => {
      for (const { variable, shape, offset, size } of this.parameters) variable.write(tf.reshape(tf.slice(vector, [offset], [size]), [...shape]));
    });
  }
}
