/**
 * WebGPU in Node through the npm package `webgpu` (Dawn, the implementation inside Chromium): where it is, which adapter it
 * chooses, tfjs' WebGPU backend on it, and a trial of all that in a process of its own. Plain JavaScript, published as it
 * stands: the trial runs this very file, and checks of the repository start it without a build.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { answerTrial, inChild } from './trial.mjs';

/**
 * @typedef {import('./trial.mjs').Unavailable} Unavailable
 * @typedef {{ name: string, vendor: string, architecture: string, software: boolean, version: string }} Adapter
 *   What computes; `software` is a GPU that the processor imitates; `version` is the package's.
 * @typedef {{ entry: string, version: string }} WebgpuPackage
 * @typedef {{ adapter: Adapter, fault(): string | undefined, forget(): void }} Device
 *   `fault` says why nothing that it computes counts any more; `forget` lets a check go on after a program that was refused.
 */

const PACKAGE = 'webgpu';
const NEEDS = 'it needs a GPU with a Vulkan, Metal or Direct3D 12 driver';
/** Vulkan drivers that compute on the processor. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|\bwarp\b|basic render/i;

/**
 * The package, from this package's project or the working folder's. Loads nothing.
 * @param {readonly string[]} [from]
 * @returns {WebgpuPackage | Unavailable}
 */
export function findWebgpu(from = [fileURLToPath(import.meta.url), path.join(process.cwd(), 'package.json')]) {
  for (const place of from) {
    try {
      const entry = createRequire(place).resolve(PACKAGE);
      return { entry, version: JSON.parse(readFileSync(path.join(path.dirname(entry), 'package.json'), 'utf8')).version };
    } catch {
      // Not there.
    }
  }
  return { reason: `the package ${PACKAGE} is not installed`, hint: `npm install ${PACKAGE}` };
}

/** @typedef {{ info: Record<string, string> & { isFallbackAdapter?: boolean } }} GpuAdapter */

/**
 * Loads Dawn into this process, as `navigator.gpu`, and makes tfjs' backend 'webgpu' the current one. Options for Dawn, such
 * as `adapter=NAME` or `backend=vulkan`, come from CONVKIT_WEBGPU, separated by semicolons.
 * @param {WebgpuPackage} found
 * @returns {Promise<Device>} Throws without an adapter, and where the backend does not start.
 */
export async function loadWebgpu({ entry, version }) {
  const { create, globals } = await import(pathToFileURL(entry).href);
  const scope = /** @type {Record<string, unknown> & { navigator?: object }} */ (/** @type {unknown} */ (globalThis));
  // Node 20 has no navigator, later ones have one without a GPU.
  scope.navigator ??= {};
  Object.assign(scope, globals);
  const gpu = create((process.env.CONVKIT_WEBGPU ?? '').split(';').filter((part) => part !== ''));
  Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  // As tfjs is going to ask.
  const adapter = /** @type {GpuAdapter | null} */ (await gpu.requestAdapter({ powerPreference: 'high-performance' }));
  if (adapter === null) throw new Error(`no adapter: ${NEEDS}`);
  const require = createRequire(import.meta.url);
  const tf = /** @type {typeof import('@tensorflow/tfjs-core')} */ (require('@tensorflow/tfjs-core'));
  require('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new Error("tfjs' backend webgpu does not start on the adapter");
  return { adapter: describe(adapter, version), ...watched(/** @type {{ device: GpuDevice }} */ (/** @type {unknown} */ (tf.backend())).device) };
}

/** @param {GpuAdapter} adapter @param {string} version @returns {Adapter} */
function describe({ info }, version) {
  const { vendor = '', architecture = '', device = '', description = '', isFallbackAdapter = false } = info;
  const name = description || device || architecture || vendor || 'unnamed';
  return { name, vendor, architecture, software: isFallbackAdapter || SOFTWARE.test(`${architecture} ${device} ${description}`), version };
}

/** @typedef {{ lost: Promise<{ reason: string, message: string }>, addEventListener(type: 'uncapturederror', listen: (event: { error: { message: string }, preventDefault?(): void }) => void): void }} GpuDevice */

/**
 * tfjs does not say that a device is lost or has refused a program: it goes on with zeros.
 * @param {GpuDevice} device @returns {Pick<Device, 'fault' | 'forget'>}
 */
function watched(device) {
  /** @type {string | undefined} */
  let fault;
  void device.lost.then(({ reason, message }) => {
    fault ??= `the WebGPU device is lost (${reason}): ${message.split('\n')[0]}`;
  });
  device.addEventListener('uncapturederror', (event) => {
    // The first is the cause, the others follow from it.
    event.preventDefault?.();
    fault ??= `the WebGPU device refuses a program: ${event.error.message.split('\n')[0]}`;
  });
  return {
    fault: () => fault,
    forget: () => {
      fault = undefined;
    },
  };
}

/**
 * Loads the package in a child process and computes one convolution there.
 * @param {WebgpuPackage} found @returns {Promise<Adapter | Unavailable>}
 */
export async function tryWebgpu({ entry, version }) {
  const { answer, said } = await inChild(import.meta.url, [entry, version], PACKAGE);
  if (!('reason' in answer)) return /** @type {Adapter} */ (answer);
  // Dawn writes there which library it did not find.
  const why = /Couldn't load Vulkan: (.*?)(?: file)?: No such file/.exec(said)?.[1];
  return { hint: NEEDS, ...answer, ...(why === undefined || !answer.reason.includes('no adapter') ? {} : { reason: `no adapter: ${why}` }) };
}

/** The trial itself. @param {string} entry @param {string} version @returns {Promise<Adapter>} */
async function trial(entry, version) {
  const { adapter, fault } = await loadWebgpu({ entry, version });
  const tf = /** @type {typeof import('@tensorflow/tfjs-core')} */ (createRequire(import.meta.url)('@tensorflow/tfjs-core'));
  // Of 3x3 ones under a filter of 3x3 ones.
  const sum = tf.conv2d(/** @type {import('@tensorflow/tfjs-core').Tensor4D} */ (tf.ones([1, 3, 3, 1])), /** @type {import('@tensorflow/tfjs-core').Tensor4D} */ (tf.ones([3, 3, 1, 1])), 1, 'valid');
  const [value] = await sum.data();
  const wrong = fault();
  if (wrong !== undefined) throw new Error(wrong);
  if (value !== 9) throw new Error(`a convolution that gives 9 gave ${value}`);
  return adapter;
}

await answerTrial(import.meta.url, PACKAGE, (entry = '', version = '') => trial(entry, version));
