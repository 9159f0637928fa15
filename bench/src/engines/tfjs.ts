import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { messageOf } from '../errors.js';
import type { Engine, Output, Runner, Runtime, Unavailable } from './engine.js';
import { inputShapeOf } from './input-shape.js';
import { addonAvailable, startAddon, tensorflowRuntime, type AddonId } from './tensorflow.js';

/** A tfjs backend that runs in Node: out of npm alone, or TensorFlow's library behind an addon. */
export type Backend = 'cpu' | 'wasm' | AddonId;

const isAddon = (backend: Backend): backend is AddonId => backend === 'tensorflow' || backend === 'tensorflow-gpu';
/** By which name tfjs knows it. */
const nameOf = (backend: Backend): string => (isAddon(backend) ? 'tensorflow' : backend);

/** What both `LayersModel` and the compiled program do. */
interface Program {
  predict(input: tf.Tensor): tf.Tensor | tf.Tensor[];
  dispose(): void;
}

/** How a model runs on a backend: as it is, folded and fused by `@convkit/graph`, or rebuilt in tf.layers' own layers. */
type Form = 'plain' | 'compiled' | 'stock';

const PROGRAMS: Readonly<Record<Form, (model: LayersModel, batch: number) => Program | Promise<Program>>> = {
  plain: plainProgram,
  compiled: async (model) => (await import('@convkit/graph')).compile(model),
  async stock(model, batch) {
    const twin = (await import('./stock-twin.js')).stockTwin(model);
    return { ...plainProgram(twin, batch), dispose: () => void twin.dispose() };
  },
};

/** A tfjs backend running the layers model in one of its forms: ids `wasm`, `wasm+compiled`, `wasm+stock`. */
export function tfjsEngine(backend: Backend, form: Form): Engine {
  return {
    id: form === 'plain' ? backend : `${backend}+${form}`,
    backend,
    threaded: isAddon(backend),
    available: () => backendAvailable(backend),
    start: (options) => useBackend(backend, options),
    async load(model, { batch, threads }) {
      await useBackend(backend, { threads });
      const program = await PROGRAMS[form](model, batch);
      return tfjsRunner(backend, program, [batch, ...inputShapeOf(model)]);
    },
  };
}

/** An addon is tried in a process of its own: the one that asks may go on to measure something else. */
async function backendAvailable(backend: Backend): Promise<true | Unavailable> {
  if (isAddon(backend)) return addonAvailable(backend);
  try {
    await useBackend(backend);
    return true;
  } catch (error) {
    return { reason: messageOf(error) };
  }
}

/** Makes `backend` the current one; `threads` are those of an addon. Throws with the backend's name when it does not start. */
export async function useBackend(backend: Backend, options: { threads?: number | undefined } = {}): Promise<void> {
  if (isAddon(backend)) await startAddon(backend, options);
  const name = nameOf(backend);
  if (tf.getBackend() === name) return;
  // Imported here: a backend registers itself on import and takes its time.
  if (tf.findBackendFactory(name) === null) {
    await (backend === 'wasm' ? import('@tensorflow/tfjs-backend-wasm') : import('@tensorflow/tfjs-backend-cpu'));
  }
  if (!(await tf.setBackend(name))) throw new Error(`tfjs backend ${name} did not start`);
  if (backend === 'cpu') useQuietly();
}

/** What a record says of the runtime below a backend, where it is not tfjs itself that computes. */
export function backendRuntime(backend: Backend): { runtime?: Runtime } {
  return isAddon(backend) ? { runtime: tensorflowRuntime() } : {};
}

/** The cpu backend prints an advertisement at its first use, unless in production mode. */
function useQuietly(): void {
  const before = tf.env().getBool('PROD');
  tf.env().set('PROD', true);
  tf.scalar(0).dispose();
  tf.env().set('PROD', before);
}

/** Some backend, for building a model that is not going to run. */
export async function ensureBackend(): Promise<void> {
  if (!tf.getBackend()) await useBackend('cpu');
}

/** The flags of the tfjs runtime that change how fast it is. */
export async function tfjsFlags(): Promise<Record<string, boolean>> {
  // Known once the wasm backend is loaded.
  const names = tf.findBackendFactory('wasm') === null ? [] : ['WASM_HAS_SIMD_SUPPORT', 'WASM_HAS_MULTITHREAD_SUPPORT'];
  const known = await Promise.all(names.map(async (name): Promise<[string, boolean]> => [name, Boolean(await tf.env().getAsync(name))]));
  return Object.fromEntries(known);
}

function plainProgram(model: LayersModel, batch: number): Program {
  return { predict: (input) => model.predict(input, { batchSize: batch }) as tf.Tensor | tf.Tensor[], dispose: () => undefined };
}

function tfjsRunner(backend: Backend, program: Program, shape: number[]): Runner {
  const predict = (values: Float32Array): tf.Tensor =>
    tf.tidy(() => {
      const output = program.predict(tf.tensor(values, shape));
      return Array.isArray(output) ? (output[0] as tf.Tensor) : output;
    });
  return {
    async run(values): Promise<Output> {
      await useBackend(backend);
      const output = predict(values);
      return { read: async () => Float32Array.from(await output.data()), dispose: () => output.dispose() };
    },
    async sync() {
      // cpu and wasm compute before they return: there is nothing to wait for.
    },
    memory() {
      const { numBytes, numTensors } = tf.memory();
      return { bytes: numBytes, tensors: numTensors };
    },
    async peakBytes(values) {
      await useBackend(backend);
      const { peakBytes } = await tf.profile(() => {
        predict(values).dispose();
        return [];
      });
      return peakBytes;
    },
    ...backendRuntime(backend),
    dispose: () => program.dispose(),
  };
}
