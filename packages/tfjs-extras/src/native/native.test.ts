import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { install, uninstall } from '../install.js';
import { heapOf } from './heap.js';
import { hasNative, nativeAdd, nativeBilinearSample, nativeBilinearSampleGradients, nativeConvolution, nativeDeformableConvolution } from './index.js';
import { NATIVE_PATCHES } from './patches.js';

const patches = NATIVE_PATCHES;
const noise = (shape: number[], seed: number) => tf.randomUniform(shape, -1, 1, 'float32', seed);

beforeEach(async () => void (await tf.setBackend('wasm')));
afterEach(uninstall);

test('nothing is there before install() and after uninstall()', async () => {
  const one = tf.tensor1d([1]);
  expect([hasNative('add'), nativeAdd(one, one, 'linear')]).toEqual([false, undefined]);
  const reports = await install({ patches });
  expect(reports.every(({ installed }) => installed)).toBe(true);
  expect(hasNative('add')).toBe(true);
  uninstall();
  expect(hasNative('add')).toBe(false);
  expect(tf.getKernel('DepthwiseConv2dNativeBackpropFilter', 'wasm')).toBeUndefined();
});

describe('values that can be checked by hand', () => {
  beforeEach(async () => void (await install({ patches })));

  test('sum with an activation; tensors that it is not for are left to others', () => {
    const [a, b] = [tf.tensor2d([[-3, 1, 2], [3, 4, 5]]), tf.tensor2d([[1, 1, 1], [1, 1, 2]])];
    expect([...nativeAdd(a, b, 'linear')!.dataSync()]).toEqual([-2, 2, 3, 4, 5, 7]);
    expect([...nativeAdd(a, b, 'relu')!.dataSync()]).toEqual([0, 2, 3, 4, 5, 7]);
    expect([...nativeAdd(a, b, 'relu6')!.dataSync()]).toEqual([0, 2, 3, 4, 5, 6]);
    expect(nativeAdd(a, tf.tensor1d([1, 1, 1]), 'linear'), 'broadcasting').toBeUndefined();
    expect(nativeAdd(tf.cast(a, 'int32'), tf.cast(b, 'int32'), 'linear'), 'integers').toBeUndefined();
  });

  test('a 1x1 convolution with two groups of two channels', () => {
    const x = tf.tensor4d([1, 2, 3, 4], [1, 1, 1, 4]);
    // Filters 0 and 1 see channels 0 and 1, filters 2 and 3 see 2 and 3: 1 + 20, 3 + 40; 5 * 3 + 60 * 4, 7 * 3 + 80 * 4.
    const kernel = tf.tensor4d([1, 3, 5, 7, 10, 20, 60, 80], [1, 1, 2, 4]);
    const y = nativeConvolution(x, kernel, { strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1], groups: 2 }, tf.tensor1d([0.5, 0, 0, -500]), 'relu');
    expect([...y!.dataSync()]).toEqual([21.5, 43, 255, 0]);
  });

  test("the deformable convolution of one channel that torchvision's operator was run on", () => {
    const x = tf.reshape<tf.Rank.R4>(tf.range(1, 17, 1, 'float32'), [1, 4, 4, 1]);
    const kernel = tf.tensor4d([1, 2, 3, 4], [2, 2, 1, 1]);
    const offset = tf.buffer([1, 3, 3, 8]);
    offset.set(0.5, 0, 0, 0, 0);
    offset.set(-0.25, 0, 0, 0, 1);
    offset.set(0.75, 0, 2, 2, 6);
    offset.set(0.5, 0, 2, 2, 7);
    const y = nativeDeformableConvolution(x, kernel, offset.toTensor() as tf.Tensor4D, { strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1] });
    expect([...y!.dataSync()]).toEqual([45.25, 54, 64, 84, 94, 104, 124, 134, 88]);
  });

  test('samples of the column 1, 2, 3, 4: zero outside, fading within one pixel of the border, NaN where the position is', () => {
    const x = tf.tensor4d([1, 2, 3, 4], [1, 4, 1, 1]);
    const at = [-0.5, -1, -1.5, 3.5, 4, 1.25, Number.NEGATIVE_INFINITY, 1e30, Number.NaN];
    const [rows, columns, images] = [tf.tensor2d(at, [at.length, 1]), tf.zeros<tf.Rank.R2>([at.length, 1]), tf.zeros<tf.Rank.R1>([at.length], 'int32')];
    expect([...nativeBilinearSample(x, rows, columns, images)!.dataSync()]).toEqual([0.5, 0, 0, 2, 0, 2.25, 0, 0, Number.NaN]);
    const [, byRow, byColumn] = nativeBilinearSampleGradients(tf.ones([at.length, 1]), x, rows, columns, images)!;
    // From the right: into the image at -1, out of it at 3.5, nothing at 4.
    expect([...byRow.dataSync()]).toEqual([1, 1, 0, -4, 0, 1, 0, 0, Number.NaN]);
    expect(byColumn.dataSync().at(-1)).toBeNaN();
  });

  test('the images of positions may be any, and groups of channels have their own positions', () => {
    const x = tf.tensor4d([1, 2, 10, 20, 3, 4, 30, 40], [2, 1, 2, 2]);
    const y = nativeBilinearSample(x, tf.zeros([2, 2]), tf.tensor2d([[0, 1], [0.5, 0]]), tf.tensor1d([1, 0], 'int32'));
    expect(y!.arraySync()).toEqual([[3, 40], [5.5, 2]]);
  });
});

/** (f(x + h) - f(x - h)) / 2h for one number. */
function numeric(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, index: number, h = 0.05): number {
  const moved = (by: number) => {
    const values = x.dataSync().slice();
    values[index]! += by;
    return tf.tidy(() => f(tf.tensor(values as Float32Array, x.shape)).dataSync()[0]!);
  };
  return (moved(h) - moved(-h)) / (2 * h);
}

describe('gradients of plain tf operations on wasm', () => {
  beforeEach(async () => void (await install({ patches })));

  // Linear in x and in the filter, so that the numeric gradient is exact but for rounding.
  test.each<[string, (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor, number[], number[]]>([
    ['conv2d 3x3', (x, w) => tf.conv2d(x, w, 1, 'same'), [2, 5, 6, 5], [3, 3, 5, 7]],
    ['conv2d 3x3, stride 2', (x, w) => tf.conv2d(x, w, 2, 'same'), [1, 7, 6, 3], [3, 3, 3, 9]],
    ['conv2d 2x3, strides 3 and 1, explicit padding', (x, w) => tf.conv2d(x, w, [3, 1], [[0, 0], [2, 0], [0, 1], [0, 0]]), [1, 8, 5, 4], [2, 3, 4, 6]],
    ['conv2d 1x1, stride 2', (x, w) => tf.conv2d(x, w, 2, 'valid'), [2, 5, 5, 6], [1, 1, 6, 3]],
    ['depthwise 3x3', (x, w) => tf.depthwiseConv2d(x, w, 1, 'same'), [2, 6, 5, 7], [3, 3, 7, 1]],
    ['depthwise 5x5, stride 2', (x, w) => tf.depthwiseConv2d(x, w, 2, 'same'), [1, 9, 8, 18], [5, 5, 18, 1]],
    ['depthwise 4x2, stride 3, wider than the image', (x, w) => tf.depthwiseConv2d(x, w, 3, 'same'), [1, 3, 2, 4], [4, 2, 4, 1]],
    ['depthwise 3x3, multiplier 3', (x, w) => tf.depthwiseConv2d(x, w, 1, 'valid'), [1, 5, 5, 3], [3, 3, 3, 3]],
  ])('%s are the numeric ones', (_, run, inputShape, filterShape) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const [x, w] = [noise(inputShape, 1) as tf.Tensor4D, noise(filterShape, 2) as tf.Tensor4D];
      const weights = noise(run(x, w).shape, 3);
      const loss = (input: tf.Tensor, filter: tf.Tensor) => tf.sum(tf.mul(run(input as tf.Tensor4D, filter as tf.Tensor4D), weights));
      const [dx, dw] = tf.grads(loss)([x, w]) as [tf.Tensor, tf.Tensor];
      for (const [gradient, tensor, f] of [[dx, x, (t: tf.Tensor) => loss(t, w)], [dw, w, (t: tf.Tensor) => loss(x, t)]] as const) {
        const values = gradient.dataSync();
        for (let i = 0; i < tensor.size; i += Math.ceil(tensor.size / 40)) expect(values[i]).toBeCloseTo(numeric(f, tensor, i), 3);
      }
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  test('an ordinary network fits, and no tensor stays behind from step to step', async () => {
    const network = sequential({ layers: [
      layers.conv2d({ inputShape: [9, 9, 2], filters: 6, kernelSize: 3, activation: 'relu' }),
      layers.separableConv2d({ filters: 8, kernelSize: 3, strides: 2, padding: 'same' }),
      layers.globalAveragePooling2d({}),
      layers.dense({ units: 1 }),
    ] });
    network.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const [x, y] = [noise([8, 9, 9, 2], 4), noise([8, 1], 5)];
    const step = async () => (await network.trainOnBatch(x, y)) as number;
    const first = await step();
    const before = tf.memory().numTensors;
    let last = first;
    for (let i = 0; i < 10; i++) last = await step();
    expect(last).toBeLessThan(first);
    expect(tf.memory().numTensors).toBe(before);
  });
});

/** As if a later version of TensorFlow.js no longer showed its memory. */
function withoutMemory(backend: tf.KernelBackend): tf.KernelBackend {
  const { wasm } = backend as unknown as { wasm: { asm: object } };
  Object.defineProperty(wasm, 'asm', { value: { ...wasm.asm, memory: undefined } });
  return backend;
}

describe('memory', () => {
  test('kernels go on working when the memory has grown', async () => {
    await install({ patches });
    const size = () => heapOf(tf.backend())!.memory.buffer.byteLength;
    const [a, before] = [tf.tensor1d([1, 2, 3]), size()];
    const large = tf.zeros([before / 4 + 1024]);
    expect(size()).toBeGreaterThan(before);
    expect([...nativeAdd(a, a, 'linear')!.dataSync()]).toEqual([2, 4, 6]);
    tf.dispose([a, large]);
  });

  test('calls give back all that they take', async () => {
    await install({ patches });
    const [x, kernel] = [noise([1, 9, 9, 8], 1) as tf.Tensor4D, noise([3, 3, 4, 8], 2) as tf.Tensor4D];
    const offset = noise([1, 9, 9, 18], 3) as tf.Tensor4D;
    const attributes = { strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1] } as const;
    const run = () => tf.dispose([nativeConvolution(x, kernel, { ...attributes, groups: 2 }), nativeDeformableConvolution(x, kernel, offset, attributes)]);
    run();
    const heap = heapOf(tf.backend())!;
    const [tensors, bytes] = [tf.memory().numTensors, heap.memory.buffer.byteLength];
    // A kilobyte lost with each call would have the memory grow.
    for (let i = 0; i < 2000; i++) run();
    expect([tf.memory().numTensors, heap.memory.buffer.byteLength]).toEqual([tensors, bytes]);
  });

  test('it is not taken for reached where something is missing, nor where it is another one', () => {
    const backend = tf.backend() as unknown as { wasm: Record<string, unknown> };
    const { wasm } = backend;
    const like = (other: object) => Object.create(backend, { wasm: { value: other } }) as object;
    expect(heapOf(like(wasm))).toBeDefined();
    const foreign = { memory: new WebAssembly.Memory({ initial: 2048 }) };
    for (const other of [{ ...wasm, asm: {} }, { ...wasm, asm: foreign }, { ...wasm, _malloc: undefined }, {}]) expect(heapOf(like(other))).toBeUndefined();
    expect(heapOf(undefined)).toBeUndefined();
  });

  test('a backend whose memory is out of reach keeps the composed kernels', async () => {
    const stock = tf.findBackendFactory('wasm');
    tf.removeBackend('wasm');
    tf.registerBackend('wasm', async () => withoutMemory(await stock() as tf.KernelBackend));
    try {
      await tf.setBackend('wasm');
      const reports = await install({ patches });
      expect(reports.map(({ installed }) => installed)).toEqual(patches.map(() => false));
      expect(reports[0]?.reason).toMatch(/memory cannot be reached/);
      expect(hasNative('add')).toBe(false);
    } finally {
      tf.removeBackend('wasm');
      tf.registerBackend('wasm', stock);
    }
  });

  test('a backend that is started anew after install() has the kernels, or has none of them', async () => {
    await install({ patches });
    const stock = tf.findBackendFactory('wasm');
    tf.removeBackend('wasm');
    tf.registerBackend('wasm', stock);
    await tf.setBackend('wasm');
    const a = tf.tensor1d([1, 2]);
    expect([...nativeAdd(a, a, 'linear')!.dataSync()]).toEqual([2, 4]);
    tf.removeBackend('wasm');
    tf.registerBackend('wasm', async () => withoutMemory(await stock() as tf.KernelBackend));
    await tf.setBackend('wasm');
    expect(hasNative('add')).toBe(false);
    const x = noise([1, 4, 4, 2], 1) as tf.Tensor4D;
    const [dx] = tf.grads((input, filter) => tf.sum(tf.depthwiseConv2d(input as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same')))([x, tf.ones([1, 1, 2, 1])]);
    expect([...dx!.dataSync()], 'the composed gradient').toEqual(Array.from({ length: 32 }, () => 1));
    tf.removeBackend('wasm');
    tf.registerBackend('wasm', stock);
  });
});
