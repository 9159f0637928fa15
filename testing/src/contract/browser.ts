/** The contract of every block and layer inside a page. tools/check-contract-browser.mjs bundles and drives it. */
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgl';
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { checkContract, type Snapshot } from './checks.js';
import { DESCRIPTORS, rowName } from './descriptors.js';
import { EXCEPTIONS, TOLERANCES, unexpected, type ContractBackend, type Failure } from './tolerances.js';

/** What the page gives to the driver. */
export interface ContractPage {
  rows: string[];
  exceptions: readonly { backend: ContractBackend; row: string; check: string; why: string }[];
  /** Makes a backend active. @returns Why it cannot be, or undefined. */
  use(backend: ContractBackend): Promise<string | undefined>;
  /** Checks one row on the active backend, on a GPU against what wasm gave before. @returns What failed. */
  check(row: number): Promise<string[]>;
}

const snapshots = new Map<number, Snapshot>();

/** The kernels are what is checked: small tensors must not be worked on by the CPU instead. */
function keepOnGpu(): void {
  tf.env().set('WEBGL_CPU_FORWARD', false);
  tf.env().set('WEBGPU_CPU_FORWARD', false);
}

async function use(backend: ContractBackend): Promise<string | undefined> {
  setWasmPaths('/wasm/');
  keepOnGpu();
  const started = await tf.setBackend(backend).catch((error: unknown) => String(error));
  return started === true && tf.getBackend() === backend ? undefined : `TensorFlow.js cannot start it${typeof started === 'string' ? `: ${started}` : ''}`;
}

async function check(index: number): Promise<string[]> {
  const descriptor = DESCRIPTORS[index];
  if (descriptor === undefined) return [`error: there is no row ${index}`];
  const backend = tf.getBackend() as ContractBackend;
  let failures: Failure[];
  try {
    const report = await checkContract(descriptor, TOLERANCES[backend], backend === 'wasm' ? undefined : snapshots.get(index));
    if (backend === 'wasm') snapshots.set(index, report.snapshot);
    failures = report.failures;
  } catch (error) {
    failures = [{ check: 'error', detail: error instanceof Error ? error.message : String(error) }];
  }
  return unexpected(backend, rowName(descriptor), failures);
}

const page: ContractPage = { rows: DESCRIPTORS.map(rowName), exceptions: EXCEPTIONS, use, check };
(globalThis as typeof globalThis & { contract?: ContractPage }).contract = page;
