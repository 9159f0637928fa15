import '@tensorflow/tfjs-backend-wasm';
import { activation, adaptiveAvgPool, add, batchNorm, concatenate, conv2d, dense, depthwiseConv2d, globalAveragePool, maxPool, randomStream } from '@convkit/core';
import { loadRuntime, type OnnxRuntime } from '@convkit/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { channelBlock } from './channel-block.js';
import { createTrainer, type Trainer, type TrainingBatch } from './index.js';

beforeAll(() => tf.setBackend('wasm'));

const onnxruntime = await loadRuntime('test');

/** onnxruntime without its blocked operators, as on machines that have none. */
const plain: OnnxRuntime = {
  Tensor: onnxruntime.Tensor,
  InferenceSession: {
    create: (bytes: Uint8Array, ...rest: unknown[]) => {
      if (Buffer.from(bytes).includes('com.microsoft.nchwc')) throw new Error('no such operator set');
      return (onnxruntime.InferenceSession.create as (...all: unknown[]) => unknown)(bytes, ...rest);
    },
  } as OnnxRuntime['InferenceSession'],
};

const BATCH = 3;
const SIDE = 9;
const CHANNELS = 32;

type Piece = (x: SymbolicTensor) => SymbolicTensor;

const even = (x: SymbolicTensor) => maxPool(x, { poolSize: 2, strides: 1 });

/** Convolutions whose channels come out in blocks, and what stands between them. */
const PIECES: Readonly<Record<string, Piece>> = {
  'a convolution of 3x3': (x) => conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 1 }),
  'a convolution of 3x2, padded on one side': (x) => conv2d(x, { filters: 16, kernelSize: [3, 2], padding: [1, 1, 0, 1] }),
  'a convolution of 5x5 without padding': (x) => conv2d(x, { filters: 16, kernelSize: 5 }),
  'a dilated convolution': (x) => conv2d(x, { filters: 16, kernelSize: 3, padding: 2, dilationRate: 2 }),
  'a convolution with stride 2': (x) => conv2d(x, { filters: 16, kernelSize: 3, strides: 2, padding: 1 }),
  'a convolution with stride 2 of an even side': (x) => conv2d(even(x), { filters: 16, kernelSize: 3, strides: 2, padding: 1 }),
  'a convolution with stride 2 padded behind': (x) => conv2d(even(x), { filters: 48, kernelSize: 3, strides: 2, padding: [0, 1, 0, 1] }),
  'a convolution with stride 2 that leaves the end': (x) => conv2d(even(x), { filters: 16, kernelSize: 3, strides: 2 }),
  'a convolution of 2x2 with stride 2': (x) => conv2d(even(x), { filters: CHANNELS, kernelSize: 2, strides: 2 }),
  'a convolution of 5x5 with stride 3': (x) => conv2d(x, { filters: CHANNELS, kernelSize: 5, strides: 3, padding: 2 }),
  'a convolution with strides 2 and 1': (x) => conv2d(even(x), { filters: 16, kernelSize: [3, 5], strides: [2, 1], padding: [1, 1, 2, 2] }),
  'a convolution with stride 2 from few channels': (x) => conv2d(conv2d(x, { filters: 3, kernelSize: 1 }), { filters: CHANNELS, kernelSize: 5, strides: 2, padding: 2 }),
  'a convolution of 1x1': (x) => conv2d(x, { filters: 48, kernelSize: 1 }),
  'a convolution of 1x1 with stride 2': (x) => conv2d(x, { filters: 16, kernelSize: 1, strides: 2 }),
  'a convolution to channels that make no block': (x) => conv2d(conv2d(x, { filters: 20, kernelSize: 3, padding: 1 }), { filters: CHANNELS, kernelSize: 1 }),
  'a grouped convolution': (x) => conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 1, groups: 2 }),
  'a depthwise convolution': (x) => depthwiseConv2d(x, { kernelSize: 3, padding: 1 }),
  'a depthwise convolution with stride 2': (x) => depthwiseConv2d(x, { kernelSize: 3, strides: 2, padding: 1 }),
  'a depthwise convolution with stride 2 that misses the end': (x) => depthwiseConv2d(x, { kernelSize: 2, strides: 2 }),
  'a depthwise convolution with a multiplier': (x) => depthwiseConv2d(x, { kernelSize: 3, padding: 1, depthMultiplier: 2 }),
  'batch norm with ReLU': (x) => activation(batchNorm(x, {}), { kind: 'relu' }),
  'batch norm with ReLU6': (x) => activation(batchNorm(x, {}), { kind: 'relu6' }),
  'batch norm behind a convolution without bias': (x) => batchNorm(conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 1, useBias: false }), {}),
  'batch norm of what a sum reads too': (x) => add([x, batchNorm(x, {})]),
  'frozen batch norm': (x) => batchNorm(x, { trainable: false }),
  'a sum of branches': (x) => add([x, conv2d(x, { filters: CHANNELS, kernelSize: 1 })]),
  'branches side by side': (x) => conv2d(concatenate([x, conv2d(x, { filters: 16, kernelSize: 1 })]), { filters: 16, kernelSize: 3 }),
  'an average over all positions': (x) => adaptiveAvgPool(x, { outputSize: 1 }),
  'a maximum pooling': (x) => maxPool(x, { poolSize: 3, strides: 2 }),
};

/** More images than a block, in whole blocks and not; as of the last batch of an epoch. */
const MANY = [16, 18];
const SOME = ['a convolution of 3x3', 'a convolution of 1x1', 'a convolution with stride 2 from few channels', 'a depthwise convolution', 'a sum of branches'];

/** An entry from 3 channels, the piece, a way out through another convolution. */
function network(piece: Piece): LayersModel {
  const x = input({ shape: [SIDE, SIDE, 3] });
  const y = piece(conv2d(x, { filters: CHANNELS, kernelSize: 3, padding: 1, name: 'entry' }));
  const built = model({ inputs: x, outputs: dense(globalAveragePool(activation(conv2d(y, { filters: 16, kernelSize: 1, name: 'way_out' }), { kind: 'silu' }), {}), { units: 3 }) });
  const next = randomStream(11);
  for (const { variable, shape } of built.weights.map((weight) => ({ variable: weight, shape: weight.shape as number[] }))) {
    const size = shape.reduce((a, b) => a * b, 1);
    const [least, width] = /variance|gamma/.test(variable.originalName) ? [0.5, 1] : [-0.5, 1];
    tf.tidy(() => void variable.write(tf.tensor(Float32Array.from({ length: size }, () => (least + width * next()) * (shape.length > 1 ? 0.2 : 1)), shape)));
  }
  return built;
}

function batchOf(size: number): TrainingBatch {
  const next = randomStream(5);
  return { images: Float32Array.from({ length: size * SIDE * SIDE * 3 }, () => next() + 3), labels: Array.from({ length: size }, (_, i) => i % 3), size };
}

async function withTrainer<T>(piece: Piece, runtime: OnnxRuntime, use: (trainer: Trainer) => Promise<T>): Promise<T> {
  const built = network(piece);
  const trainer = await createTrainer(built, { threads: 1, runtime });
  try {
    return await use(trainer);
  } finally {
    await trainer.dispose();
    built.dispose();
  }
}

describe('blocks of channels', () => {
  it('are those of the machine, or none', async () => {
    expect([undefined, 8, 16]).toContain(await channelBlock(onnxruntime));
  });

  it('are not used where onnxruntime lacks the operators', async () => {
    expect(await channelBlock(plain)).toBeUndefined();
  });

  it('are not used where the operators compute something else', async () => {
    const wrong = { Tensor: onnxruntime.Tensor, InferenceSession: { create: async () => ({ release: async () => {}, run: async () => ({ blocked: { data: new Float32Array(64).map((_, i) => i) }, y: { data: new Float32Array(64) } }) }) } } as unknown as OnnxRuntime;
    expect(await channelBlock(wrong)).toBeUndefined();
  });
});

describe('a step in blocks gives the gradients of a step without', () => {
  const cases = [...Object.keys(PIECES).map((name) => [name, BATCH] as const), ...MANY.flatMap((size) => SOME.map((name) => [name, size] as const))];
  it.each(cases)('%s, %i images', async (name, size) => {
    const piece = PIECES[name]!;
    const batch = batchOf(size);
    const results = (runtime: OnnxRuntime) => withTrainer(piece, runtime, async (trainer) => {
      const { loss, gradients } = await trainer.gradients(batch);
      const before = await trainer.predict(batch.images, size);
      await trainer.step(batch, 0.01);
      return { loss, gradients, before, after: (await trainer.state()).weights };
    });
    const [blocked, without] = [await results(onnxruntime), await results(plain)];
    expect(Math.abs(blocked.loss - without.loss) / without.loss).toBeLessThan(1e-5);
    expect(worst(blocked.before, without.before)).toBeLessThan(1e-5);
    for (const [kind, wanted] of [['gradients', without.gradients], ['after', without.after]] as const) {
      // The two models' layers have other names, in the same order.
      const found = Object.values(blocked[kind]);
      Object.entries(wanted).forEach(([weight, values], i) => expect(worst(found[i]!, values), `${kind} of ${weight}`).toBeLessThan(1e-4));
    }
  });
});

describe('the variance of a batch in blocks', () => {
  /** Worst relative difference from the variance without blocks, of channels with means of 3 and deviations of 0.1. */
  async function difference(moving: number): Promise<number> {
    const next = randomStream(9);
    const images = Float32Array.from({ length: BATCH * SIDE * SIDE * CHANNELS }, () => 3 + 0.35 * (next() - 0.5));
    const results = [];
    for (const runtime of [onnxruntime, plain]) {
      const x = input({ shape: [SIDE, SIDE, CHANNELS] });
      const built = model({ inputs: x, outputs: dense(globalAveragePool(activation(batchNorm(conv2d(x, { filters: CHANNELS, kernelSize: 1, name: 'as_it_is' }), { name: 'norm' }), { kind: 'silu' }), {}), { units: 3, kernelInitializer: 'ones' }) });
      const [kernel] = built.getLayer('as_it_is').weights;
      const [, , mean, variance] = built.getLayer('norm').weights;
      tf.tidy(() => {
        kernel!.write(tf.reshape(tf.eye(CHANNELS), [1, 1, CHANNELS, CHANNELS]));
        mean!.write(tf.fill([CHANNELS], moving));
        variance!.write(tf.zeros([CHANNELS]));
      });
      const trainer = await createTrainer(built, { threads: 1, runtime });
      await trainer.step({ images, labels: [0, 1, 2], size: BATCH }, 0);
      results.push(Object.entries((await trainer.state()).weights).find(([name]) => name.includes('variance'))![1]);
      await trainer.dispose();
      built.dispose();
    }
    const [found, wanted] = results as [Float32Array, Float32Array];
    return Math.max(...wanted.map((value, i) => Math.abs(value - found[i]!) / value));
  }

  it('is right to 5e-6 where the moving mean is near, and to 1e-3 in a first step whose means are 30 deviations off it', async () => {
    expect(await difference(2.9)).toBeLessThan(5e-6);
    expect(await difference(0)).toBeLessThan(1e-3);
  });
});

/** Largest difference, as a part of the largest value. Gradients that are rounding alone (a bias in front of a batch norm) count as zero. */
function worst(found: Float32Array, wanted: Float32Array): number {
  expect(found.length).toBe(wanted.length);
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!) / largest), 0);
}
