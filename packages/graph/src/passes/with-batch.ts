import { isOp, reachable, type Graph, type GraphNode, type InputNode } from '../graph.js';
import { GraphBuilder } from '../builder.js';

/** The graph for batches of one size: every shape is known. */
export function withBatch(graph: Graph, batch: number): Graph {
  const builder = new GraphBuilder();
  const renewed = new Map<GraphNode, GraphNode>();
  const renew = (old: GraphNode) => renewed.get(old) as GraphNode;
  for (const node of graph.nodes) {
    builder.at(node.origin);
    if (node.kind === 'input') renewed.set(node, builder.input([batch, ...node.shape.slice(1)]));
    else if (node.kind === 'weight') renewed.set(node, builder.weight(node.variable));
    else if (node.kind === 'constant') renewed.set(node, builder.constant(node.fill, node.shape as number[]));
    else if (isOp(node)) renewed.set(node, builder.opWith(node.kind, node.inputs.map(renew), node.attributes, node.fused));
    else throw new Error('withBatch takes a graph as it was traced, before any pass');
  }
  const inputs = graph.inputs.map((node) => renew(node) as InputNode);
  const outputs = graph.outputs.map(renew);
  return { name: graph.name, inputs, outputs, nodes: reachable(outputs, inputs) };
}
