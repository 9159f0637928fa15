import type { Graph } from '../graph.js';
import { rewrite } from './rewrite.js';

/** The graph for batches of one size: every shape is known. */
export function withBatch(graph: Graph, batch: number): Graph {
  return rewrite(graph, (node, _, builder) => (node.kind === 'input' ? builder.input([batch, ...node.shape.slice(1)]) : undefined));
}
