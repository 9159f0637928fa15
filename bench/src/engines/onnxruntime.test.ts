import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { uniformValues } from '../random.js';
import { openSubject } from '../suites/subject.js';
import { engineById } from './catalog.js';
import { onnxruntimeEngine } from './onnxruntime.js';
import { useBackend } from './backends.js';

beforeAll(() => useBackend('wasm'));

async function tiny() {
  return (await openSubject({ name: 'mobilenet_v2_tiny' })).build({ initialWeights: 'random', seed: 1 });
}

describe('the engine onnxruntime', () => {
  it('puts out what tfjs does, keeps no tensor, and says threads, version and provider', async () => {
    const model = await tiny();
    const input = uniformValues(2 * 28 * 28, 1, 3);
    const before = tf.memory().numTensors;
    const runner = await engineById('onnxruntime').load(model, { batch: 2, threads: 1 });
    const found = await (await runner.run(input)).read();
    const [again] = [await (await runner.run(input)).read()];
    await runner.dispose();
    expect(tf.memory().numTensors).toBe(before);
    const wanted = tf.tidy(() => (model.predict(tf.tensor(input, [2, 28, 28, 1])) as tf.Tensor).dataSync());
    found.forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 5));
    expect(again).toEqual(found);
    expect(runner.runtime).toEqual({ threads: 1, flags: { ONNXRUNTIME_VERSION: expect.stringMatching(/^\d+\.\d+\.\d+$/), ONNXRUNTIME_PROVIDER: 'cpu' } });
    model.dispose();
  });

  it('with a provider that does not start says why, in one line, and what would help', async () => {
    const answer = await onnxruntimeEngine('cuda').available();
    // A machine with CUDA may have it.
    if (answer === true) return;
    expect(answer.reason).toMatch(/^its provider cuda does not start: \S[^\n]+$/);
    expect(answer.hint).toContain('NVIDIA');
  });
});
