import * as tf from '@tensorflow/tfjs-core';
import { replaceGradient, replaceKernel, WASM_BACKENDS, type Finding, type Patch } from './patch.js';

/** One call of a kernel. */
export interface KernelCall {
  readonly inputs: Record<string, tf.Tensor>;
  readonly attrs: Record<string, unknown>;
}

export interface KernelRemedy {
  readonly kernelName: string;
  readonly backends: readonly string[];
  /** A call that the stock kernel gets wrong, and the right values. */
  readonly wrong?: () => KernelCall & { expected: readonly number[] };
  /** A call on which the remedy is faster; asked where the stock kernel is right, and where there is one. */
  readonly slow?: () => KernelCall;
  /** The remedy; `stock` is the kernel that it replaces. */
  readonly make: (stock: tf.KernelFunc | undefined) => tf.KernelFunc;
}

/** Relative to the largest expected value: float32 sums in another order stay below. */
const TOLERANCE = 1e-4;
/** Below this ratio a right kernel stays: timing a millisecond is uncertain, and the stock kernel is the safer one. */
const WORTH = 1.5;
const ROUNDS = 3;
/** A stock kernel as slow as this needs no second turn, ms. */
const ENOUGH = 20;

/** A patch of one kernel of some backends, put in where the stock kernel is missing, wrong or slow. */
export function kernelPatch({ kernelName, backends, wrong, slow, make }: KernelRemedy): Patch {
  return {
    name: kernelName,
    backends,
    probe: async (backend) => {
      const stock = (tf.getKernel(kernelName, backend) as tf.KernelConfig | undefined)?.kernelFunc;
      if (!stock) return { needed: true, reason: `${backend} has no ${kernelName}` };
      const fault = wrong && await disposing(wrong, (call) => valueFault(`${kernelName} of ${backend}`, () => callKernel(stock, call), call.expected));
      if (fault?.needed) return fault;
      if (slow && isTimed(backend)) return disposing(slow, (call) => slowness(`${kernelName} of ${backend}`, () => callKernel(stock, call), () => callKernel(make(stock), call)));
      return fault ?? { needed: false, reason: `${backend} has ${kernelName}` };
    },
    apply: (backend) => replaceKernel(kernelName, backend, make),
  };
}

export interface GradientRemedy {
  readonly kernelName: string;
  /** What a bigger call has saved, the first of dy's shape, and its attributes. */
  readonly slow: () => { saved: tf.Tensor[]; attrs: tf.NamedAttrMap };
  /** The inputs whose gradients the probe asks for. */
  readonly inputs: readonly string[];
  readonly make: (stock: tf.GradConfig['gradFunc']) => tf.GradConfig['gradFunc'];
}

/** A patch of a gradient that is right and slow, put in where it is slow on the active backend. */
export function gradientPatch({ kernelName, slow, inputs, make }: GradientRemedy): Patch {
  return {
    name: `gradient of ${kernelName}`,
    backends: 'any',
    probe: (backend) => {
      const stock = (tf.getGradient(kernelName) as tf.GradConfig | undefined)?.gradFunc;
      if (!stock) return { needed: false, reason: `there is no gradient of ${kernelName}` };
      if (!isTimed(backend)) return { needed: false, reason: `the gradient of ${kernelName} on ${backend} is right` };
      let finding: Finding | undefined;
      tf.tidy(() => {
        const { saved, attrs } = slow();
        const [dy] = saved as [tf.Tensor];
        const run = (gradFunc: tf.GradConfig['gradFunc']) => () => tf.tidy(() => {
          const gradients = gradFunc(dy, saved, attrs);
          const results = inputs.map((name) => gradients[name]?.() ?? tf.scalar(0));
          return results[0] as tf.Tensor;
        });
        finding = slowness(`the gradient of ${kernelName} on ${backend}`, run(stock), run(make(stock)));
      });
      return finding ?? { needed: false, reason: 'it was not probed' };
    },
    apply: () => replaceGradient(kernelName, (stock) => {
      if (!stock) throw new Error(`there is no gradient of ${kernelName}`);
      return { ...stock, gradFunc: make(stock.gradFunc) };
    }),
  };
}

/** A tensor of both signs without order, for probes: what a branch costs depends on its data. */
export function mixedSigns(shape: number[]): tf.Tensor {
  return tf.tidy(() => tf.sin(tf.reshape(tf.range(0, tf.util.sizeFromShape(shape), 1, 'float32'), shape)));
}

function callKernel(kernel: tf.KernelFunc, { inputs, attrs }: KernelCall): tf.Tensor {
  return tf.tidy(() => {
    const outputs = kernel({ inputs, attrs: attrs as tf.NamedAttrMap, backend: tf.backend() });
    const [output] = Array.isArray(outputs) ? outputs : [outputs];
    return asTensor(output as tf.TensorInfo);
  });
}

/** A kernel gives a bare description of its output, which the engine makes a tensor of. */
function asTensor(output: tf.TensorInfo): tf.Tensor {
  return output instanceof tf.Tensor ? output : tf.engine().makeTensorFromTensorInfo(output);
}

async function disposing<T extends KernelCall>(make: () => T, use: (call: T) => Finding | Promise<Finding>): Promise<Finding> {
  let call: T | undefined;
  tf.tidy(() => {
    call = make();
    return call.inputs;
  });
  if (call === undefined) throw new Error('tf.tidy did not run');
  try {
    return await use(call);
  } finally {
    tf.dispose(call.inputs);
  }
}

/** Whether `run` throws or gives other values than the expected ones. */
export async function valueFault(what: string, run: () => tf.Tensor, expected: readonly number[]): Promise<Finding> {
  let y: tf.Tensor | undefined;
  let found: readonly number[];
  try {
    y = run();
    // WebGPU reads no other way.
    found = [...(await y.data())];
  } catch (error) {
    return thrown(what, error);
  } finally {
    y?.dispose();
  }
  const limit = TOLERANCE * Math.max(...expected.map(Math.abs), 1e-6);
  const same = found.length === expected.length && expected.every((value, i) => Math.abs(value - (found[i] ?? Number.NaN)) <= limit);
  return same ? { needed: false, reason: `${what} is right` } : { needed: true, reason: `${what} gives ${show(found)} where ${show(expected)} is right` };
}

function thrown(what: string, error: unknown): Finding {
  const [line] = String(error instanceof Error ? error.message : error).split('\n');
  return { needed: true, reason: `${what} throws: ${line}` };
}

function show(values: readonly number[]): string {
  const [first, more] = [values.slice(0, 8), values.length > 8 ? ', ...' : ''];
  return `[${first.map((value) => Number(value.toPrecision(4))).join(', ')}${more}]`;
}

/** Whether a kernel has done its work when it returns: a GPU has only been told. */
const isTimed = (backend: string) => backend === 'cpu' || WASM_BACKENDS.includes(backend);

/** Whether the stock way takes `WORTH` times as long as ours, by the fastest of a few turns each. */
function slowness(what: string, stock: () => tf.Tensor, ours: () => tf.Tensor): Finding {
  const times = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as [number, number];
  const turn = (run: () => tf.Tensor) => {
    const start = performance.now();
    run().dispose();
    return performance.now() - start;
  };
  for (let round = -1; round < ROUNDS && !(times[0] > ENOUGH && round > 0); round++) {
    let first: number;
    try {
      first = turn(stock);
    } catch (error) {
      return thrown(what, error);
    }
    const second = turn(ours);
    // The first round warms up.
    if (round < 0) continue;
    times[0] = Math.min(times[0], first);
    times[1] = Math.min(times[1], second);
  }
  const ratio = times[0] / Math.max(times[1], 1e-3);
  return ratio >= WORTH
    ? { needed: true, reason: `${what} takes ${ratio < 10 ? ratio.toFixed(1) : ratio.toFixed(0)} times as long as the same out of other kernels` }
    : { needed: false, reason: `${what} is right and about as fast as the same out of other kernels` };
}
