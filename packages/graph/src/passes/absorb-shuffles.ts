import { GraphBuilder } from '../builder.js';
import { inputsOf, isOp, reachable, type Graph, type GraphNode, type InputNode, type OpNode } from '../graph.js';
import { ChannelGatherer, viewOf, type View } from './channel-order.js';
import { CARRY, REORDERINGS } from './channel-rules.js';
import { copy, type Pass } from './rewrite.js';

/** One attempt. @returns The graph, and the shuffles whose channels had to be brought back by copying. */
function attempt(graph: Graph, kept: ReadonlySet<number>, lazy: boolean): { graph: Graph; refused: ReadonlySet<number> } {
  const builder = new GraphBuilder();
  const refused = new Set<number>();
  const gatherer = new ChannelGatherer(builder, (reordered) => reordered.forEach((id) => refused.add(id)));
  const views = new Map<GraphNode, View>();
  const leaves = new Map<GraphNode, GraphNode>();
  const weights = new Map<GraphNode, GraphNode>();
  const viewOfInput = (input: GraphNode) => views.get(input) ?? viewOf(leaves.get(input) as GraphNode);
  const plain = (input: GraphNode) => leaves.get(input) ?? gatherer.plain(viewOfInput(input));

  const visit = (node: OpNode): View => {
    const inputs = node.inputs.map(viewOfInput);
    const moved = kept.has(node.id) || (node.kind === 'concat' && !lazy) ? undefined : REORDERINGS[node.kind]?.(node as never, inputs);
    if (moved !== undefined) return moved;
    const carried = CARRY[node.kind]?.({
      node: node as never, gatherer, x: (i) => inputs[i] as View, weight: (i) => weights.get(node.inputs[i] as GraphNode),
      apply: (nodes, order) => viewOf(builder.opWith(node.kind, nodes, node.attributes, node.fused), order, new Set(inputs.flatMap(({ reordered }) => [...reordered]))),
    });
    return carried ?? viewOf(copy(node, node.inputs.map(plain), builder));
  };

  for (const node of graph.nodes) {
    builder.at(node.origin);
    if (isOp(node)) views.set(node, visit(node));
    else {
      const leaf = copy(node, inputsOf(node).map((value) => leaves.get(value) as GraphNode), builder);
      leaves.set(node, leaf);
      if (node.kind !== 'input') weights.set(node, leaf);
    }
  }
  const inputs = graph.inputs.map((node) => leaves.get(node) as InputNode);
  const outputs = graph.outputs.map(plain);
  return { graph: { name: graph.name, inputs, outputs, nodes: reachable(outputs, inputs) }, refused };
}

/**
 * Takes channel shuffles away that weights can absorb: channels stay where they are, and who reads them has its weights
 * laid out as they lie. Shuffles that would have to be made up for by a copy elsewhere stay. Exact.
 */
export const absorbShuffles: Pass = (graph) => {
  const kept = new Set<number>();
  for (;;) {
    const { graph: result, refused } = attempt(graph, kept, false);
    const before = kept.size;
    refused.forEach((id) => kept.add(id));
    if (kept.size === before) return result;
  }
};

/**
 * The same for every shuffle, and concatenations and slices of channels only name channels: who needs them brings those
 * that it reads together, once. One copy where a unit of ShuffleNet v2 has three. Exact.
 */
export const viewChannels: Pass = (graph) => attempt(graph, new Set(), true).graph;
