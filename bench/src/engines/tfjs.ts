import { BACKENDS, backendRuntime, useBackend, type Backend } from './backends.js';
import type { Engine } from './engine.js';
import { inputShapeOf } from './input-shape.js';
import { programOf, tfjsRunner, type Form } from './tfjs-program.js';

/** A tfjs backend running the layers model in one of its forms: ids `wasm`, `wasm+compiled`, `wasm+stock`. */
export function tfjsEngine(backend: Backend, form: Form): Engine {
  const { threaded, available, device, fault } = BACKENDS[backend];
  return {
    id: form === 'plain' ? backend : `${backend}+${form}`,
    backend,
    threaded,
    available,
    ...(device === undefined ? {} : { device }),
    start: (options) => useBackend(backend, options),
    async load(model, { batch, threads }) {
      await useBackend(backend, { threads });
      const program = await programOf(form, model, batch);
      return tfjsRunner(program, [batch, ...inputShapeOf(model)], { use: () => useBackend(backend), ...(fault === undefined ? {} : { fault }), ...backendRuntime(backend) });
    },
  };
}
