import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createSession } from '@convkit/onnx';
import { saveModel } from '@convkit/weights/node';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from './main.js';

let folder: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'convkit export '));
  const model = zoo.get('resnet_tiny').build({ seed: 9 });
  await saveModel(model, join(folder, 'net'));
  model.dispose();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...argv: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const before = tf.memory().numTensors;
  const code = await main(['export', ...argv], { stdout, stderr, cwd: folder, env: {}, signal: new AbortController().signal });
  expect(tf.memory().numTensors, 'every tensor is given back').toBe(before);
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

describe('convkit export', () => {
  it('writes a saved model so that onnxruntime computes what it predicts', async () => {
    const { code, out, err } = await run('net/model.json', '--onnx', 'net.onnx');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^net\.onnx: model, 0\.\d MB\n$/);
    const model = zoo.get('resnet_tiny').build({ seed: 9 });
    const x = tf.randomNormal([2, ...zoo.get('resnet_tiny').input], 0, 1, 'float32', 3);
    const session = await createSession(await readFile(join(folder, 'net.onnx')), { threads: 1, spinning: false });
    const y = (await session.predict(x)) as tf.Tensor;
    const expected = model.predict(x) as tf.Tensor;
    expect(tf.tidy(() => tf.max(tf.abs(tf.sub(y, expected))).dataSync()[0])).toBeLessThan(1e-4);
    await session.dispose();
    tf.dispose([x, y, expected]);
    model.dispose();
  });

  it('takes the batch, the layout and other classes, and says that a new network is not trained', async () => {
    const { code, out, err } = await run('resnet_tiny', '--onnx', 'tiny.onnx', '--classes', '3', '--batch', '5', '--layout', 'nchw', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ model: 'resnet_tiny', family: 'resnet', file: 'tiny.onnx', bytes: (await readFile(join(folder, 'tiny.onnx'))).length });
    expect(err).toMatch(/resnet_tiny has the weights of a new network/);
    const session = await createSession(await readFile(join(folder, 'tiny.onnx')), { threads: 1, spinning: false });
    const [h, w, c] = zoo.get('resnet_tiny').input;
    const [logits] = await session.run([{ data: new Float32Array(5 * c * h * w), shape: [5, c, h, w] }]);
    expect(logits?.shape).toEqual([5, 3]);
    await session.dispose();
  });

  it('replaces a file only when told to, and leaves no other behind', async () => {
    await writeFile(join(folder, 'there.onnx'), 'old');
    expect(await run('resnet_tiny', '--onnx', 'there.onnx')).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/must be a file that is not there yet, there\.onnx is[^]*--force/) });
    expect(await readFile(join(folder, 'there.onnx'), 'utf8')).toBe('old');
    expect((await run('resnet_tiny', '--onnx', 'there.onnx', '--force')).code).toBe(0);
    expect((await readFile(join(folder, 'there.onnx'))).length).toBeGreaterThan(1000);
    expect((await readdir(folder)).filter((name) => name.includes('there'))).toEqual(['there.onnx']);
  });

  it.each<[string, string[], number, RegExp]>([
    ['a model that is not there', ['resnet_tinny', '--onnx', 'x.onnx'], 2, /did you mean resnet_tiny/],
    ['no file', ['resnet_tiny'], 2, /--onnx/],
    ['a folder', ['resnet_tiny', '--onnx', 'net'], 2, /--onnx must be a file, got a folder: net/],
    ['a file in no folder', ['resnet_tiny', '--onnx', 'nowhere/x.onnx'], 2, /must be inside an existing folder, nowhere does not exist/],
    ['an old opset', ['resnet_tiny', '--onnx', 'x.onnx', '--opset', '9'], 2, /--opset/],
    ['an unknown layout', ['resnet_tiny', '--onnx', 'x.onnx', '--layout', 'chwn'], 2, /--layout/],
    ['a file that is no model', ['broken.json', '--onnx', 'x.onnx'], 3, /broken\.json/],
  ])('refuses %s', async (_, argv, code, message) => {
    await writeFile(join(folder, 'broken.json'), '{}');
    const result = await run(...argv);
    expect(result.err).toMatch(message);
    expect(result.code).toBe(code);
    expect(await readdir(folder)).not.toContain('x.onnx');
  });
});
