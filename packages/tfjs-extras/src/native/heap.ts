import type * as tf from '@tensorflow/tfjs-core';

/** The memory in which the wasm backend keeps its tensors. */
export interface Heap {
  readonly memory: WebAssembly.Memory;
  /** Whether threads share it. */
  readonly shared: boolean;
  /** Where a tensor's numbers are. */
  pointer(tensor: tf.TensorInfo): number;
  /** A new float32 tensor whose numbers are not set. */
  output(shape: number[]): tf.TensorInfo;
  /** Runs with pieces of so many bytes, 16 bytes aligned, that are free again afterwards. */
  withScratch<const S extends readonly number[], T>(sizes: S, use: (pointers: { readonly [K in keyof S]: number }) => T): T;
  /** Sets so many bytes to 0: new memory holds anything. */
  clear(pointer: number, bytes: number): void;
}

/** What is used of `BackendWasm` and of the Emscripten module inside. Its declared type leaves the memory out. */
interface WasmBackend {
  wasm: { asm?: { memory?: unknown }; wasmMemory?: unknown; _malloc(bytes: number): number; _free(pointer: number): void };
  getMemoryOffset(dataId: object): number;
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo;
  disposeData(dataId: object, force: boolean): boolean;
}

const ALIGNMENT = 16;
const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function isWasmBackend(backend: unknown): backend is WasmBackend {
  if (!isObject(backend) || !isObject(backend['wasm'])) return false;
  const { wasm } = backend;
  return [backend['getMemoryOffset'], backend['makeOutput'], backend['disposeData'], wasm['_malloc'], wasm['_free']].every((part) => typeof part === 'function');
}

/**
 * The heap of a wasm backend, or undefined where it cannot be reached: these are TensorFlow.js' internals. Whether it is the memory of
 * the tensors is tried with a tensor.
 */
export function heapOf(backend: unknown): Heap | undefined {
  if (!isWasmBackend(backend)) return undefined;
  const { wasm } = backend;
  // The build with threads makes its memory itself, the other one exports it.
  const memory = wasm.wasmMemory ?? wasm.asm?.memory;
  if (!(memory instanceof WebAssembly.Memory)) return undefined;
  const pointer = (tensor: tf.TensorInfo) => backend.getMemoryOffset(tensor.dataId);
  const output = (shape: number[]) => backend.makeOutput(shape, 'float32');
  const heap: Heap = {
    memory,
    shared: typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer,
    pointer,
    output,
    withScratch: (sizes, use) => {
      const bytes = sizes.reduce((sum, size) => sum + aligned(size), ALIGNMENT);
      // Signed, as the module returns it, above 2 GB.
      const start = wasm._malloc(bytes) >>> 0;
      if (start === 0) throw new Error(`the wasm backend has no ${bytes} bytes left for a kernel to work in`);
      try {
        let at = aligned(start);
        return use(sizes.map((size) => {
          at += aligned(size);
          return at - aligned(size);
        }) as { readonly [K in keyof typeof sizes]: number });
      } finally {
        wasm._free(start);
      }
    },
    clear: (at, bytes) => void new Uint8Array(memory.buffer, at, bytes).fill(0),
  };
  return holdsTensors(heap, backend) ? heap : undefined;
}

/** Whether a number written where a new tensor is said to be is read by the backend as that tensor's. */
function holdsTensors({ memory, pointer, output }: Heap, backend: WasmBackend): boolean {
  const tensor = output([1]);
  try {
    const at = pointer(tensor);
    if (!Number.isInteger(at) || at <= 0 || at + 4 > memory.buffer.byteLength) return false;
    new Float32Array(memory.buffer, at, 1)[0] = 1.5;
    return (backend as unknown as tf.KernelBackend).readSync(tensor.dataId)[0] === 1.5;
  } finally {
    backend.disposeData(tensor.dataId, true);
  }
}
