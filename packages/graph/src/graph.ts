import type { OpAttributes, OpKind, Value, ValueShape } from '@convkit/core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { Derivation } from './derived.js';

/** Where a node comes from in the model, for tables and messages. */
export interface Origin {
  /** Name of the layer; nested models are joined by slashes. */
  readonly layer: string;
  /** The layer's class. */
  readonly type: string;
  /** The layer acts otherwise in training, in a way that its ops do not say. */
  readonly inferenceOnly?: true;
}

interface NodeBase extends Value {
  /** Position in the order of creation: inputs of a node always have smaller ids. */
  readonly id: number;
  readonly shape: ValueShape;
  readonly origin: Origin;
}

/** An input of the graph. */
export interface InputNode extends NodeBase {
  readonly kind: 'input';
}

/** A weight of a layer, by reference. */
export interface WeightNode extends NodeBase {
  readonly kind: 'weight';
  readonly variable: LayerVariable;
}

/** A tensor that no training changes. */
export interface ConstantNode extends NodeBase {
  readonly kind: 'constant';
  /** One number that fills it, or all of its numbers, row major. */
  readonly values: number | Float32Array;
}

/** A value that a pass computes from weights, once, when the graph is compiled. */
export interface DerivedNode extends NodeBase {
  readonly kind: 'derived';
  readonly derivation: Derivation;
  readonly from: readonly GraphNode[];
}

/** One primitive op. */
export interface OpNode<K extends OpKind = OpKind> extends NodeBase {
  readonly kind: K;
  readonly inputs: readonly GraphNode[];
  readonly attributes: OpAttributes[K];
  /** An activation (or, for `binary`, one after the sum) that a pass fused into this op. */
  readonly fused?: OpAttributes['activation'];
}

export type GraphNode = InputNode | WeightNode | ConstantNode | DerivedNode | OpNode;

/** A model as primitive ops in topological order. Immutable: passes return new graphs. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly InputNode[];
  readonly outputs: readonly GraphNode[];
  /** Every node that the outputs need, inputs before users. */
  readonly nodes: readonly GraphNode[];
}

/** Whether a node is a primitive op (and not an input, weight or constant). */
export function isOp(node: GraphNode): node is OpNode {
  return node.kind !== 'input' && node.kind !== 'weight' && node.kind !== 'constant' && node.kind !== 'derived';
}

/** Whether a node is an op of this kind. */
export function isKind<K extends OpKind>(node: GraphNode | undefined, kind: K): node is OpNode<K> {
  return node !== undefined && node.kind === kind;
}

/** Nodes that a node reads. */
export function inputsOf(node: GraphNode): readonly GraphNode[] {
  if (node.kind === 'derived') return node.from;
  return isOp(node) ? node.inputs : [];
}

/** The nodes that the outputs need, in topological order. Without recursion: deep networks have thousands. */
export function reachable(outputs: readonly GraphNode[], inputs: readonly GraphNode[] = []): GraphNode[] {
  const found = new Set<GraphNode>(inputs);
  const pending = [...outputs];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    pending.push(...inputsOf(node));
  }
  return [...found].sort((a, b) => a.id - b.id);
}

/** How many ops read each node (an output of the graph counts once more). */
export function readers(graph: Graph): Map<GraphNode, number> {
  const counts = new Map<GraphNode, number>();
  const count = (node: GraphNode) => counts.set(node, (counts.get(node) ?? 0) + 1);
  for (const node of graph.nodes) for (const input of inputsOf(node)) count(input);
  for (const output of graph.outputs) count(output);
  return counts;
}
