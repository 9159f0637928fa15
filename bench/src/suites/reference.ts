import { useBackend } from '../engines/backends.js';
import { REFERENCE, referenceWorkload, type Reference } from './reference-workload.js';

/** The reference on Node's wasm backend. */
export async function loadReference(): Promise<Reference> {
  return referenceWorkload(() => useBackend(REFERENCE.backend));
}
