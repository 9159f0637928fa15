import type { OnnxSession } from '@convkit/onnx';
import type { Runner, Runtime } from './engine.js';

/** A session of onnxruntime, native or in a page, as a runner for inputs of one shape [N, H, W, C]. */
export function sessionRunner(session: OnnxSession, shape: readonly number[], runtime?: Runtime): Runner {
  return {
    async run(data) {
      const [output] = await session.run([{ data, shape }]);
      return { read: async () => output?.data ?? new Float32Array(), dispose: () => undefined };
    },
    async sync() {
      // The outputs lie in memory when `run` resolves.
    },
    // onnxruntime does not tell what its arenas hold; the record has the process' high-water mark.
    memory: () => ({ bytes: undefined, tensors: undefined }),
    ...(runtime === undefined ? {} : { runtime }),
    dispose: () => session.dispose(),
  };
}
