import type { GraphBuilder } from '../builder.js';
import type { GraphNode } from '../graph.js';

/**
 * A batch norm behind a bias as x r + shift: r = gamma / sqrt(variance + epsilon), shift = beta + (bias - mean) r.
 * @param inputs Those of the batch norm: x, gamma, beta, mean, variance.
 */
export function batchNormTerms(builder: GraphBuilder, inputs: readonly GraphNode[], epsilon: number, bias?: GraphNode): { ratio: GraphNode; shift: GraphNode } {
  const [, gamma, beta, mean, variance] = inputs as [GraphNode, GraphNode, GraphNode, GraphNode, GraphNode];
  const ratio = builder.derived({ kind: 'ratio', epsilon }, [gamma, variance]);
  return { ratio, shift: builder.derived({ kind: 'shift' }, [bias ?? builder.constant(0, beta.shape as number[]), beta, mean, ratio]) };
}
