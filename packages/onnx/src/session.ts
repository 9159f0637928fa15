import { option, OptionError, readOptions, type ImageShape } from '@convkit/core';
import type { Graph } from '@convkit/graph';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { InferenceSession, InferenceSessionFactory, TensorConstructor } from 'onnxruntime-common';
import { OnnxError } from './onnx-error.js';
import { toOnnx } from './to-onnx.js';

/** What this package uses of onnxruntime-node, onnxruntime-web or another of its builds. */
export interface OnnxRuntime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
  /** Versions of the parts, such as `node`. */
  readonly env?: { readonly versions?: Readonly<Record<string, string | undefined>> };
}

export const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'wasm', 'dml', 'coreml'] as const;
export type ExecutionProvider = (typeof PROVIDERS)[number];

export interface SessionOptions {
  /** `import * as ort from 'onnxruntime-web'` in a browser. Default: onnxruntime-node. */
  runtime?: OnnxRuntime;
  /** Who computes. Default 'cpu' in Node, 'wasm' with onnxruntime-web. */
  provider?: ExecutionProvider;
  /** Threads inside an operation. Default: onnxruntime's, one a physical core. */
  threads?: number;
  /** Whether waiting threads spin; sessions that take turns starve each other when they do. Default true. */
  spinning?: boolean;
  /** How images are handed over. Default 'nhwc'. */
  inputLayout?: 'nhwc' | 'nchw';
  /** [H, W, C] in place of what the model declares. */
  inputShape?: ImageShape;
}

const entries = {
  runtime: option.optional(option.custom<OnnxRuntime>((value) => typeof value === 'object' && value !== null && 'InferenceSession' in value && 'Tensor' in value, 'a module of onnxruntime')),
  provider: option.optional(option.oneOf(PROVIDERS)),
  threads: option.optional(option.integer(1)),
  spinning: option.withDefault(option.boolean(), true),
  inputLayout: option.withDefault(option.oneOf(['nhwc', 'nchw']), 'nhwc'),
  inputShape: option.optional(option.imageShape()),
} as const;

/** One tensor in and out of a session. */
export interface SessionTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** A model in onnxruntime. */
export interface OnnxSession {
  readonly provider: ExecutionProvider | 'default';
  /** Runs the model on tensors that lie in memory, one an input; the fast path. */
  run(inputs: readonly SessionTensor[]): Promise<SessionTensor[]>;
  /** Runs the model on tfjs tensors, in the layout of `inputLayout`. The caller disposes the results. */
  predict(x: tf.Tensor | readonly tf.Tensor[]): Promise<tf.Tensor | tf.Tensor[]>;
  /** Frees the session. Nothing can run after it. */
  dispose(): Promise<void>;
}

/** The given build of onnxruntime, or onnxruntime-node. @throws OnnxError ERR_ONNX_RUNTIME where it cannot be loaded. */
export async function loadRuntime(where: string, given?: OnnxRuntime): Promise<OnnxRuntime> {
  if (given !== undefined) return given;
  try {
    return (await import('onnxruntime-node')) as unknown as OnnxRuntime;
  } catch (cause) {
    throw new OnnxError('ERR_ONNX_RUNTIME', `${where}: onnxruntime-node cannot be loaded. Install it (npm install onnxruntime-node), or pass another build as the option \`runtime\`, such as the module 'onnxruntime-web' in a browser.`, { cause });
  }
}

/**
 * A model (or a graph, or the bytes of an ONNX file) in onnxruntime.
 * @throws OnnxError ERR_ONNX_RUNTIME without onnxruntime, ERR_ONNX_PROVIDER where the provider does not start, TraceError
 *   for a layer that cannot be read as primitive ops.
 */
export async function createSession(model: LayersModel | Graph | Uint8Array, options: SessionOptions = {}): Promise<OnnxSession> {
  const { runtime: given, provider, threads, spinning, inputLayout, inputShape } = readOptions('createSession', entries, options);
  const runtime = await loadRuntime('createSession', given);
  const bytes = model instanceof Uint8Array ? model : await toOnnx(model, { inputLayout, ...(inputShape === undefined ? {} : { inputShape }) });
  const configuration: InferenceSession.SessionOptions = {
    ...(provider === undefined ? {} : { executionProviders: [provider] }),
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    graphOptimizationLevel: 'all',
    ...(spinning ? {} : { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
  };
  let session: InferenceSession;
  try {
    session = await runtime.InferenceSession.create(bytes, configuration);
  } catch (cause) {
    if (provider === undefined) throw new OnnxError('ERR_ONNX_RUNTIME', `createSession: onnxruntime refuses the model: ${messageOf(cause)}`, { cause });
    throw new OnnxError('ERR_ONNX_PROVIDER', `createSession: the provider ${provider} does not run this model here: ${messageOf(cause)}`, { cause });
  }
  return new Session(runtime, session, provider ?? 'default');
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));

class Session implements OnnxSession {
  constructor(private readonly runtime: OnnxRuntime, private session: InferenceSession | undefined, readonly provider: OnnxSession['provider']) {}

  async run(inputs: readonly SessionTensor[]): Promise<SessionTensor[]> {
    const { session } = this;
    if (session === undefined) throw new OnnxError('ERR_ONNX_INPUT', 'the session has been disposed');
    const names = session.inputNames;
    if (inputs.length !== names.length) throw new OnnxError('ERR_ONNX_INPUT', `the model takes ${names.length} inputs (${names.join(', ')}), got ${inputs.length}`);
    const feeds = Object.fromEntries(inputs.map(({ data, shape }, i) => [names[i] as string, new this.runtime.Tensor('float32', data, shape)]));
    let results: InferenceSession.ReturnType;
    try {
      results = await session.run(feeds);
    } catch (cause) {
      throw new OnnxError('ERR_ONNX_INPUT', `the session does not take inputs of the shapes ${inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(', ')}: ${messageOf(cause)}`, { cause });
    }
    return session.outputNames.map((name) => {
      const tensor = results[name] as { data: Float32Array; dims: readonly number[] };
      return { data: tensor.data, shape: tensor.dims };
    });
  }

  async predict(x: tf.Tensor | readonly tf.Tensor[]): Promise<tf.Tensor | tf.Tensor[]> {
    const given = Array.isArray(x) ? (x as readonly tf.Tensor[]) : [x as tf.Tensor];
    given.forEach((tensor) => {
      if (!(tensor instanceof tf.Tensor)) throw new OptionError('predict', 'x', tensor, 'a tensor, or a list with one for each input');
    });
    const inputs = await Promise.all(given.map(async (tensor) => ({ data: (await tensor.data()) as Float32Array, shape: tensor.shape })));
    const outputs = (await this.run(inputs)).map(({ data, shape }) => tf.tensor(data, [...shape]));
    return outputs.length === 1 ? (outputs[0] as tf.Tensor) : outputs;
  }

  async dispose(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    await session?.release();
  }
}
