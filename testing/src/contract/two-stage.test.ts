/** Regions inside a network: RoIAlign and RoI pooling of boxes that are an input, in onnxruntime and as a compiled program. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { decodedBoxes, roiAlign, roiPool } from '@convkit/anchors';
import { activation, conv2d, flatten } from '@convkit/core';
import { compile } from '@convkit/graph';
import { createSession } from '@convkit/onnx';
import { profile } from '@convkit/profile';
import { createTrainer, type GradientResult, type LossOptions, type OptimizerOptions, type TrainingBatch } from '@convkit/train';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { relativeError } from '../layouts.js';
import { difference } from './contract.js';
import { TOLERANCES } from './tolerances.js';

const LIMIT = TOLERANCES.onnxruntime.value;

beforeAll(() => tf.setBackend('wasm'));
let tensors = 0;
beforeEach(() => { tensors = tf.memory().numTensors; });
afterEach(() => expect(tf.memory().numTensors, 'no tensor is left').toBe(tensors));

type Make = (x: SymbolicTensor, boxes: SymbolicTensor) => SymbolicTensor;

function network([height, width, channels]: readonly [number, number, number], count: number, make: Make): LayersModel {
  const x = input({ shape: [height, width, channels] });
  const boxes = input({ shape: [count, 4] });
  return model({ inputs: [x, boxes], outputs: make(x, boxes) });
}

/** What tfjs, the compiled program and onnxruntime make of inputs. */
async function everywhere(made: LayersModel, inputs: readonly tf.Tensor[]): Promise<{ layers: tf.Tensor; compiled: tf.Tensor; onnxruntime: tf.Tensor }> {
  const session = await createSession(made, { threads: 1, spinning: false });
  const program = compile(made);
  const results = { layers: made.predict([...inputs]) as tf.Tensor, compiled: program.predict(inputs) as tf.Tensor, onnxruntime: (await session.predict(inputs)) as tf.Tensor };
  program.dispose();
  await session.dispose();
  return results;
}

async function expectSame(made: LayersModel, inputs: readonly tf.Tensor[]): Promise<void> {
  const results = await everywhere(made, inputs);
  expect(results.onnxruntime.shape).toEqual(results.layers.shape);
  expect(difference(results.compiled, results.layers)).toBeLessThan(1e-6);
  expect(difference(results.onnxruntime, results.layers)).toBeLessThan(LIMIT);
  tf.dispose([results.layers, results.compiled, results.onnxruntime]);
}

/** Boxes around the image, outside of it, larger than it, and some turned inside out. */
const boxesAround = (batch: number, count: number, side: number) => tf.tidy(() => {
  const corner = tf.randomUniform([batch, count, 2], -0.6 * side, 1.4 * side, 'float32', 3);
  return tf.concat([corner, tf.add(corner, tf.randomUniform([batch, count, 2], -0.2 * side, 1.5 * side, 'float32', 4))], 2);
});

describe('boxes that are an input', () => {
  it.each<[string, Make]>([
    ['RoIAlign', (x, boxes) => roiAlign(x, boxes, { outputSize: [5, 3], spatialScale: 0.25 })],
    ['RoIAlign of three samples, not aligned', (x, boxes) => roiAlign(x, boxes, { outputSize: 4, spatialScale: 0.25, samplingRatio: 3, aligned: false })],
    ['RoI pooling', (x, boxes) => roiPool(x, boxes, { outputSize: [3, 7], spatialScale: 0.25 })],
    ['a box of one number', (x, boxes) => roiAlign(x, boxes, { outputSize: 1, samplingRatio: 1, spatialScale: 0.25 })],
  ])('%s is the same in any number of images', async (_, make) => {
    const made = network([13, 17, 3], 20, make);
    for (const batch of [1, 3]) {
      const inputs = [tf.randomNormal([batch, 13, 17, 3], 0, 1, 'float32', 1), boxesAround(batch, 20, 60)];
      await expectSame(made, inputs);
      tf.dispose(inputs);
    }
    made.dispose();
  });

  const ramp = (height: number, width: number) => tf.tensor4d(Float32Array.from({ length: height * width }, (_, i) => i), [1, height, width, 1]);
  // torchvision's kernels, as in the tests of @convkit/anchors.
  it.each<[string, Make, number[]]>([
    ['RoIAlign', (x, boxes) => roiAlign(x, boxes, { outputSize: 2 }), [13.75, 16.25, 29.75, 32.25]],
    ["Mask R-CNN's first form", (x, boxes) => roiAlign(x, boxes, { outputSize: 2, aligned: false }), [18.25, 20.75, 34.25, 36.75]],
    ['RoI pooling', (x, boxes) => roiPool(x, boxes, { outputSize: 3 }), [18, 20, 22, 34, 36, 38, 42, 44, 46]],
  ])('%s gives the values of torchvision', async (_, make, wanted) => {
    const made = network([8, 8, 1], 1, make);
    const inputs = [ramp(8, 8), tf.tensor3d([[[1, 1, 6, 5]]])];
    const results = await everywhere(made, inputs);
    for (const tensor of Object.values(results)) expect([...tensor.dataSync()]).toEqual(wanted);
    tf.dispose([...inputs, ...Object.values(results)]);
    made.dispose();
  });

  it('bins of RoI pooling are rounded in float32, as kernels do: the last of 7 over 57 pixels has one more', async () => {
    const made = network([1, 70, 1], 1, (x, boxes) => roiPool(x, boxes, { outputSize: [1, 7] }));
    const inputs = [ramp(1, 70), tf.tensor3d([[[3, 0, 59, 0]]])];
    const results = await everywhere(made, inputs);
    for (const tensor of Object.values(results)) expect([...tensor.dataSync()]).toEqual([11, 19, 27, 35, 43, 51, 60]);
    tf.dispose([...inputs, ...Object.values(results)]);
    made.dispose();
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('a box with %d is NaN, and the others are as they would be', async (flaw) => {
    const made = network([8, 8, 2], 2, (x, boxes) => roiAlign(x, boxes, { outputSize: 2 }));
    const [x, boxes, sound] = [tf.randomNormal([1, 8, 8, 2], 0, 1, 'float32', 5), tf.tensor3d([[[1, flaw, 6, 5], [2, 2, 6, 7]]]), tf.tensor3d([[[2, 2, 6, 7], [2, 2, 6, 7]]])];
    const [results, wanted] = [await everywhere(made, [x, boxes]), made.predict([x, sound]) as tf.Tensor];
    for (const tensor of Object.values(results)) {
      const values = [...tensor.dataSync()];
      expect(values.slice(0, 8).every(Number.isNaN)).toBe(true);
      values.slice(8).forEach((value, i) => expect(value).toBeCloseTo(wanted.dataSync()[8 + i]!, 5));
    }
    tf.dispose([x, boxes, sound, wanted, ...Object.values(results)]);
    made.dispose();
  });

  it('RoI pooling refuses boxes that are not finite, by number', () => {
    const made = network([8, 8, 2], 2, (x, boxes) => roiPool(x, boxes, { outputSize: 2 }));
    tf.tidy(() => {
      expect(() => made.predict([tf.zeros([1, 8, 8, 2]), tf.tensor3d([[[1, 1, 6, 5], [2, 2, Number.NaN, 7]]])])).toThrow('roiPool: boxes must be finite (number 1), got NaN');
    });
    made.dispose();
  });
});

const values = (shape: number[], seed: number) => tf.tidy(() => tf.randomNormal(shape, 0, 1, 'float32', seed).dataSync()) as Float32Array;

/** Gradients, and weights after a step, on both engines; what tfjs gave. */
async function expectSameTraining(made: LayersModel, batch: TrainingBatch, loss: readonly LossOptions[], optimizer: OptimizerOptions): Promise<GradientResult> {
  const results = [];
  for (const engine of ['tfjs', 'onnxruntime'] as const) {
    const trainer = await createTrainer(made, { engine, threads: 1, optimizer, loss });
    const before = await trainer.state();
    const result = await trainer.gradients(batch);
    const { loss: value } = await trainer.step(batch, 0.1);
    results.push({ ...result, loss: value, weights: (await trainer.state()).weights });
    await trainer.restore(before);
    await trainer.sync();
    await trainer.dispose();
  }
  const [own, compiled] = results as [(typeof results)[number], (typeof results)[number]];
  expect(compiled.loss).toBeCloseTo(own.loss, 4);
  expect(Object.keys(compiled.gradients)).toEqual(Object.keys(own.gradients));
  for (const part of ['gradients', 'weights'] as const) {
    for (const [name, found] of Object.entries(compiled[part])) {
      const scale = Math.max(...own[part][name]!.map(Math.abs), 1e-3);
      expect(Math.max(...found.map((value, i) => Math.abs(value - own[part][name]![i]!))) / scale, `${part} of ${name}`).toBeLessThan(TOLERANCES.onnxruntime.gradient);
    }
  }
  return own;
}

describe('a head on regions', () => {
  const COUNT = 5;
  const CLASSES = 4;
  /** Convolutions, then what a dense layer makes of the bins of every box. */
  const head: Make = (x, boxes) => {
    const map = conv2d(x, { filters: 6, kernelSize: 3, strides: 2, padding: 1, activation: 'relu', name: 'backbone' });
    const bins = roiAlign(map, boxes, { outputSize: [3, 2], spatialScale: 0.5, name: 'align' });
    const rows = layers.reshape({ targetShape: [COUNT, 3 * 2 * 6] }).apply(bins) as SymbolicTensor;
    const hidden = layers.dense({ units: 8, activation: 'relu', name: 'fc' }).apply(rows) as SymbolicTensor;
    return layers.dense({ units: CLASSES, name: 'logits' }).apply(hidden) as SymbolicTensor;
  };

  it('traces, compiles and exports: [N, R, classes]', async () => {
    const made = network([16, 12, 3], COUNT, head);
    const inputs = [tf.randomNormal([2, 16, 12, 3], 0, 1, 'float32', 7), boxesAround(2, COUNT, 14)];
    await expectSame(made, inputs);
    const { layers: rows, macs } = profile(made);
    expect(rows.find(({ name }) => name === 'align')).toMatchObject({ outputShape: [null, COUNT, 3, 2, 6], macs: 0 });
    expect(macs).toBe(8 * 6 * 6 * 27 + COUNT * (36 * 8 + 8 * CLASSES));
    tf.dispose(inputs);
    made.dispose();
  });

  it('trains with boxes that are given: a step is the one that tfjs takes', async () => {
    const made = network([16, 12, 3], COUNT, head);
    const batch = {
      size: 2, images: values([2, 16, 12, 3], 7), inputs: [tf.tidy(() => boxesAround(2, COUNT, 14).dataSync() as Float32Array)],
      targets: [Float32Array.from({ length: 2 * COUNT * CLASSES }, (_, i) => (i % CLASSES === Math.floor(i / CLASSES) % CLASSES ? 1 : 0))],
    };
    await expectSameTraining(made, batch, [{ kind: 'softmaxCrossEntropy' }], { kind: 'sgd' });
    const trainer = await createTrainer(made, { threads: 1 });
    const wanted = tf.tidy(() => (made.predict([tf.tensor(batch.images, [2, 16, 12, 3]), tf.tensor(batch.inputs[0]!, [2, COUNT, 4])]) as tf.Tensor).dataSync());
    expect(relativeError(await trainer.predict(batch.images, 2, batch.inputs), wanted)).toBeLessThan(LIMIT);
    await expect(trainer.step({ ...batch, inputs: [] }, 0.1)).rejects.toThrow('inputs must be 1, one for each input of');
    await expect(trainer.step({ ...batch, inputs: [new Float32Array(7)] }, 0.1)).rejects.toThrow(`inputs[0] must hold ${2 * COUNT * 4} numbers for 2 images of [${COUNT}, 4], got 7`);
    await trainer.dispose();
    made.dispose();
  });

  /** Proposals of the network itself: boxes of anchors, moved by what the map says. They are learnt from a loss of their own. */
  function twoStages(): LayersModel {
    const x = input({ shape: [8, 8, 3] });
    const map = activation(conv2d(x, { filters: 4, kernelSize: 3, padding: 1, name: 'backbone' }), { kind: 'tanh' });
    const flat = flatten(conv2d(map, { filters: 4, kernelSize: 4, strides: 4, name: 'offsets' }));
    const offsets = layers.reshape({ targetShape: [4, 4] }).apply(flat) as SymbolicTensor;
    const anchors = Float32Array.of(0, 0, 0.5, 0.5, 0.5, 0, 1, 0.5, 0, 0.5, 0.5, 1, 0.2, 0.3, 0.9, 1);
    const boxes = decodedBoxes(offsets, { anchors, imageSize: [8, 8], name: 'boxes' });
    const bins = roiAlign(map, boxes, { outputSize: 2, name: 'align' });
    const logits = layers.dense({ units: 3, name: 'logits' }).apply(layers.reshape({ targetShape: [4, 16] }).apply(bins)) as SymbolicTensor;
    return model({ inputs: x, outputs: [logits, offsets] });
  }

  it.each(['sgd', 'adam'] as const)('a step of training is the one that tfjs takes, with %s', async (kind) => {
    const batch = { size: 2, images: values([2, 8, 8, 3], 9), targets: [Float32Array.from({ length: 2 * 4 * 3 }, (_, i) => (i % 3 === Math.floor(i / 3) % 3 ? 1 : 0)), values([32], 10)] };
    const made = twoStages();
    const { gradients } = await expectSameTraining(made, batch, [{ kind: 'softmaxCrossEntropy' }, { kind: 'smoothL1' }], { kind });
    expect(gradients['backbone/kernel']!.some((value) => Math.abs(value) > 1e-3)).toBe(true);
    made.dispose();
  });

  it('boxes are constant: nothing of the loss behind them reaches what made them', async () => {
    const whole = twoStages();
    const made = model({ inputs: whole.inputs, outputs: whole.outputs[0]! });
    const batch = { size: 1, images: new Float32Array(8 * 8 * 3).fill(0.5), targets: [Float32Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? 1 : 0))] };
    for (const engine of ['tfjs', 'onnxruntime'] as const) {
      const trainer = await createTrainer(made, { engine, threads: 1 });
      const { gradients } = await trainer.gradients(batch);
      expect([...(gradients['offsets/kernel'] ?? [])].every((value) => value === 0), engine).toBe(true);
      expect(gradients['backbone/kernel']!.some((value) => value !== 0), engine).toBe(true);
      await trainer.dispose();
    }
    whole.dispose();
  });
});
