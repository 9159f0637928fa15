import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sourceOf, VARIANTS } from '../../native/compile.mjs';
import { binary as relaxed } from './binary/relaxed.js';
import { binary as simd } from './binary/simd.js';
import type { Heap } from './heap.js';
import { bytesOf, hasRelaxedSimd, instantiate } from './module.js';

/** The numbers of a module's sections, from the binary format: after 8 bytes, an id and a length in LEB128 each. */
function sections(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 8; at < bytes.length; ) {
    found.push(bytes[at++]!);
    let [length, shift] = [0, 0];
    for (let byte = 128; byte >= 128; shift += 7) {
      byte = bytes[at++]!;
      length |= (byte & 127) << shift;
    }
    at += length;
  }
  return found;
}

test.each(VARIANTS)('%s is what the source compiles to', async (variant) => {
  const file = new URL(`./binary/${variant}.ts`, import.meta.url);
  expect(await sourceOf(variant), 'run: npm run native -w packages/tfjs-extras').toBe(readFileSync(file, 'utf8'));
});

test.each([['simd', simd], ['relaxed', relaxed]])('%s brings no memory, data, globals or start of its own: types, imports, functions, exports and code are all there is', (_, binary) => {
  // What else there could be: tables 4, memories 5, globals 6, start 8, elements 9, the data count 12 and data 11. Custom sections are 0.
  expect(sections(bytesOf(binary, false))).toEqual([1, 2, 3, 7, 10]);
});

test('the module takes one thing, the memory', () => {
  const module = new WebAssembly.Module(bytesOf(simd, false));
  expect(WebAssembly.Module.imports(module)).toMatchObject([{ module: 'env', name: 'memory', kind: 'memory' }]);
});

test('relaxed SIMD is used where the engine says that it has it', () => {
  expect(WebAssembly.validate(bytesOf(simd, false))).toBe(true);
  expect(WebAssembly.validate(bytesOf(relaxed, false))).toBe(hasRelaxedSimd());
});

describe.each([false, true])('on memory that is shared between threads: %s', (shared) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared });
  const heap: Heap = {
    memory,
    shared,
    pointer: () => 0,
    output: () => { throw new Error('not asked for'); },
    withScratch: () => { throw new Error('not asked for'); },
    clear: () => undefined,
  };

  test('a kernel reads and writes where it is told to, and nowhere else', () => {
    const { kernels } = instantiate(new WebAssembly.Module(bytesOf(hasRelaxedSimd() ? relaxed : simd, shared)), heap);
    const numbers = new Float32Array(memory.buffer);
    numbers.fill(-7);
    const count = 11;
    for (let i = 0; i < count; i++) [numbers[100 + i], numbers[200 + i]] = [i - 5, 1];
    kernels.addClamped(400, 800, 1200, count, 0, 4);
    expect([...numbers.subarray(300, 311)]).toEqual([0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4]);
    const touched = [...numbers.keys()].filter((i) => numbers[i] !== -7);
    expect(touched).toEqual([100, 200, 300].flatMap((from) => Array.from({ length: count }, (_, i) => from + i)));
  });
});
