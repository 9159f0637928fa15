/**
 * @typedef {{ cwrap(name: string, result: string | null, args: readonly string[]): unknown, tfjs?: object }} WasmModule
 *   A module of tfjs' wasm backend, as its factory makes it.
 */

/** Binds the C functions that the backend calls, as tfjs' own start does; for a module that is started in another way. @template M @param {M} wasm @returns {M} */
export function bound(wasm) {
  const module = /** @type {WasmModule} */ (/** @type {unknown} */ (wasm));
  module.tfjs = {
    init: module.cwrap('init', null, []),
    initWithThreadsCount: module.cwrap('init_with_threads_count', null, ['number']),
    getThreadsCount: module.cwrap('get_threads_count', 'number', []),
    registerTensor: module.cwrap('register_tensor', null, ['number', 'number', 'number']),
    disposeData: module.cwrap('dispose_data', null, ['number']),
    dispose: module.cwrap('dispose', null, []),
  };
  return wasm;
}

/** The worker's code as it must be: a line break inside a string of the package's text is one escape short. @param {string} contents */
export const workerCode = (contents) => contents.replaceAll('\n', '\\n');
