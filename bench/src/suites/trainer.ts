import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { TrainingBatch } from './training-data.js';

/** Optimizers that a recipe may name. */
export const OPTIMIZERS = ['sgd', 'adam'] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

/** Trains a model of logits by softmax cross-entropy. */
export interface Trainer {
  /** One step at a learning rate; the mean loss of the batch, in nats. */
  step(batch: TrainingBatch, learningRate: number): Promise<number>;
  /** Mean loss and percent right, without training. */
  evaluate(batches: Iterable<TrainingBatch>): Promise<{ loss: number; top1: number }>;
  dispose(): void;
}

/** SGD with Nesterov momentum, or Adam with its usual betas; the decay is added to the gradients of kernels only. */
export function createTrainer(model: LayersModel, options: {
  optimizer: OptimizerName;
  momentum: number;
  weightDecay: number;
  labelSmoothing: number;
  classes: number;
}): Trainer {
  const { classes, weightDecay, labelSmoothing } = options;
  const shape = model.inputs[0]?.shape.slice(1) as number[];
  const optimizer = createOptimizer(options.optimizer, options.momentum);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  // Biases and batch normalisation have one dimension: decaying those costs accuracy (arXiv 1812.01187, section 3.1).
  const decayed = weightDecay === 0 ? [] : variables.filter((variable) => variable.rank > 1);
  const logitsOf = (images: tf.Tensor, training: boolean): tf.Tensor2D => {
    const output = model.apply(images, { training });
    return (Array.isArray(output) ? output[0] : output) as tf.Tensor2D;
  };
  const lossOf = (logits: tf.Tensor2D, labels: Uint8Array, smoothing: number): tf.Scalar =>
    tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), logits, undefined, smoothing) as tf.Scalar;

  return {
    async step({ images, labels, size }, learningRate) {
      const loss = tf.tidy(() => {
        const input = tf.tensor(images, [size, ...shape]);
        const { value, grads } = tf.variableGrads(() => lossOf(logitsOf(input, true), labels, labelSmoothing), variables);
        for (const variable of decayed) {
          const gradient = grads[variable.name];
          if (gradient !== undefined) grads[variable.name] = tf.add(gradient, tf.mul(variable, weightDecay));
        }
        optimizer.setLearningRate(learningRate);
        optimizer.inner.applyGradients(grads);
        return value;
      });
      const [value] = await loss.data();
      loss.dispose();
      return value ?? Number.NaN;
    },
    async evaluate(batches) {
      let right = 0;
      let loss = 0;
      let count = 0;
      for (const { images, labels, size } of batches) {
        const [classesFound, mean] = tf.tidy(() => {
          const logits = logitsOf(tf.tensor(images, [size, ...shape]), false);
          return [tf.argMax(logits, 1), lossOf(logits, labels, 0)] as const;
        });
        const found = await classesFound.data();
        loss += ((await mean.data())[0] ?? Number.NaN) * size;
        for (const [index, label] of labels.entries()) if (found[index] === label) right++;
        count += size;
        tf.dispose([classesFound, mean]);
      }
      return { loss: loss / count, top1: (100 * right) / count };
    },
    dispose: () => optimizer.inner.dispose(),
  };
}

/** tfjs has no way to move Adam's learning rate: it reads the protected field at every step, so that is what is set. */
function createOptimizer(name: OptimizerName, momentum: number): { inner: tf.Optimizer; setLearningRate(rate: number): void } {
  const initial = 1e-3;
  if (name === 'sgd') {
    const inner = tf.train.momentum(initial, momentum, true);
    return { inner, setLearningRate: (rate) => inner.setLearningRate(rate) };
  }
  const inner = tf.train.adam(initial);
  return { inner, setLearningRate: (rate) => Object.assign(inner, { learningRate: rate }) };
}
