import '@tensorflow/tfjs-backend-wasm';
import { dense } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTrainer, type LossOptions, type TrainingBatch } from './index.js';

beforeAll(() => tf.setBackend('wasm'));

/** The outputs of two images, z below: a layer with one input an image and these rows as its kernel. */
const OUTPUTS = [[1.5, -0.4, 0.3], [0.2, 2, -1]];
const TARGETS = [[1, 0, 0], [0, -1, 0.5]];

/** Loss and gradient in z of a network that puts out OUTPUTS. */
async function lossOf(engine: 'onnxruntime' | 'tfjs', loss: LossOptions, aim: Pick<TrainingBatch, 'labels' | 'targets'>) {
  const x = input({ shape: [2] });
  const network = model({ inputs: x, outputs: dense(x, { units: 3, useBias: false, name: 'z' }) });
  tf.tidy(() => network.setWeights([tf.tensor2d(OUTPUTS)]));
  const trainer = await createTrainer(network, { engine, loss, threads: 1 });
  const result = await trainer.gradients({ images: Float32Array.of(1, 0, 0, 1), size: 2, ...aim });
  await trainer.dispose();
  network.dispose();
  // The gradient of the kernel is that of z: the images are the unit vectors.
  return { loss: result.loss, gradient: result.gradients['z/kernel']!, outputs: result.outputs[0]! };
}

const softmax = (row: number[]) => row.map((z) => Math.exp(z) / row.reduce((sum, other) => sum + Math.exp(other), 0));

describe.each(['onnxruntime', 'tfjs'] as const)('with the engine %s', (engine) => {
  const close = (found: ArrayLike<number>, wanted: readonly number[]) => wanted.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 5));

  it('softmax cross-entropy is that of PyTorch, its gradient softmax minus target over the batch', async () => {
    const { loss, gradient, outputs } = await lossOf(engine, { kind: 'softmaxCrossEntropy' }, { labels: [0, 2] });
    expect(loss).toBeCloseTo(1.7834522, 5);
    close(gradient, OUTPUTS.flatMap((row, n) => softmax(row).map((p, k) => (p - (k === [0, 2][n] ? 1 : 0)) / 2)));
    close(outputs, OUTPUTS.flat());
  });

  it('label smoothing is that of PyTorch', async () => {
    expect((await lossOf(engine, { kind: 'softmaxCrossEntropy', labelSmoothing: 0.1 }, { labels: [0, 2] })).loss).toBeCloseTo(1.7651188, 5);
  });

  it('the Euclidean loss is half the squared distance, its gradient the difference', async () => {
    const targets = [Float32Array.from(TARGETS.flat())];
    const { loss, gradient } = await lossOf(engine, { kind: 'euclidean' }, { targets });
    // (0.5^2 + 0.4^2 + 0.3^2 + 0.2^2 + 3^2 + 1.5^2) / 2, over two images.
    expect(loss).toBeCloseTo(2.9475, 5);
    close(gradient, [0.25, -0.2, 0.15, 0.1, 1.5, -0.75]);
  });

  it.each(['euclidean', 'smoothL1'] as const)('%s leaves out what has no target', async (kind) => {
    const targets = [Float32Array.of(1, Number.NaN, 0, Number.NaN, Number.NaN, Number.NaN)];
    const { loss, gradient } = await lossOf(engine, { kind }, { targets });
    // Below 1 the two are the same: (0.5^2 + 0.3^2) / 2, over two images.
    expect(loss).toBeCloseTo(0.085, 5);
    close(gradient, [0.25, 0, 0.15, 0, 0, 0]);
  });

  it('smooth L1 is that of PyTorch, its gradient cut off at 1', async () => {
    const targets = [Float32Array.from(TARGETS.flat())];
    const { loss, gradient } = await lossOf(engine, { kind: 'smoothL1', beta: 0.5 }, { targets });
    expect(loss).toBeCloseTo(2.27, 5);
    // d / beta inside, the sign outside.
    close(gradient, [1 / 2, -0.8 / 2, 0.6 / 2, 0.4 / 2, 1 / 2, -1 / 2]);
  });

  it('a weight multiplies the loss and its gradient', async () => {
    const { loss, gradient } = await lossOf(engine, { kind: 'euclidean', weight: 3 }, { targets: [Float32Array.from(TARGETS.flat())] });
    expect(loss).toBeCloseTo(3 * 2.9475, 4);
    expect(gradient[1]).toBeCloseTo(-0.6, 5);
  });

  it('classes that are not there are named', async () => {
    await expect(lossOf(engine, { kind: 'softmaxCrossEntropy' }, { labels: [0, 3] })).rejects.toThrow('labels[1] must be a class from 0 to 2, got 3');
    await expect(lossOf(engine, { kind: 'hinge' } as never, { labels: [0, 2] })).rejects.toThrow('kind');
  });
});
