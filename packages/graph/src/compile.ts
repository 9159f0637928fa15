import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ImageShape } from '@convkit/core';
import { evaluateConstants } from './constants.js';
import { isOp, type Graph, type GraphNode, type OpNode } from './graph.js';
import { opOf } from './ops/index.js';
import { optimize } from './passes/index.js';
import { graphOf } from './trace.js';

export interface CompileOptions {
  /** [H, W, C] in place of what the model declares. */
  inputShape?: ImageShape;
}

interface Step {
  readonly node: OpNode;
  readonly run: (inputs: readonly tf.Tensor[]) => tf.Tensor;
  /** Nodes that nothing reads after this step. */
  readonly release: readonly GraphNode[];
}

/**
 * A model as a flat program of tfjs ops on the active backend: no dropout, batch norms folded into the convolutions,
 * activations fused, every intermediate disposed after its last use. It holds the weights as they were when it was
 * compiled: compile again after training.
 */
export class CompiledModel {
  private readonly constants: Map<GraphNode, tf.Tensor>;
  private readonly steps: readonly Step[];

  constructor(private readonly graph: Graph) {
    this.constants = evaluateConstants(graph);
    this.steps = plan(programOf(graph, this.constants), graph);
  }

  /**
   * Logits (or whatever the model outputs) of a batch. The caller disposes the result.
   * @param x [N, H, W, C], or one tensor an input of the model.
   * @returns One tensor, or a list when the model has several outputs.
   */
  predict(x: tf.Tensor | readonly tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    const given = Array.isArray(x) ? (x as readonly tf.Tensor[]) : [x as tf.Tensor];
    this.checkInputs(given);
    const outputs = tf.tidy(() => {
      const values = new Map<GraphNode, tf.Tensor>(this.constants);
      this.graph.inputs.forEach((node, i) => values.set(node, given[i] as tf.Tensor));
      for (const { node, run, release } of this.steps) {
        values.set(node, run(node.inputs.map((input) => values.get(input) as tf.Tensor)));
        for (const finished of release) values.get(finished)?.dispose();
      }
      return this.graph.outputs.map((node) => owned(values.get(node) as tf.Tensor, node));
    });
    return outputs.length === 1 ? (outputs[0] as tf.Tensor) : outputs;
  }

  private checkInputs(given: readonly tf.Tensor[]): void {
    const wanted = this.graph.inputs.length;
    if (given.length !== wanted) throw new Error(`compiled "${this.graph.name}": predict must get ${wanted} ${wanted === 1 ? 'tensor' : 'tensors'}, got ${given.length}`);
    this.graph.inputs.forEach(({ shape, origin }, i) => {
      const actual = given[i]?.shape;
      const fits = actual !== undefined && actual.length === shape.length && shape.every((n, axis) => n === null || n === actual[axis]);
      if (!fits) throw new Error(`compiled "${this.graph.name}": input "${origin.layer}" must have the shape [${shape.join(', ')}], got [${actual?.join(', ') ?? 'nothing'}]`);
    });
  }

  /** Frees the weights that the program holds. */
  dispose(): void {
    tf.dispose([...this.constants.values()]);
    this.constants.clear();
  }
}

/** An output that the caller may dispose: inputs and constants are handed out as copies. */
function owned(tensor: tf.Tensor, node: GraphNode): tf.Tensor {
  return isOp(node) ? tensor : tf.clone(tensor);
}

/** The ops that are left to run. What only constants reach has been computed, and its own inputs are gone. */
function programOf(graph: Graph, constants: ReadonlyMap<GraphNode, tf.Tensor>): OpNode[] {
  const values = new Set<GraphNode>([...graph.inputs, ...constants.keys()]);
  return graph.nodes.filter((node): node is OpNode => {
    const runs = isOp(node) && !constants.has(node) && node.inputs.every((input) => values.has(input));
    if (runs) values.add(node);
    return runs;
  });
}

function plan(program: readonly OpNode[], graph: Graph): Step[] {
  const last = new Map<GraphNode, OpNode>();
  const computed = new Set<GraphNode>(program);
  for (const node of program) for (const input of node.inputs) if (computed.has(input)) last.set(input, node);
  for (const output of graph.outputs) last.delete(output);
  const released = new Map<OpNode, GraphNode[]>();
  for (const [node, reader] of last) released.set(reader, [...(released.get(reader) ?? []), node]);
  return program.map((node) => ({ node, run: runner(node), release: released.get(node) ?? [] }));
}

function runner(node: OpNode): Step['run'] {
  const { evaluate } = opOf(node.kind);
  return (inputs) => {
    const y = evaluate(inputs, node.attributes, node.fused);
    return inputs.includes(y) ? tf.clone(y) : y;
  };
}

/**
 * Compiles a model (or a graph) for inference on the active backend.
 * @throws TraceError for a layer that cannot be read as primitive ops.
 */
export function compile(model: LayersModel | Graph, options: CompileOptions = {}): CompiledModel {
  return new CompiledModel(optimize(graphOf(model, options)));
}
