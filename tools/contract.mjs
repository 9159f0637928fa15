/**
 * The contract of every block and layer in Node, on one backend, in a process of its own: the code is bundled from source, the
 * process starts the backend as the benchmark does. check-contract-node.mjs, check-matrix.mjs and tensorflow/check.mjs use it.
 */
import { build } from 'esbuild';
import { fork } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findAddon, loadAddon } from '../bench/src/engines/tensorflow-addon.mjs';
import { registerThreads, threadsAvailable } from '../bench/src/engines/wasm-threads.mjs';
import { findWebgpu, loadWebgpu, tryWebgpu } from '../bench/src/engines/webgpu-device.mjs';
import { ROOT } from './workspace.mjs';

/**
 * @typedef {import('../testing/src/contract/native.js').NodeBackend} NodeBackend
 * @typedef {import('../testing/src/contract/native.js').RowChoice} RowChoice
 * @typedef {import('../testing/src/contract/native.js').RowsReport} RowsReport
 * @typedef {RowsReport & { known: string[], on: string, seconds: number, training: { id: string, first: number, last: number }[], lost?: string }} Report
 *   `on` says what computed. `lost` is what the backend says after its device was destroyed.
 * @typedef {{ backend: NodeBackend, choice: RowChoice, train: readonly string[] }} Task
 */

export const NODE_BACKENDS = /** @type {const} */ (['wasm', 'wasm-threads', 'cpu', 'webgpu', 'tensorflow', 'onnxruntime']);

/** Bundled into the repository, so that what it leaves outside is found in node_modules. */
const BUNDLE = path.join(ROOT, 'node_modules', '.cache', 'convkit', 'contract-native.mjs');
/** Debian's chromium brings a Vulkan driver that computes on the processor, and the loader for it. */
const CHROMIUM = process.env.CHROMIUM_FOLDER ?? '/usr/lib/chromium';
const LIMIT_MS = 15 * 60_000;
const LOST_MS = 5000;

/** The contract's code from source; TensorFlow.js stays outside, where a backend finds the same copy. */
async function bundle() {
  mkdirSync(path.dirname(BUNDLE), { recursive: true });
  await build({
    entryPoints: [path.join(ROOT, 'testing/src/contract/native.ts')], bundle: true, format: 'esm', platform: 'node', target: 'es2022', outfile: BUNDLE,
    conditions: ['@convkit/source'], external: ['@tensorflow/*', 'onnxruntime-node', 'onnxruntime-web'], logLevel: 'warning',
  });
}

/**
 * The surroundings in which WebGPU finds an adapter: these, or with the software GPU of Debian's chromium where there is no other.
 * @returns {Promise<{ env: NodeJS.ProcessEnv } | { reason: string }>}
 */
export async function webgpuSurroundings() {
  const found = findWebgpu();
  if ('reason' in found) return found;
  const driver = path.join(CHROMIUM, 'vk_swiftshader_icd.json');
  const own = await tryWebgpu(found);
  if (!('reason' in own)) return { env: {} };
  if (!existsSync(driver)) return { reason: `${own.reason}; and no software GPU at ${driver} (apt-get install chromium)` };
  const env = { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: [CHROMIUM, process.env.LD_LIBRARY_PATH ?? ''].filter((part) => part !== '').join(':') };
  const before = { ...process.env };
  Object.assign(process.env, env);
  const answer = await tryWebgpu(found).finally(() => {
    for (const name of Object.keys(env)) if (before[name] === undefined) delete process.env[name]; else process.env[name] = before[name];
  });
  return 'reason' in answer ? answer : { env };
}

/** Why the backend cannot be checked here, or what its process needs. @param {NodeBackend} backend @returns {Promise<{ env: NodeJS.ProcessEnv } | { reason: string }>} */
export async function surroundings(backend) {
  if (backend === 'webgpu') return webgpuSurroundings();
  const answer = backend === 'wasm-threads' ? await threadsAvailable() : backend === 'tensorflow' ? findAddon('tensorflow') : true;
  return answer !== true && 'reason' in answer ? answer : { env: {} };
}

/**
 * Checks rows on a backend, and trains networks there. @param {Task} task @param {NodeJS.ProcessEnv} env  on top of this process' own
 * @returns {Promise<Report | { reason: string }>}  The reason when the process ended without a report.
 */
export async function checkBackend(task, env) {
  await bundle();
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(task)], { env: { ...process.env, ...env, CONVKIT_CHECK: 'contract' }, cwd: ROOT, timeout: LIMIT_MS, killSignal: 'SIGKILL', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  /** @type {Report | { reason: string } | undefined} */
  let report;
  child.on('message', (message) => {
    report = /** @type {Report} */ (message);
  });
  const ended = await new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`)));
  return report ?? { reason: `its process ended without a report (${ended})` };
}

/** Prints a report. @param {NodeBackend} backend @param {Report | { reason: string }} report @returns {number} how much failed */
export function printReport(backend, report) {
  if ('reason' in report) {
    console.log(`FAIL ${backend}: ${report.reason}`);
    return 1;
  }
  for (const failure of report.failures) console.log(`FAIL ${backend}, ${failure}`);
  console.log(`${backend} on ${report.on}: ${report.hold} of ${report.rows} rows hold, ${report.seconds} s`);
  for (const line of report.known) console.log(`known: ${line}`);
  let failed = report.rows - report.hold + (report.rows === 0 ? 1 : 0);
  for (const { id, first, last } of report.training) {
    const learns = last < first / 2;
    failed += learns ? 0 : 1;
    console.log(`${learns ? 'ok  ' : 'FAIL'} training ${id} on ${backend}: loss ${first.toFixed(3)} to ${last.toFixed(3)}`);
  }
  if (backend === 'webgpu') {
    const says = report.lost?.includes('is lost') === true;
    failed += says ? 0 : 1;
    console.log(`${says ? 'ok  ' : 'FAIL'} a destroyed device: ${report.lost ?? 'nothing says so'}`);
  }
  return failed;
}

/** In the child: starts the backend. @param {NodeBackend} backend @returns {Promise<{ on: string, device?: import('../testing/src/contract/native.js').Complaints }>} */
async function start(backend) {
  if (backend === 'webgpu') {
    const found = findWebgpu();
    if ('reason' in found) throw new Error(found.reason);
    const device = await loadWebgpu(found);
    return { on: `${device.adapter.name} (webgpu ${device.adapter.version})`, device };
  }
  if (backend === 'tensorflow') {
    const addon = findAddon('tensorflow');
    if ('reason' in addon) throw new Error(addon.reason);
    loadAddon(addon);
    return { on: "TensorFlow's library" };
  }
  if (backend === 'onnxruntime') return { on: `onnxruntime-node ${createRequire(import.meta.url)('onnxruntime-node/package.json').version}` };
  return { on: backend === 'wasm-threads' ? `${registerThreads({ threads: 2 })} threads` : 'one thread' };
}

/** In the child: the checks. @param {Task} task @returns {Promise<Report>} */
async function run({ backend, choice, train }) {
  const { on, device } = await start(backend);
  const native = /** @type {typeof import('../testing/src/contract/native.js')} */ (await import(BUNDLE));
  const tf = /** @type {typeof import('@tensorflow/tfjs-core')} */ (createRequire(import.meta.url)('@tensorflow/tfjs-core'));
  const started = performance.now();
  const rows = await native.checkRows(backend, choice, device);
  const training = [];
  if (train.length > 0) await tf.setBackend(backend);
  for (const id of train) training.push({ id, ...(await native.train(id)) });
  const seconds = Math.round((performance.now() - started) / 1000);
  const lost = device === undefined ? undefined : await destroyed(tf, device);
  return { ...rows, known: native.known(backend), on, training, seconds, ...(lost === undefined ? {} : { lost }) };
}

/** What is said when the device goes away under the backend. @param {typeof import('@tensorflow/tfjs-core')} tf @param {import('../testing/src/contract/native.js').Complaints} complaints */
async function destroyed(tf, { fault }) {
  await tf.setBackend('webgpu');
  /** @type {{ device: { destroy(): void } }} */ (/** @type {unknown} */ (tf.backend())).device.destroy();
  for (const end = performance.now() + LOST_MS; fault() === undefined && performance.now() < end;) await new Promise((resolve) => setTimeout(resolve, 10));
  return fault();
}

if (process.send !== undefined && process.env.CONVKIT_CHECK === 'contract') {
  const report = await run(JSON.parse(process.argv[2] ?? '')).catch((error) => ({ reason: String(error.message) }));
  process.send(report, () => process.exit());
}
