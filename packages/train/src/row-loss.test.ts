/** Losses of outputs with rows, [N, A, K]: values of torchvision and by hand, on both engines. */
import '@tensorflow/tfjs-backend-wasm';
import { dense } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTrainer, type LossOptions, type TrainingBatch } from './index.js';

beforeAll(() => tf.setBackend('wasm'));

/** Loss and gradient in z of a network that puts out these rows for its images, the unit vectors. */
async function lossOf(engine: 'onnxruntime' | 'tfjs', z: readonly (readonly number[])[][], loss: LossOptions, aim: Pick<TrainingBatch, 'targets' | 'weights' | 'labels'>) {
  const [size, rows, columns] = [z.length, z[0]!.length, z[0]![0]!.length];
  const x = input({ shape: [size] });
  const flat = dense(x, { units: rows * columns, useBias: false, name: 'z' });
  const network = model({ inputs: x, outputs: layers.reshape({ targetShape: [rows, columns] }).apply(flat) as SymbolicTensor });
  tf.tidy(() => network.setWeights([tf.tensor2d(z.flat(2), [size, rows * columns])]));
  const trainer = await createTrainer(network, { engine, loss, threads: 1 });
  const images = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  const result = await trainer.gradients({ images, size, ...aim });
  const [all] = await trainer.predictAll(images, size);
  const { correct } = await trainer.step({ images, size, ...aim }, 0);
  await trainer.dispose();
  network.dispose();
  return { loss: result.loss, gradient: result.gradients['z/kernel']!, outputs: all!, correct };
}

/** Target rows of classes. */
const oneHot = (classes: readonly number[], columns: number) => Float32Array.from(classes.flatMap((kind) => Array.from({ length: columns }, (_, k) => (k === kind ? 1 : 0))));
const softmax = (row: readonly number[]) => row.map((z) => Math.exp(z) / row.reduce((sum, other) => sum + Math.exp(other), 0));

describe.each(['onnxruntime', 'tfjs'] as const)('rows with the engine %s', (engine) => {
  const close = (found: ArrayLike<number>, wanted: readonly number[]) => {
    expect(found).toHaveLength(wanted.length);
    wanted.forEach((value, i) => expect(found[i], `number ${i}`).toBeCloseTo(value, 5));
  };

  it('a row counts by its weight, all rows of an image are summed', async () => {
    const z = [[[1, 0], [0, 2]], [[0.5, 0.5], [3, 0]]];
    const classes = [0, 1, 1, 1];
    const weights = [1, 2, 0.5, 0];
    const cross = z.flat().map((row, i) => -Math.log(softmax(row)[classes[i]!]!));
    const { loss, gradient, outputs, correct } = await lossOf(engine, z, { kind: 'softmaxCrossEntropy' }, { targets: [oneHot(classes, 2)], weights: [Float32Array.from(weights)] });
    expect(loss).toBeCloseTo(cross.reduce((sum, value, i) => sum + value * weights[i]!, 0) / 2, 5);
    close(gradient, z.flat().flatMap((row, i) => softmax(row).map((p, k) => ((p - (k === classes[i] ? 1 : 0)) * weights[i]!) / 2)));
    close(outputs, z.flat(2));
    // Rows 0 and 1 are right, of equal numbers the first is the larger, row 3 is wrong.
    expect(correct).toBe(2);
  });

  it('without weights every row counts once', async () => {
    const { loss, gradient } = await lossOf(engine, [[[1], [2], [-3]]], { kind: 'smoothL1' }, { targets: [new Float32Array(3)] });
    expect(loss).toBeCloseTo(0.5 + 1.5 + 2.5, 5);
    close(gradient, [1, 1, -1]);
  });

  it('focal loss has the values of torchvision and the slopes of differences', async () => {
    const z = [[[2], [-1], [0.5]]];
    const targets = [Float32Array.of(1, 0, 0)];
    const golden = [0.000451, 0.016994, 0.283059];
    const { loss, gradient } = await lossOf(engine, z, { kind: 'focal' }, { targets });
    expect(loss).toBeCloseTo(golden[0]! + golden[1]! + golden[2]!, 5);
    const one = await lossOf(engine, z, { kind: 'focal' }, { targets, weights: [Float32Array.of(0, 2, 0)] });
    expect(one.loss).toBeCloseTo(2 * golden[1]!, 5);
    const focal = (x: number, t: number, gamma: number, alpha: number) => {
      const p = 1 / (1 + Math.exp(-x));
      return t === 1 ? -alpha * (1 - p) ** gamma * Math.log(p) : -(1 - alpha) * p ** gamma * Math.log(1 - p);
    };
    const slopes = (gamma: number, alpha: number) => z[0]!.map(([x], i) => (focal(x! + 1e-4, targets[0]![i]!, gamma, alpha) - focal(x! - 1e-4, targets[0]![i]!, gamma, alpha)) / 2e-4);
    close(gradient, slopes(2, 0.25));
    for (const [gamma, alpha] of [[0, 0.5], [1, 0.3], [2.5, 0.75]] as const) close((await lossOf(engine, z, { kind: 'focal', gamma, alpha }, { targets })).gradient, slopes(gamma, alpha));
  });

  it('of the background only the hardest rows count, so many for each other row of their image', async () => {
    // Losses of the background rows are ln(1 + e^z), larger for larger z.
    const image = (...values: number[]) => values.map((value) => [0, value]);
    const z = [image(5, 1, 3, 2, 3, 9), image(4, 4, 4, 4, 4, 4), image(1, 2, 3, 4, 5, 6)];
    // One object and a row without a weight; no object; two objects.
    const classes = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    const weights = Float32Array.from(classes, (_, i) => (i === 5 ? 0 : 1));
    const { gradient } = await lossOf(engine, z, { kind: 'softmaxCrossEntropy', hardNegatives: 1.5 }, { targets: [oneHot(classes, 2)], weights: [weights] });
    const counted = Array.from({ length: 18 }, (_, i) => (gradient[2 * i] === 0 ? 0 : 1));
    // floor(1.5) of the first image, of the two equal ones the first; floor(3) of the last.
    expect(counted).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 1]);
  });

  it('targets and weights that do not fit are named', async () => {
    const z = [[[1, 0], [0, 2]]];
    await expect(lossOf(engine, z, { kind: 'softmaxCrossEntropy' }, { labels: [0] })).rejects.toThrow('targets[0] given, got 1 labels');
    await expect(lossOf(engine, z, { kind: 'softmaxCrossEntropy' }, { targets: [new Float32Array(3)] })).rejects.toThrow('targets[0] must hold 4 numbers, [1, 2, 2], got 3');
    await expect(lossOf(engine, z, { kind: 'softmaxCrossEntropy' }, { targets: [new Float32Array(4)], weights: [new Float32Array(4)] })).rejects.toThrow('weights[0] must hold 2 numbers, [1, 2], got 4');
    await expect(lossOf(engine, z, { kind: 'focal', hardNegatives: 3 }, { targets: [new Float32Array(4)] })).rejects.toThrow('hardNegatives must be left out but for softmaxCrossEntropy over an output [N, A, K]');
    await expect(lossOf(engine, z, { kind: 'focal', gamma: 0.5 }, { targets: [new Float32Array(4)] })).rejects.toThrow('gamma must be 0 or a finite number >= 1');
  });
});
