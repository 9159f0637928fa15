import { BackendWasm, getThreadsCount, setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import createThreaded from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js';
import threadedScript from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js?url';
import threaded from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.wasm?url';
import { wasmWorkerContents } from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.worker.js';
import simd from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm?url';
import plain from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.wasm?url';
import '@tensorflow/tfjs-backend-webgl';
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { boundWasm, workerCode, type BackendHooks, type Device, type Unavailable } from '@convkit/bench/browser';

export type PageBackend = 'webgpu' | 'webgl' | 'wasm';

setWasmPaths({ 'tfjs-backend-wasm.wasm': plain, 'tfjs-backend-wasm-simd.wasm': simd, 'tfjs-backend-wasm-threaded-simd.wasm': threaded });
// tfjs gives its workers the text of a function, which a bundler has renamed things in: with threads, the package's own file is loaded.
if (crossOriginIsolated) {
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', startThreaded, 2);
}

async function startThreaded(): Promise<BackendWasm> {
  const worker = URL.createObjectURL(new Blob([workerCode(wasmWorkerContents)], { type: 'text/javascript' }));
  const wasm = await createThreaded({
    locateFile: (name) => (name.endsWith('.worker.js') ? worker : absolute(threaded)),
    mainScriptUrlOrBlob: absolute(threadedScript),
  });
  setThreadsCount(navigator.hardwareConcurrency);
  return new BackendWasm(boundWasm(wasm));
}

/** A worker that was started from a Blob has no address that others could be relative to. */
const absolute = (address: string): string => new URL(address, document.baseURI).href;

/** A GPU that the processor imitates. */
const SOFTWARE = /swiftshader|llvmpipe|basic render|software/i;

interface GpuDevice {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  addEventListener(type: 'uncapturederror', listen: (event: { readonly error: { readonly message: string } }) => void): void;
}
interface GpuNavigator {
  readonly gpu?: { requestAdapter(): Promise<{ readonly info?: Readonly<Record<string, string>> } | null> };
}

let gpuFault: string | undefined;

/** Makes a backend of the page the current one. Throws with its name when it does not start. */
export async function usePageBackend(backend: PageBackend): Promise<void> {
  if (tf.getBackend() === backend) return;
  const first = tf.findBackend(backend) === null;
  if (!(await tf.setBackend(backend).catch(() => false))) throw new Error(`TensorFlow.js cannot start ${backend} in this browser`);
  if (first && backend === 'webgpu') watch((tf.backend() as unknown as { device: GpuDevice }).device);
}

/** tfjs does not say that a device is lost or has refused a program: it goes on with zeros. */
function watch(device: GpuDevice): void {
  void device.lost.then(({ reason, message }) => {
    gpuFault ??= `the WebGPU device is lost (${reason}): ${message}`;
  });
  device.addEventListener('uncapturederror', ({ error }) => {
    gpuFault ??= `the WebGPU device refuses a program: ${error.message}`;
  });
}

/** Why nothing that the backend computes counts any more. */
export const faultOf: Readonly<Record<PageBackend, BackendHooks['fault']>> = {
  webgpu: () => gpuFault,
  webgl: () => (webgl()?.isContextLost() === true ? 'the WebGL context is lost' : undefined),
  wasm: undefined,
};

const webgl = () => (tf.findBackend('webgl') as unknown as { gpgpu: { gl: WebGL2RenderingContext } } | null)?.gpgpu.gl;

/** Whether the browser has it. */
export async function pageBackendAvailable(backend: PageBackend): Promise<true | Unavailable> {
  if (backend === 'webgpu' && (await adapterInfo()) === undefined) return { reason: 'this browser has no WebGPU adapter' };
  try {
    await usePageBackend(backend);
    return true;
  } catch (error) {
    return { reason: String(error instanceof Error ? error.message : error) };
  }
}

async function adapterInfo(): Promise<Readonly<Record<string, string>> | undefined> {
  const adapter = await (navigator as GpuNavigator).gpu?.requestAdapter();
  return adapter === null || adapter === undefined ? undefined : adapter.info ?? {};
}

/** The name of what it computes on, once it has been started. */
export async function pageDevice(backend: PageBackend): Promise<Device> {
  if (backend === 'wasm') return { name: threadsLine(), software: false };
  const name = backend === 'webgpu' ? await webgpuName() : webglName();
  return { name, software: SOFTWARE.test(name) };
}

async function webgpuName(): Promise<string> {
  const { vendor = '', architecture = '', description = '' } = (await adapterInfo()) ?? {};
  return [vendor, description === '' ? architecture : description].filter((part) => part !== '').join(' ') || 'a GPU without a name';
}

function webglName(): string {
  const gl = webgl();
  const debug = gl?.getExtension('WEBGL_debug_renderer_info');
  return String((gl !== undefined && debug ? gl.getParameter(debug.UNMASKED_RENDERER_WEBGL) : '') || 'a GPU without a name');
}

/** More than one thread needs a page that is cross-origin isolated, which `convkit serve` makes of it. */
function threadsLine(): string {
  if (!crossOriginIsolated) return '1 thread: the page is not cross-origin isolated';
  const threads = getThreadsCount();
  return `${threads} ${threads === 1 ? 'thread' : 'threads'}, shared memory`;
}
