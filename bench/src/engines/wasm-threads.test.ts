import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { uniformValues } from '../random.js';
import { openSubject } from '../suites/subject.js';
import { useBackend } from './backends.js';
import { chooseEngines, engineById } from './catalog.js';

const THREADS = 2;

afterAll(() => tf.removeBackend('wasm-threads'));

describe('the engine wasm-threads', () => {
  it('is found out in a process of its own', async () => {
    const { engines } = await chooseEngines(['wasm-threads', 'wasm-threads+compiled']);
    expect(engines.map(({ id }) => id)).toEqual(['wasm-threads', 'wasm-threads+compiled']);
    expect(tf.findBackend('wasm-threads')).toBeNull();
  });

  it('computes on as many threads as were asked for what wasm computes on one, in the same process', async () => {
    await useBackend('wasm');
    const model = await (await openSubject({ name: 'mobilenet_v2_tiny' })).build({ initialWeights: 'random', seed: 1 });
    const input = uniformValues(2 * 28 * 28, 1, 3);
    const outputs = new Map<string, Float32Array>();
    for (const id of ['wasm', 'wasm-threads', 'wasm', 'wasm-threads+compiled']) {
      const runner = await engineById(id).load(model, { batch: 2, threads: THREADS });
      const output = await runner.run(input);
      outputs.set(id, await output.read());
      output.dispose();
      await runner.dispose();
      if (id === 'wasm-threads') expect(runner.runtime).toEqual({ threads: THREADS, flags: { WASM_THREADS: '2' } });
    }
    const wanted = outputs.get('wasm')!;
    for (const id of ['wasm-threads', 'wasm-threads+compiled']) outputs.get(id)!.forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 5));
    const { wasm } = tf.findBackend('wasm-threads') as unknown as { wasm: { tfjs: { getThreadsCount(): number }; wasmMemory: WebAssembly.Memory } };
    expect(wasm.tfjs.getThreadsCount()).toBe(THREADS);
    expect(wasm.wasmMemory.buffer).toBeInstanceOf(SharedArrayBuffer);
    model.dispose();
  });

  it('has one number of threads in a process', async () => {
    await expect(useBackend('wasm-threads', { threads: THREADS + 1 })).rejects.toThrow('wasm-threads has 2 threads in this process, and cannot have 3 too');
  });

  it('lets a process end whose work is done, with its workers still there', async () => {
    const script = `
      const { registerThreads } = await import(${JSON.stringify(new URL('wasm-threads.mjs', import.meta.url).href)});
      const tf = await import(${JSON.stringify(import.meta.resolve('@tensorflow/tfjs-core'))});
      registerThreads({ threads: 3 });
      await tf.setBackend('wasm-threads');
      const sum = tf.conv2d(tf.ones([1, 3, 3, 1]), tf.ones([3, 3, 1, 1]), 1, 'valid');
      console.log((await sum.data())[0]);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 30_000 });
    expect(stdout.trim()).toBe('9');
  });
});
