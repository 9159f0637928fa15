import { isOp, type GraphNode } from '../graph.js';
import { copy, rewrite, type Pass } from './rewrite.js';

/** What a node computes, as text; undefined where two of one kind are two. Weights are one node each already. */
function meaningOf(node: GraphNode, inputs: readonly GraphNode[]): string | undefined {
  const ids = inputs.map(({ id }) => id);
  // Long lists of numbers are not compared.
  if (node.kind === 'constant') return typeof node.values === 'number' ? JSON.stringify(['constant', node.values, node.shape]) : undefined;
  if (node.kind === 'derived') return JSON.stringify([node.derivation, ids]);
  // Dropout draws anew each time it trains.
  return isOp(node) && node.kind !== 'dropout' ? JSON.stringify([node.kind, node.attributes, node.fused, ids]) : undefined;
}

/** Computes once what several nodes compute from the same inputs, such as a shared layer used twice on one value. */
export const shareCommon: Pass = (graph) => {
  const known = new Map<string, GraphNode>();
  return rewrite(graph, (node, inputs, builder) => {
    const meaning = meaningOf(node, inputs);
    if (meaning === undefined) return undefined;
    const same = known.get(meaning) ?? copy(node, inputs, builder);
    known.set(meaning, same);
    return same;
  });
};
