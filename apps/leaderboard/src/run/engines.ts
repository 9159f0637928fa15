import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { inputShapeOf, programOf, sessionRunner, tfjsRunner, type Engine, type Form } from '@convkit/bench/browser';
import { faultOf, pageBackendAvailable, pageDevice, usePageBackend, type PageBackend } from './backends.js';

/** A tfjs backend of the page running the layers model as it is, or folded and fused. */
function tfjsEngine(backend: PageBackend, form: Form): Engine {
  return {
    id: form === 'plain' ? backend : `${backend}+${form}`,
    backend,
    available: () => pageBackendAvailable(backend),
    device: () => pageDevice(backend),
    start: () => usePageBackend(backend),
    async load(model, { batch }) {
      await usePageBackend(backend);
      const fault = faultOf[backend];
      return tfjsRunner(await programOf(form, model, batch), [batch, ...inputShapeOf(model)], { use: () => usePageBackend(backend), ...(fault === undefined ? {} : { fault }) });
    },
  };
}

/** Loaded when it is asked for: 14 MB. */
async function onnxruntime() {
  const runtime = await import('onnxruntime-web/wasm');
  runtime.env.wasm.wasmPaths = { wasm: ortWasm };
  runtime.env.wasm.numThreads = threads();
  return runtime;
}

const threads = (): number => (crossOriginIsolated ? navigator.hardwareConcurrency : 1);

/** The model as one ONNX graph in onnxruntime-web, on its wasm provider. */
const onnxruntimeWeb: Engine = {
  id: 'onnxruntime-web',
  backend: 'onnxruntime',
  threaded: true,
  available: async () => (typeof WebAssembly === 'object' ? true : { reason: 'this browser has no WebAssembly' }),
  device: async () => ({ name: `wasm provider, ${threads()} ${threads() === 1 ? 'thread' : 'threads'}`, software: false }),
  async load(model, { batch }) {
    const [{ createSession }, runtime] = await Promise.all([import('@convkit/onnx'), onnxruntime()]);
    const session = await createSession(model, { runtime, provider: 'wasm' });
    return sessionRunner(session, [batch, ...inputShapeOf(model)]);
  },
};

/** The engines of a page, behind the interface of those of the command. */
export const PAGE_ENGINES: readonly Engine[] = [
  tfjsEngine('wasm', 'plain'), tfjsEngine('wasm', 'compiled'), tfjsEngine('webgl', 'plain'), tfjsEngine('webgl', 'compiled'),
  tfjsEngine('webgpu', 'plain'), tfjsEngine('webgpu', 'compiled'), onnxruntimeWeb,
];
