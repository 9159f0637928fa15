import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { install, installedPatches, replaceKernel, uninstall, type Patch } from './index.js';

beforeEach(async () => void (await tf.setBackend('wasm')));
afterEach(uninstall);

/** A patch of a kernel that no backend has. */
function patch(name: string, more: Partial<Patch> = {}): Patch {
  return {
    name,
    backends: ['wasm', 'cpu'],
    probe: () => ({ needed: true, reason: `${name} is missing` }),
    apply: (backend) => replaceKernel(name, backend, () => () => tf.scalar(1)),
    ...more,
  };
}

const has = (name: string, backend = 'wasm') => tf.getKernel(name, backend) !== undefined;

describe('install', () => {
  test('puts in what its probe asks for, and leaves a mended TensorFlow.js alone', async () => {
    const reports = await install({ patches: [patch('A'), patch('B', { probe: () => ({ needed: false, reason: 'wasm has B' }) })] });
    expect(reports).toEqual([
      { name: 'A', backend: 'wasm', installed: true, reason: 'A is missing' },
      { name: 'B', backend: 'wasm', installed: false, reason: 'wasm has B' },
    ]);
    expect([has('A'), has('B')]).toEqual([true, false]);
    expect(installedPatches().map(({ name }) => name)).toEqual(['A']);
  });

  test('leaves a kernel where it is that is as quick as its remedy', async () => {
    const undo = replaceKernel('UnsortedSegmentSum', 'wasm', () => ({ inputs }) => tf.zerosLike(inputs['x'] as tf.Tensor));
    const quick = tf.getKernel('UnsortedSegmentSum', 'wasm');
    const [report] = (await install()).filter(({ name }) => name === 'UnsortedSegmentSum');
    expect(report?.installed).toBe(false);
    expect(tf.getKernel('UnsortedSegmentSum', 'wasm')).toBe(quick);
    undo();
  });

  test('is for the active backend, or for those that are named, and the active one stays', async () => {
    await install({ patches: [patch('A')] });
    expect([has('A'), has('A', 'cpu')]).toEqual([true, false]);
    await install({ backends: ['cpu'], patches: [patch('A')] });
    expect(has('A', 'cpu')).toBe(true);
    expect(tf.getBackend()).toBe('wasm');
  });

  test('a second call adds nothing twice', async () => {
    const first = await install({ patches: [patch('A')] });
    const kernel = tf.getKernel('A', 'wasm');
    expect(await install({ patches: [patch('A', { probe: () => ({ needed: false, reason: 'now it is there' }) })] })).toEqual(first);
    expect(tf.getKernel('A', 'wasm')).toBe(kernel);
    expect(installedPatches()).toHaveLength(1);
  });

  test('of two patches of one kernel the later wins and finds the earlier', async () => {
    const value = (offset: number): Patch['apply'] => (backend) => replaceKernel('A', backend, (stock) => (call) => tf.add((stock?.(call) as tf.Tensor | undefined) ?? 0, offset));
    await install({ patches: [patch('first', { apply: value(1) }), patch('second', { apply: value(10) })] });
    expect((tf.engine().runKernel('A', {}) as tf.Tensor).dataSync()[0]).toBe(11);
  });

  test('one patch that cannot be put in leaves none of the call', async () => {
    await install({ patches: [patch('A')] });
    const broken = patch('C', { apply: () => { throw new Error('no memory'); } });
    await expect(install({ patches: [patch('B'), broken] })).rejects.toThrow('no memory');
    expect([has('A'), has('B')]).toEqual([true, false]);
  });

  test('a backend that is not there is an error that names it', async () => {
    await expect(install({ backends: ['vulkan'] })).rejects.toThrow(/vulkan/);
    expect(tf.getBackend()).toBe('wasm');
  });

  test('two calls at once do not put anything in twice', async () => {
    await Promise.all([install({ patches: [patch('A')] }), install({ patches: [patch('A')] })]);
    expect(installedPatches()).toHaveLength(1);
  });

  test('all patches of the package leave no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await install({ backends: ['wasm', 'cpu'] });
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('uninstall gives every kernel, gradient and layer back', async () => {
  const state = () => [
    ...['wasm', 'cpu'].flatMap((backend) => tf.getKernelsForBackend(backend)),
    tf.getGradient('Conv2D'), tf.getGradient('DepthwiseConv2dNative'),
  ];
  const before = new Set(state());
  await install({ backends: ['wasm', 'cpu'] });
  expect(new Set(state())).not.toEqual(before);
  uninstall();
  expect(new Set(state())).toEqual(before);
  expect(installedPatches()).toEqual([]);
});
