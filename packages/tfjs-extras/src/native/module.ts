/** The compiled kernels on a backend's memory. */
import { heapOf, type Heap } from './heap.js';

/** A compiled module, for memory of its own. */
export interface Binary {
  readonly base64: string;
  /** Where the flag of the memory import stands. */
  readonly memoryFlag: number;
}

type Run = (fields: number) => void;

/** What the module exports; most kernels take a pointer to their fields. */
interface Exports {
  addClamped(a: number, b: number, y: number, count: number, low: number, high: number): void;
  pack(source: number, target: number, groups: number, taps: number, inner: number, outer: number, groupStride: number, tapStride: number, innerStride: number, outerStride: number): void;
  deformableScratch(taps: number, channels: number): number;
  convolve: Run;
  kernelGradient: Run;
  depthwiseInputGradient: Run;
  depthwiseKernelGradient: Run;
  bilinearSample: Run;
  bilinearSampleGradient: Run;
  deformableConvolve: Run;
  deformableGradient: Run;
}

/** The kernels on one backend's memory. */
export interface Native {
  readonly heap: Heap;
  readonly kernels: Exports;
  /** Runs a kernel with its fields in the order in which its class declares them: integers and pointers, behind them real numbers. */
  run(kernel: Run, fields: Readonly<Record<string, number>>, reals?: Readonly<Record<string, number>>): void;
}

/** The smallest module with relaxed SIMD: a function that returns f32x4.relaxed_madd of three constants. */
const RELAXED = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 1, 253, 17, 65, 1, 253, 17, 65, 1, 253, 17, 253, 133, 2, 11,
]);

/** Whether the engine has relaxed SIMD, and so a multiplication and addition in one instruction. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED);
}

/** The bytes of a module, for memory that threads share or that they do not. */
export function bytesOf({ base64, memoryFlag }: Binary, shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  // Bit 0: there is a maximum. Bit 1: shared.
  if (shared) bytes[memoryFlag] = 3;
  return bytes;
}

let binary: Binary | undefined;

/** Fetches the module that fits this engine. */
export async function fetchBinary(): Promise<void> {
  binary ??= (hasRelaxedSimd() ? await import('./binary/relaxed.js') : await import('./binary/simd.js')).binary;
}

const loaded = new WeakMap<object, Native | { readonly reason: string }>();

/** The kernels on a backend's memory, or why they cannot run there; once {@link fetchBinary} is done. Backends come and go, so this is asked with every call. */
export function nativeOf(backend: object): Native | { readonly reason: string } {
  const known = loaded.get(backend) ?? tryLoading(backend);
  loaded.set(backend, known);
  return known;
}

function tryLoading(backend: object): Native | { readonly reason: string } {
  const heap = heapOf(backend);
  if (heap === undefined || binary === undefined) return { reason: "the backend's memory cannot be reached" };
  try {
    return instantiate(new WebAssembly.Module(bytesOf(binary, heap.shared)), heap);
  } catch (error) {
    // No SIMD, another kind of memory, or a browser that compiles only small modules without waiting.
    return { reason: `the kernels do not load: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** @throws LinkError where the module does not fit the memory. */
export function instantiate(module: WebAssembly.Module, heap: Heap): Native {
  const { exports } = new WebAssembly.Instance(module, { env: { memory: heap.memory } });
  const run: Native['run'] = (kernel, fields, reals = {}) => {
    const [integers, numbers] = [Object.values(fields), Object.values(reals)];
    heap.withScratch([(integers.length + numbers.length) * 4], ([pointer]) => {
      // Taken now: the memory may have grown since, and its buffer is another one then.
      const { buffer } = heap.memory;
      new Int32Array(buffer, pointer, integers.length).set(integers);
      new Float32Array(buffer, pointer + integers.length * 4, numbers.length).set(numbers);
      kernel(pointer);
    });
  };
  return { heap, kernels: exports as unknown as Exports, run };
}
