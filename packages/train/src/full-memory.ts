import { TrainError } from './train-error.js';

/** What 32-bit addresses reach; a heap grows by pages, so that the last ones may be missing. */
const LIMIT = 2 ** 32;
const MARGIN = 2 ** 24;

/**
 * The error of a step that ended inside a wasm kernel, told as what it is where the heap cannot grow any more: kernels that get no
 * memory end in traps such as "table index is out of bounds". Any other error is given back as it is.
 * @param heap Bytes of the backend's heap; undefined where it has none.
 */
export function explained(error: unknown, heap: number | undefined, batch: number): unknown {
  if (!(error instanceof Error) || error.name !== 'RuntimeError' || heap === undefined || heap < LIMIT - MARGIN) return error;
  return new TrainError('ERR_TRAIN_MEMORY', `a step of ${batch} images does not fit into the memory of the wasm backend, which ends at 4 GiB; take a smaller batch (a kernel ended in "${error.message}")`, { cause: error });
}

/** The heap of tfjs' wasm backends. */
export function heapOf(backend: object): number | undefined {
  const { wasm } = backend as { wasm?: { HEAPU8?: Uint8Array } };
  return wasm?.HEAPU8?.length;
}
