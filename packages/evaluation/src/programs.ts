import type { ImageShape } from '@convkit/core';
import { compile, isKind, trace, type Graph } from '@convkit/graph';
import { createSession, type OnnxRuntime } from '@convkit/onnx';
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { denseForm } from './dense-form.js';

/** Where networks run. */
export interface Engine {
  readonly kind: 'tfjs' | 'onnxruntime';
  readonly threads?: number | undefined;
  readonly runtime?: OnnxRuntime | undefined;
}

interface Program {
  predict(x: tf.Tensor): tf.Tensor | tf.Tensor[] | Promise<tf.Tensor | tf.Tensor[]>;
  dispose(): void | Promise<void>;
}

/** A network's logits as a graph: its first output, without a softmax at its end. */
export function logitsOf(model: LayersModel | Graph): Graph {
  const graph = 'nodes' in model ? model : trace(model);
  const [output] = graph.outputs;
  const [before] = isKind(output, 'activation') && output.attributes.kind === 'softmax' ? output.inputs : [];
  const last = before ?? output;
  return { ...graph, outputs: last === undefined ? [] : [last] };
}

/** Images of several sizes need a program each, and each holds weights: the one that was not used for longest goes. */
const KEPT = 6;

/** One network, compiled for the sizes it is asked for. */
export class Programs {
  private readonly kept = new Map<string, Promise<Program>>();

  constructor(readonly graph: Graph, private readonly engine: Engine) {}

  /** [N, H, W, C] of the network's own size -> [N, K]. */
  plain(x: tf.Tensor): Promise<tf.Tensor> {
    return this.run('plain', x, () => this.graph);
  }

  /** [N, H, W, C] of any larger size -> [N, rows, columns, K]. */
  dense(x: tf.Tensor): Promise<tf.Tensor> {
    const inputShape = x.shape.slice(1) as unknown as ImageShape;
    return this.run(inputShape.join('x'), x, () => denseForm(this.graph, { inputShape }).graph);
  }

  private async run(key: string, x: tf.Tensor, graph: () => Graph): Promise<tf.Tensor> {
    const program = this.kept.get(key) ?? this.open(graph());
    this.kept.delete(key);
    this.kept.set(key, program);
    const [oldest] = this.kept.keys();
    if (this.kept.size > KEPT && oldest !== undefined) await this.close(oldest);
    return [await (await program).predict(x)].flat()[0] as tf.Tensor;
  }

  private async open(graph: Graph): Promise<Program> {
    const { kind, threads, runtime } = this.engine;
    if (kind === 'tfjs') return compile(graph);
    return createSession(graph, { ...(threads === undefined ? {} : { threads }), ...(runtime === undefined ? {} : { runtime }) });
  }

  private async close(key: string): Promise<void> {
    const program = this.kept.get(key);
    this.kept.delete(key);
    // One that could not be opened has said so already.
    await program?.then((opened) => opened.dispose(), () => undefined);
  }

  async dispose(): Promise<void> {
    for (const key of [...this.kept.keys()]) await this.close(key);
  }
}
