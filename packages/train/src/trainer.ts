import { option, OptionError, readOptions } from '@convkit/core';
import type { OnnxRuntime } from '@convkit/onnx';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { compiledTrainer } from './compiled-trainer.js';
import { readLosses, type Loss, type LossOptions } from './loss.js';
import { readOptimizer, type Clipping, type Optimizer, type OptimizerOptions } from './optimizer.js';
import { tfjsTrainer } from './tfjs-trainer.js';

/** Images and what they are to become. */
export interface TrainingBatch {
  /** [N, H, W, C] row major. */
  readonly images: Float32Array;
  /** Images in the batch. */
  readonly size: number;
  /** [N, ...] row major for each further input of the model, such as the boxes that a network pools. */
  readonly inputs?: readonly Float32Array[];
  /** Classes, for softmaxCrossEntropy. */
  readonly labels?: ArrayLike<number>;
  /** [N, K] (or the output's shape, [N, ..., K]) for each output, in place of labels: distributions over classes, or coordinates. */
  readonly targets?: readonly Float32Array[];
  /** [N, ...] for outputs [N, ..., K] of more than two axes: the loss of each row of K is multiplied by its weight. Default 1. */
  readonly weights?: readonly (Float32Array | undefined)[];
}

export interface StepResult {
  /** Of this batch, before the step. */
  readonly loss: number;
  /** Images (of an output [N, ..., K]: rows) whose largest output (of the first) is their largest target. */
  readonly correct: number;
}

/** What a step would see and follow. */
export interface GradientResult {
  readonly loss: number;
  /** Of each output, in training mode: with dropout, batch norms by the batch. */
  readonly outputs: readonly Float32Array[];
  /** Of the loss in each trained weight, by the weight's name and in its layout; before decay and clipping. */
  readonly gradients: Readonly<Record<string, Float32Array>>;
}

/** Everything that a run needs to go on as if it had not stopped; the same for both engines. */
export interface TrainerState {
  /** Steps done. */
  readonly step: number;
  readonly optimizer: OptimizerOptions['kind'];
  /** Weights by name in the model's layout, moving statistics too. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  /** What the optimiser keeps, by slot and weight. */
  readonly slots: Readonly<Record<string, Readonly<Record<string, Float32Array>>>>;
  /** Averaged weights, where they are kept. */
  readonly average?: Readonly<Record<string, Float32Array>>;
}

/** Trains one model; built for one kind of step, for batches of any size. */
export interface Trainer {
  readonly engine: 'onnxruntime' | 'tfjs';
  /**
   * One step of gradient descent.
   * @throws TrainError when the batch does not fit the model, and when the loss is no finite number: the weights are then those before the step.
   */
  step(batch: TrainingBatch, learningRate: number): Promise<StepResult>;
  /** The gradients of a batch; changes nothing, moving statistics neither. @throws TrainError when the batch does not fit the model. */
  gradients(batch: TrainingBatch): Promise<GradientResult>;
  /**
   * Outputs (the first) of a batch at inference, [N, K] row major; with the averaged weights where `average` is kept.
   * @param inputs For each further input of the model, as a {@link TrainingBatch} has them.
   */
  predict(images: Float32Array, size: number, inputs?: readonly Float32Array[]): Promise<Float32Array>;
  /** As {@link predict}, every output of the model. */
  predictAll(images: Float32Array, size: number, inputs?: readonly Float32Array[]): Promise<readonly Float32Array[]>;
  /** Writes the trained (or, where kept, averaged) weights into the model. */
  sync(): Promise<void>;
  state(): Promise<TrainerState>;
  /** @throws TrainError when the state is of another model or optimiser. */
  restore(state: TrainerState): Promise<void>;
  dispose(): Promise<void>;
}

export interface TrainerOptions {
  /** One loss, or one for each output of the model. Default 'softmaxCrossEntropy'. */
  loss?: LossOptions | LossOptions['kind'] | readonly LossOptions[];
  /** Default: SGD with momentum 0.9. */
  optimizer?: OptimizerOptions;
  /** Compiled into one graph in onnxruntime, or step by step with tfjs on its current backend. Default 'onnxruntime'. */
  engine?: 'onnxruntime' | 'tfjs';
  /** Which weights decay: all, or those with more than one axis (not biases, not batch norms). Default 'kernels'. */
  decay?: 'all' | 'kernels';
  /** Bounds on the gradients. Default none. */
  clip?: Clipping;
  /** Weight of the old value in an average of the weights that `predict` and `sync` then use (such as 0.999). Default none. */
  average?: number;
  /** Factor of the learning rate by weight, `layer1.0.conv1/kernel`; 0 freezes it. Default 1. */
  rateOf?: (weight: string) => number;
  /** Of dropout's masks. Default 0. */
  seed?: number;
  /** Engine onnxruntime: threads inside an operation. Default: onnxruntime's. */
  threads?: number;
  /** Engine onnxruntime: another build of it than onnxruntime-node. */
  runtime?: OnnxRuntime;
}

/** Options as the engines see them. */
export interface TrainingPlan {
  readonly losses: readonly Loss[];
  readonly optimizer: Optimizer;
  readonly decay: 'all' | 'kernels';
  readonly clip: Clipping;
  readonly average: number | undefined;
  readonly rateOf: (weight: string) => number;
  readonly seed: number;
  readonly threads: number | undefined;
  readonly runtime: OnnxRuntime | undefined;
}

const bound = option.optional(option.number({ above: 0 }));
const entries = {
  loss: option.optional(option.custom<TrainerOptions['loss']>(() => true, 'a loss or a list of losses')),
  optimizer: option.optional(option.custom<OptimizerOptions>(() => true, "an object with kind 'sgd', 'adam' or 'adamW'")),
  engine: option.withDefault(option.oneOf(['onnxruntime', 'tfjs']), 'onnxruntime'),
  decay: option.withDefault(option.oneOf(['all', 'kernels']), 'kernels'),
  clip: option.optional(option.object({ norm: bound, value: bound })),
  average: option.optional(option.number({ above: 0, below: 1 })),
  rateOf: option.optional(option.function<(weight: string) => number>()),
  seed: option.withDefault(option.integer(0), 0),
  threads: option.optional(option.integer(1)),
  runtime: option.optional(option.custom<OnnxRuntime>((value) => typeof value === 'object' && value !== null && 'InferenceSession' in value, 'a module of onnxruntime')),
} as const;

/**
 * A trainer of a model on one engine. Both engines take the same steps: the loss curves agree within rounding.
 * @throws OptionError for options that are unknown or impossible, TraceError or GradientError (engine onnxruntime) for a
 *   model that cannot be compiled, OnnxError without onnxruntime.
 */
export async function createTrainer(model: LayersModel, options: TrainerOptions = {}): Promise<Trainer> {
  const read = readOptions('createTrainer', entries, options);
  if (!Array.isArray(model?.outputs)) throw new OptionError('createTrainer', 'model', model, 'a tf.LayersModel');
  const plan: TrainingPlan = {
    losses: readLosses('createTrainer', read.loss ?? 'softmaxCrossEntropy', model.outputs.map(({ shape }) => shape.length)),
    optimizer: readOptimizer('createTrainer', read.optimizer ?? { kind: 'sgd' }),
    decay: read.decay,
    clip: { ...(read.clip?.norm === undefined ? {} : { norm: read.clip.norm }), ...(read.clip?.value === undefined ? {} : { value: read.clip.value }) },
    average: read.average,
    rateOf: read.rateOf ?? (() => 1),
    seed: read.seed,
    threads: read.threads,
    runtime: read.runtime,
  };
  return read.engine === 'onnxruntime' ? compiledTrainer(model, plan) : tfjsTrainer(model, plan);
}
