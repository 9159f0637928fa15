import { GraphBuilder } from '../builder.js';
import { reachable, type Graph, type GraphNode, type InputNode, isOp } from '../graph.js';

/** A pass: a new graph that computes the same. */
export type Pass = (graph: Graph) => Graph;

/** What a rewriting sees of one node: itself in the old graph and its inputs in the new one. */
export type Visitor = (node: GraphNode, inputs: readonly GraphNode[], builder: GraphBuilder, renew: (old: GraphNode) => GraphNode) => GraphNode | undefined;

/** Rebuilds a graph node by node; where the visitor returns undefined the node is copied. What nothing reads any more is left out. */
export function rewrite(graph: Graph, visit: Visitor): Graph {
  const builder = new GraphBuilder();
  const renewed = new Map<GraphNode, GraphNode>();
  const renew = (old: GraphNode) => renewed.get(old) as GraphNode;
  for (const node of graph.nodes) {
    builder.at(node.origin);
    const inputs = isOp(node) ? node.inputs.map(renew) : node.kind === 'derived' ? node.from.map(renew) : [];
    renewed.set(node, visit(node, inputs, builder, renew) ?? copy(node, inputs, builder));
  }
  const inputs = graph.inputs.map((node) => renew(node) as InputNode);
  const outputs = graph.outputs.map(renew);
  return { name: graph.name, inputs, outputs, nodes: reachable(outputs, inputs) };
}

/** A node as it is, with its inputs in the new graph. */
export function copy(node: GraphNode, inputs: readonly GraphNode[], builder: GraphBuilder): GraphNode {
  switch (node.kind) {
    case 'input': return builder.input(node.shape);
    case 'weight': return builder.weight(node.variable);
    case 'constant': return builder.constant(node.values, node.shape as number[]);
    case 'derived': return builder.derived(node.derivation, inputs);
    default: return builder.opWith(node.kind, inputs, node.attributes, node.fused);
  }
}
