/**
 * TensorFlow's own library behind TensorFlow.js: where @tensorflow/tfjs-node and its GPU twin are looked for, how one is
 * loaded on this package's copy of tfjs-core, and a trial of it. Plain JavaScript, published as it stands: the trial runs this
 * very file in a process of its own, because a native addon that does not fit may end its process.
 */
import { existsSync, readdirSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import envPaths from 'env-paths';
import { answerTrial, inChild } from './trial.mjs';

/**
 * @typedef {'tensorflow' | 'tensorflow-gpu'} AddonId
 * @typedef {import('./trial.mjs').Unavailable} Unavailable
 * @typedef {{ entry: string, folder: string }} Addon  `entry` is the file to load, `folder` the package's.
 * @typedef {{ tensorflow: string, gpu: boolean }} Trial  TensorFlow's version, and whether it computes on a GPU.
 */

/** @type {Readonly<Record<AddonId, string>>} */
export const ADDON_PACKAGES = { tensorflow: '@tensorflow/tfjs-node', 'tensorflow-gpu': '@tensorflow/tfjs-node-gpu' };

/** Parts of TensorFlow.js of which there must be one copy: tensors and kernels of another are not ours. */
const SHARED = /^@tensorflow\/tfjs-(?:core|layers|backend-cpu)(?:$|\/)/;

/** Where tools/tensorflow/prepare.mjs puts the package unless told otherwise. @param {AddonId} id */
export function preparedFolder(id) {
  return path.join(envPaths('convkit', { suffix: '' }).cache, id === 'tensorflow' ? 'tfjs-node' : 'tfjs-node-gpu');
}

/**
 * The package as CONVKIT_TFJS_NODE (a folder that has it in its node_modules) gives it and nothing else; without that
 * variable, the first of: this package's project, the working folder's, the prepared folder. A package that npm installed
 * without running its install script has no addon and is passed over. Loads nothing.
 * @param {AddonId} id
 * @param {{ env?: NodeJS.ProcessEnv, from?: readonly string[] }} [options]  `from`: the projects
 * @returns {Addon | Unavailable}
 */
export function findAddon(id, { env = process.env, from = [fileURLToPath(import.meta.url), path.join(process.cwd(), 'package.json')] } = {}) {
  const asked = env.CONVKIT_TFJS_NODE;
  const name = ADDON_PACKAGES[id];
  const places = asked === undefined || asked === '' ? [...from, path.join(preparedFolder(id), 'package.json')] : [path.join(path.resolve(asked), 'package.json')];
  const bare = [];
  for (const place of places) {
    const entry = resolved(name, place);
    if (entry === undefined) continue;
    const folder = path.dirname(path.dirname(entry));
    if (hasBinary(folder)) return { entry, folder };
    bare.push(folder);
  }
  const hint = 'tools/tensorflow in the repository of convkit prepares it';
  if (bare.length > 0) return { reason: `${name} is installed without its native addon`, hint: `its install script did not run; ${hint}` };
  return { reason: `${name} is not installed${asked ? ' where CONVKIT_TFJS_NODE points' : ''}`, hint: `npm install ${name}, or ${hint}` };
}

/** @param {string} name @param {string} from @returns {string | undefined} */
function resolved(name, from) {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return undefined;
  }
}

/** The addon lies in lib/napi-v8, or another version of Node's interface. @param {string} folder */
function hasBinary(folder) {
  const lib = path.join(folder, 'lib');
  return existsSync(lib) && readdirSync(lib).some((version) => existsSync(path.join(lib, version, 'tfjs_binding.node')));
}

/**
 * Loads the package, whose backend 'tensorflow' becomes the current one of this package's tfjs-core.
 * Throws what the package or the system's linker says. @param {Addon} addon
 */
export function loadAddon({ entry }) {
  mendNode();
  // Read by TensorFlow when its library is loaded: without, each process begins with a page of what its build can do.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  const paths = [path.dirname(fileURLToPath(import.meta.url))];
  // The package depends on tfjs as a whole, with a core of its own beside it. Node has no other way to say which copy a
  // CommonJS package gets (module.registerHooks came with Node 22.15).
  const loader = /** @type {{ _resolveFilename(request: string, parent: unknown, main: unknown, options: unknown): string }} */ (/** @type {unknown} */ (Module));
  const original = loader._resolveFilename;
  loader._resolveFilename = (request, parent, main, options) => original.call(loader, request, parent, main, SHARED.test(request) ? { paths } : options);
  try {
    createRequire(import.meta.url)(entry);
  } finally {
    loader._resolveFilename = original;
  }
}

/** tfjs-node 4.22 calls what Node 23 took out of `util`; the mending pull request tensorflow/tfjs#8425 is not released. */
function mendNode() {
  const old = /** @type {Record<string, unknown>} */ (createRequire(import.meta.url)('node:util'));
  old.isNullOrUndefined ??= (/** @type {unknown} */ value) => value === null || value === undefined;
  old.isArray ??= Array.isArray;
}

/**
 * Loads the package in a child process and computes one convolution there. @param {AddonId} id @param {Addon} addon
 * @returns {Promise<Trial | Unavailable>}
 */
export async function tryAddon(id, addon) {
  return /** @type {Trial | Unavailable} */ ((await inChild(import.meta.url, [id, addon.entry], ADDON_PACKAGES[id])).answer);
}

/** The trial itself. @param {AddonId} id @param {string} entry @returns {Promise<Trial>} */
async function trial(id, entry) {
  loadAddon({ entry, folder: '' });
  const tf = /** @type {typeof import('@tensorflow/tfjs-core')} */ (createRequire(import.meta.url)('@tensorflow/tfjs-core'));
  if (!(await tf.setBackend('tensorflow'))) throw new Error('its backend does not start');
  // Of 3x3 ones under a filter of 3x3 ones.
  const sum = tf.conv2d(/** @type {import('@tensorflow/tfjs-core').Tensor4D} */ (tf.ones([1, 3, 3, 1])), /** @type {import('@tensorflow/tfjs-core').Tensor4D} */ (tf.ones([3, 3, 1, 1])), 1, 'valid');
  const [value] = await sum.data();
  if (value !== 9) throw new Error(`a convolution that gives 9 gave ${value}`);
  const { isUsingGpuDevice, binding } = /** @type {{ isUsingGpuDevice: boolean, binding: { TF_Version: string } }} */ (/** @type {unknown} */ (tf.backend()));
  if (id === 'tensorflow-gpu' && !isUsingGpuDevice) throw new Error('TensorFlow found no GPU that it can use: it needs an NVIDIA driver, and CUDA and cuDNN of the versions that its build names');
  return { tensorflow: binding.TF_Version, gpu: isUsingGpuDevice };
}

await answerTrial(import.meta.url, ADDON_PACKAGES[/** @type {AddonId} */ (process.argv[2])] ?? '', (id, entry) => trial(/** @type {AddonId} */ (id), /** @type {string} */ (entry)));
