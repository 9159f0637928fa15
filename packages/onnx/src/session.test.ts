import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { conv2d, OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createSession, OnnxError, toOnnx, type OnnxRuntime, type OnnxSession } from './index.js';

const QUIET = { threads: 1, spinning: false } as const;

let network: LayersModel;
let session: OnnxSession;
beforeAll(async () => {
  await tf.setBackend('wasm');
  const x = input({ shape: [4, 6, 3] });
  network = model({ inputs: x, outputs: conv2d(x, { filters: 2, kernelSize: 3 }) });
  session = await createSession(network, QUIET);
});
afterAll(async () => {
  await session.dispose();
  network.dispose();
});

const failure = (code: string, message: RegExp) => expect.objectContaining({ name: 'OnnxError', code, message: expect.stringMatching(message) });
const image = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape });

test('runs a batch of any size, on tensors and on memory, and leaves only what it returns', async () => {
  const x = tf.randomNormal([3, 4, 6, 3], 0, 1, 'float32', 3);
  const before = tf.memory().numTensors;
  const y = (await session.predict(x)) as tf.Tensor;
  expect(tf.memory().numTensors - before).toBe(1);
  const [raw] = await session.run([{ data: x.dataSync() as Float32Array, shape: x.shape }]);
  expect(raw?.shape).toEqual([3, 2, 4, 2]);
  expect(Array.from(raw?.data ?? [])).toEqual(Array.from(y.dataSync()));
  const expected = network.predict(x) as tf.Tensor;
  expect(tf.tidy(() => tf.max(tf.abs(tf.sub(y, expected))).dataSync()[0])).toBeLessThan(1e-5);
  tf.dispose([x, y, expected]);
});

test('takes the bytes of a file, images as in torch, several inputs and several outputs', async () => {
  const [a, b] = [input({ shape: [2, 2, 1] }), input({ shape: [2, 2, 1] })];
  const sum = layers.add().apply([a, b]) as typeof a;
  const pair = model({ inputs: [a, b], outputs: [sum, layers.flatten().apply(sum) as typeof a] });
  const file = await createSession(await toOnnx(pair, { inputLayout: 'nchw' }), QUIET);
  const results = await file.run([image(1, 1, 2, 2), image(1, 1, 2, 2)]);
  expect(results.map(({ shape, data }) => [shape, data[0]])).toEqual([[[1, 2, 2, 1], 2], [[1, 4], 2]]);
  await file.dispose();
  pair.dispose();
});

test('names what it cannot take', async () => {
  await expect(session.run([image(1, 4, 5, 3)])).rejects.toEqual(failure('ERR_ONNX_INPUT', /does not take inputs of the shapes \[1, 4, 5, 3\]/));
  await expect(session.run([])).rejects.toEqual(failure('ERR_ONNX_INPUT', /takes 1 inputs \(.+\), got 0/));
  await expect(session.predict([1] as never)).rejects.toThrow(OptionError);
});

test('says that it has been disposed, however often it is', async () => {
  const other = await createSession(network, QUIET);
  await other.dispose();
  await other.dispose();
  await expect(other.run([image(1, 4, 6, 3)])).rejects.toEqual(failure('ERR_ONNX_INPUT', /has been disposed/));
});

test('refuses options by name', async () => {
  await expect(createSession(network, { provider: 'gpu' as never })).rejects.toThrow(/provider must be one of "?cpu/);
  await expect(createSession(network, { threads: 0 })).rejects.toThrow(OptionError);
  await expect(createSession(network, { runtime: {} as never })).rejects.toThrow(/runtime must be a module of onnxruntime/);
});

test('names a provider that does not start, and a file that is none', async () => {
  await expect(createSession(network, { provider: 'coreml' })).rejects.toEqual(failure('ERR_ONNX_PROVIDER', /the provider coreml does not run this model here/));
  await expect(createSession(new Uint8Array([1, 2, 3]), QUIET)).rejects.toEqual(failure('ERR_ONNX_RUNTIME', /onnxruntime refuses the model/));
});

test('hands its options to the runtime', async () => {
  const create = vi.fn(async () => ({ inputNames: ['x'], outputNames: ['y'] }));
  const runtime = { InferenceSession: { create }, Tensor: class {} } as unknown as OnnxRuntime;
  expect((await createSession(new Uint8Array(1), { runtime, provider: 'webgpu', threads: 3, spinning: false })).provider).toBe('webgpu');
  expect(create.mock.lastCall).toEqual([new Uint8Array(1), expect.objectContaining({ executionProviders: ['webgpu'], intraOpNumThreads: 3, extra: { session: { intra_op: { allow_spinning: '0' } } } })]);
  expect((await createSession(new Uint8Array(1), { runtime })).provider).toBe('default');
  expect(create.mock.lastCall?.at(1)).not.toHaveProperty('executionProviders');
});

test('says what to install where onnxruntime-node is missing', async () => {
  vi.resetModules();
  vi.doMock('onnxruntime-node', () => { throw new Error('not found'); });
  const { createSession: alone } = await import('./session.js');
  await expect(alone(new Uint8Array(1))).rejects.toMatchObject({ code: 'ERR_ONNX_RUNTIME', message: expect.stringMatching(/npm install onnxruntime-node/) });
  vi.doUnmock('onnxruntime-node');
  expect(OnnxError.name).toBe('OnnxError');
});
