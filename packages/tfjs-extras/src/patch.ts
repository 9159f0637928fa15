import * as tf from '@tensorflow/tfjs-core';

/** Takes a patch out again. */
export type Undo = () => void;

/** What a probe of the installed TensorFlow.js found. */
export interface Finding {
  readonly needed: boolean;
  /** One sentence: what the stock kernel did, or why nothing is to be done. */
  readonly reason: string;
}

/**
 * One thing that TensorFlow.js lacks or gets wrong, and its remedy. Patches know nothing of each other; where two are for
 * one kernel, the later one in the list wins and finds the earlier one as its `stock`.
 */
export interface Patch {
  /** Unique among the patches of a backend. */
  readonly name: string;
  /** Backends that it is for. 'any': no kernel of a backend but a gradient or a layer, put in once. */
  readonly backends: readonly string[] | 'any';
  /** Runs the stock kernel on a tiny case, on the active backend. Must not throw for a stock fault: that is a finding. */
  probe(backend: string): Finding | Promise<Finding>;
  /** Puts it in while `backend` is the active one. */
  apply(backend: string): Undo | Promise<Undo>;
}

/** The wasm package's own backend, and its build with threads under the name that @convkit/bench starts it by in Node. */
export const WASM_BACKENDS: readonly string[] = ['wasm', 'wasm-threads'];

/**
 * Registers a kernel in place of the stock one, which it gets (undefined where there is none).
 * The stock set-up and disposal stay: they bind the backend's own functions when the backend is started anew.
 */
export function replaceKernel(kernelName: string, backendName: string, make: (stock: tf.KernelFunc | undefined) => tf.KernelFunc): Undo {
  const stock = tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined;
  const kernelFunc = make(stock?.kernelFunc);
  if (stock) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...stock, kernelName, backendName, kernelFunc });
  return () => {
    tf.unregisterKernel(kernelName, backendName);
    if (stock) tf.registerKernel(stock);
  };
}

/** Registers a gradient in place of the stock one, which it gets (undefined where there is none). */
export function replaceGradient(kernelName: string, make: (stock: tf.GradConfig | undefined) => Omit<tf.GradConfig, 'kernelName'>): Undo {
  const stock = tf.getGradient(kernelName) as tf.GradConfig | undefined;
  const config = make(stock);
  if (stock) tf.unregisterGradient(kernelName);
  tf.registerGradient({ ...config, kernelName });
  return () => {
    tf.unregisterGradient(kernelName);
    if (stock) tf.registerGradient(stock);
  };
}
