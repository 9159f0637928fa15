/**
 * tfjs' wasm backend on several threads in Node, out of the unmodified package. The package brings a threaded build but starts
 * it in browsers only (its flag is false in Node: tensorflow/tfjs#3830, #8059). Plain JavaScript, published as it stands:
 * checks of the repository start it without a build, and its trial runs this very file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { compileFunction } from 'node:vm';
import { answerTrial, inChild } from './trial.mjs';
import { bound, workerCode } from './wasm-bindings.mjs';

/** @typedef {import('./trial.mjs').Unavailable} Unavailable */

/** By which name tfjs knows the backend: beside 'wasm', which runs on one thread in the same process. */
export const THREADS_BACKEND = 'wasm-threads';

const PACKAGE = '@tensorflow/tfjs-backend-wasm';
/** The build starts this many workers, whatever it is asked for, and uses no more. */
const MOST_THREADS = 8;

const require = createRequire(import.meta.url);

/** Files of the package. @returns {{ entry: string, script: string, worker: string, folder: string }} */
function files() {
  const entry = require.resolve(PACKAGE);
  const folder = path.join(path.dirname(entry), '..', 'wasm-out');
  const name = 'tfjs-backend-wasm-threaded-simd';
  return { entry, folder, script: path.join(folder, `${name}.js`), worker: path.join(folder, `${name}.worker.js`) };
}

/** Whether it computes, found out in a process of its own: its workers would stay in this one. @returns {Promise<true | Unavailable>} */
export async function threadsAvailable() {
  if (typeof SharedArrayBuffer === 'undefined') return { reason: 'this Node has no SharedArrayBuffer' };
  const missing = [files().script, files().worker].find((file) => !existsSync(file));
  if (missing !== undefined) return { reason: `${PACKAGE} has no ${path.basename(missing)}`, hint: `npm install ${PACKAGE}@4.22.0` };
  const { answer } = await inChild(import.meta.url, [], THREADS_BACKEND);
  return 'reason' in answer ? answer : true;
}

/** Runs a CommonJS file with a `require` of ours. @param {string} file @param {(name: string) => unknown} load @returns {any} */
function evaluated(file, load) {
  const module = { exports: {} };
  compileFunction(readFileSync(file, 'utf8'), ['exports', 'require', 'module', '__filename', '__dirname'], { filename: file })(module.exports, load, module, file, path.dirname(file));
  return module.exports;
}

/** @type {number | undefined} */
let started;

/**
 * Registers the backend 'wasm-threads' with this process' tfjs-core; nothing is computed and no worker runs before
 * `tf.setBackend`. The workers keep no process alive; `tf.removeBackend('wasm-threads')` ends them earlier.
 * @param {{ threads?: number | undefined }} [options]  Default: one a core; the build takes 8 at most.
 * @returns {number} the threads. Throws when it runs on another number of threads already.
 */
export function registerThreads({ threads = started ?? availableParallelism() } = {}) {
  const count = Math.min(threads, MOST_THREADS);
  if (started !== undefined && count !== started) throw new Error(`wasm-threads has ${started} threads in this process, and cannot have ${count} too`);
  if (started !== undefined) return started;
  const { entry, folder, script, worker } = files();
  const core = require('@tensorflow/tfjs-core');
  const load = createRequire(entry);
  // Kernels keep the functions of the module they were set up for in variables of their file, so one copy of the package serves
  // one module. This second copy registers its kernels under another name, and no backend.
  const view = { ...core, registerBackend: () => false, registerKernel: (/** @type {import('@tensorflow/tfjs-core').KernelConfig} */ kernel) => core.registerKernel({ ...kernel, backendName: THREADS_BACKEND }) };
  const { BackendWasm, setThreadsCount } = evaluated(entry, (name) => (name === '@tensorflow/tfjs-core' ? view : load(name)));
  // The build takes half of the cores that it sees at most, thinking of hyperthreads.
  const os = { ...load('node:os'), cpus: () => ({ length: 2 * count }) };
  const factory = evaluated(script, (name) => (name === 'os' ? os : load(name)));
  const address = workerAddress(script, load(worker).wasmWorkerContents);
  core.registerBackend(THREADS_BACKEND, async () => {
    const wasm = await factory({ locateFile: (/** @type {string} */ name) => (name.endsWith('.worker.js') ? address : path.join(folder, name)), mainScriptUrlOrBlob: script });
    setThreadsCount(count);
    const backend = new BackendWasm(bound(wasm));
    // They wait for work for good; without this a process that has nothing left to do would wait for them.
    for (const thread of Object.values(wasm.PThread.pthreads)) thread.unref();
    return backend;
  }, 0);
  started = count;
  return count;
}

/** The worker's code, which the package has as text for a Blob, as an address that Node starts a worker from. @param {string} script @param {string} code */
function workerAddress(script, code) {
  const prelude = `import { createRequire } from 'node:module'; const __filename = ${JSON.stringify(script)}; const require = createRequire(__filename);`;
  return new URL(`data:text/javascript,${encodeURIComponent(prelude + workerCode(code))}`);
}

/** The trial itself: 3x3 ones under a filter of 3x3 ones. */
async function trial() {
  registerThreads();
  const tf = /** @type {typeof import('@tensorflow/tfjs-core')} */ (require('@tensorflow/tfjs-core'));
  if (!(await tf.setBackend(THREADS_BACKEND))) throw new Error('its backend does not start: is a .wasm file of the package missing or broken?');
  const sum = tf.conv2d(/** @type {import('@tensorflow/tfjs-core').Tensor4D} */ (tf.ones([1, 3, 3, 1])), /** @type {import('@tensorflow/tfjs-core').Tensor4D} */ (tf.ones([3, 3, 1, 1])), 1, 'valid');
  const [value] = await sum.data();
  if (value !== 9) throw new Error(`a convolution that gives 9 gave ${value}`);
  return {};
}

await answerTrial(import.meta.url, THREADS_BACKEND, trial);
