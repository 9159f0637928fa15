/** How far a backend may be off, as max|a - b| / max|b|, and why. The suites of Node, the browser, onnxruntime and TensorFlow's library read this one table. */
export interface Tolerance {
  /** Outputs: the lowered and the compiled form against the layers; on a GPU and on TensorFlow's library also against wasm. */
  value: number;
  /** Gradients: against wasm's where those are at hand, against central differences where not. */
  gradient: number;
  why: string;
}

export const TOLERANCES = {
  wasm: { value: 1e-5, gradient: 2e-2, why: 'float32 sums in another order; the gradient against central differences of a float32 function with kinks (relu, max)' },
  cpu: { value: 1e-5, gradient: 2e-2, why: 'as on wasm' },
  webgl: { value: 2e-5, gradient: 1e-3, why: 'a shader may fuse multiply-adds and rounds exp, tanh and division more freely; gradients through batch norm are differences of much larger sums' },
  webgpu: { value: 2e-5, gradient: 1e-3, why: 'as on webgl' },
  'wasm-threads': { value: 1e-5, gradient: 1e-3, why: 'as on wasm, whose code it is; against its gradients' },
  tensorflow: { value: 1e-5, gradient: 1e-3, why: 'oneDNN sums in another order and may use Winograd; gradients as on webgl, against those of wasm' },
  onnxruntime: { value: 1e-4, gradient: 1e-4, why: 'whole networks as well, summed in another order; the gradient is the change of each weight in one compiled training step, against the step of tfjs on wasm' },
} as const satisfies Record<string, Tolerance>;

export type ContractBackend = keyof typeof TOLERANCES;

/** A part of the contract that a backend breaks by a fault of its own. */
export interface Exception {
  backend: ContractBackend;
  /** The row: `exported: title`. */
  row: string;
  check: Check;
  /** What is wrong in TensorFlow.js, and why it is not worked around. */
  why: string;
}

/** What is checked of a row. */
export type Check = 'shape' | 'training' | 'lowering' | 'values' | 'gradient' | 'leak' | 'saving' | 'error';

/** Named failures that are known. One that does not fail any more fails the suite, so that it is taken out. */
export const EXCEPTIONS: readonly Exception[] = [];

export interface Failure {
  check: Check;
  detail: string;
}

/** The failures of a row that no exception names, and exceptions of that row that did not fail, as lines of text. */
export function unexpected(backend: ContractBackend, row: string, failures: readonly Failure[]): string[] {
  const known = EXCEPTIONS.filter((exception) => exception.backend === backend && exception.row === row);
  const failed = failures.filter(({ check }) => !known.some((exception) => exception.check === check));
  const mended = known.filter(({ check }) => !failures.some((failure) => failure.check === check));
  return [...failed.map(({ check, detail }) => `${check}: ${detail}`), ...mended.map(({ check }) => `${check}: is an exception in tolerances.ts, but holds now`)];
}
