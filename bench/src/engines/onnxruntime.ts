import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../errors.js';
import type { Engine, Runtime, Unavailable } from './engine.js';
import { inputShapeOf } from './input-shape.js';
import { sessionRunner } from './session-runner.js';

const PACKAGE = 'onnxruntime-node';
/** Long enough for a driver's first start. */
const PROBE_TIMEOUT_MS = 30_000;

/** Who computes, and what a machine needs for it. */
const PROVIDERS = {
  cpu: 'npm install onnxruntime-node',
  webgpu: 'needs a GPU with a Vulkan, Metal or Direct3D 12 driver',
  cuda: 'needs an NVIDIA GPU, CUDA 12 with cuDNN 9, and `npm rebuild onnxruntime-node`, which downloads the provider',
} as const;
type Provider = keyof typeof PROVIDERS;

/**
 * The model as one ONNX graph in one session of onnxruntime-node: ids `onnxruntime` (its cpu provider), `onnxruntime+webgpu`,
 * `onnxruntime+cuda`. The package is an optional peer and is loaded when a model is.
 */
export function onnxruntimeEngine(provider: Provider): Engine {
  let answer: Promise<true | Unavailable> | undefined;
  return {
    id: provider === 'cpu' ? 'onnxruntime' : `onnxruntime+${provider}`,
    backend: 'onnxruntime',
    threaded: true,
    available: () => (answer ??= probe(provider)),
    async load(model, { batch, threads = availableParallelism() }) {
      const shape = [batch, ...inputShapeOf(model)];
      const { createSession } = await import('@convkit/onnx');
      const session = await createSession(model, { provider, threads });
      return sessionRunner(session, shape, await runtimeOf(provider, threads));
    },
  };
}

/**
 * Starts the provider on a graph of one operation, in a process of its own: native code that does not find its driver prints
 * what nobody asked for, or ends the process.
 */
async function probe(provider: Provider): Promise<true | Unavailable> {
  let path: string;
  try {
    path = createRequire(import.meta.url).resolve(PACKAGE);
  } catch {
    return { reason: `${PACKAGE} is not installed`, hint: PROVIDERS.cpu };
  }
  const { encode } = await import('@convkit/onnx');
  const value = (name: string) => ({ name, element: 'float32' as const, shape: [1] });
  const graph = encode({
    name: 'probe', opsets: { '': 17 }, constants: [], inputs: [value('x')], outputs: [value('y')],
    nodes: [{ name: 'y', type: 'Identity', domain: '', inputs: ['x'], outputs: ['y'], attributes: {} }],
  }, '');
  const script = `import(${JSON.stringify(pathToFileURL(path).href)})
    .then(({ InferenceSession }) => InferenceSession.create(Buffer.from('${Buffer.from(graph).toString('base64')}', 'base64'), { executionProviders: ['${provider}'] }))
    .then(() => 'ok', (error) => String(error?.message ?? error))
    .then((line) => process.stdout.write(line, () => process.exit()));`;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: PROBE_TIMEOUT_MS });
    return stdout === 'ok' ? true : { reason: `its provider ${provider} does not start: ${lastSentence(stdout)}`, hint: PROVIDERS[provider] };
  } catch (error) {
    const { signal, code } = error as { signal?: string; code?: number };
    return { reason: `the process that tried its provider ${provider} ended with ${signal ?? code ?? messageOf(error)}`, hint: PROVIDERS[provider] };
  }
}

/** onnxruntime's messages begin with the file, the line and the function of its source. */
function lastSentence(message: string): string {
  const line = message.trim().split(/was false\.\s+|Status Message:\s+/).at(-1) ?? '';
  return line.split('\n')[0]?.replace(/^\/\S+:\d+ /, '').slice(0, 160) || 'no reason given';
}

/** What a record says of onnxruntime. */
export async function runtimeOf(provider: Provider, threads: number): Promise<Runtime> {
  const { loadRuntime } = await import('@convkit/onnx');
  const { env } = await loadRuntime('load');
  return { threads, flags: { ONNXRUNTIME_VERSION: env?.versions?.node ?? 'unknown', ONNXRUNTIME_PROVIDER: provider } };
}
