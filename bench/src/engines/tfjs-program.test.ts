import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { openSubject } from '../suites/subject.js';
import { useBackend } from './backends.js';
import { programOf, tfjsRunner } from './tfjs-program.js';

it('a runner whose device is lost gives no more results, neither from a run under way nor from the next', async () => {
  await useBackend('wasm');
  const model = await (await openSubject({ name: 'mobilenet_v2_tiny' })).build({ initialWeights: 'random', seed: 1 });
  let reason: string | undefined;
  const runner = tfjsRunner(await programOf('plain', model, 1), [1, 28, 28, 1], { use: () => useBackend('wasm'), fault: () => reason });
  const input = new Float32Array(28 * 28);
  const output = await runner.run(input);
  expect(await output.read()).toHaveLength(10);
  reason = 'the WebGPU device is lost (destroyed): somebody pulled it out';
  await expect(output.read()).rejects.toMatchObject({ exitCode: 4, message: reason });
  await expect(runner.run(input)).rejects.toMatchObject({ exitCode: 4, message: reason });
  output.dispose();
  const before = tf.memory().numTensors;
  await expect(runner.run(input)).rejects.toThrow(reason);
  expect(tf.memory().numTensors).toBe(before);
  model.dispose();
});
