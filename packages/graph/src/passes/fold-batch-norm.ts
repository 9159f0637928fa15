import type { GraphNode, OpNode } from '../graph.js';
import { isKind, isOp, readers } from '../graph.js';
import { batchNormTerms } from './batch-norm-terms.js';
import { rewrite, type Pass } from './rewrite.js';

/** Ops that a following batch norm folds into: how a factor for each output lies against their kernel. */
const FACTOR_SHAPES: Readonly<Record<string, (kernel: readonly number[]) => number[]>> = {
  conv2d: (kernel) => kernel.slice(-1),
  dense: (kernel) => kernel.slice(-1),
  depthwiseConv2d: (kernel) => [1, 1, ...kernel.slice(-2)],
  convTranspose2d: (kernel) => [1, 1, ...kernel.slice(-2, -1), 1],
};

function isFoldable(node: GraphNode | undefined): node is OpNode {
  return node !== undefined && isOp(node) && node.kind in FACTOR_SHAPES && node.fused === undefined && node.inputs.slice(1).every((input) => !isOp(input) && input.kind !== 'input');
}

/**
 * Folds a batch norm into the convolution or dense layer before it, where nothing else reads that layer's output:
 * kernel' = kernel r, bias' = beta + (bias - mean) r with r = gamma / sqrt(variance + epsilon). Exact up to rounding.
 */
export const foldBatchNorm: Pass = (graph) => {
  const uses = readers(graph);
  return rewrite(graph, (node, inputs, builder, renew) => {
    if (!isKind(node, 'batchNorm')) return undefined;
    const producer = node.inputs[0];
    if (!isFoldable(producer) || uses.get(producer) !== 1) return undefined;
    const [x, kernel, bias] = producer.inputs.map(renew) as [GraphNode, GraphNode, GraphNode | undefined];
    const { ratio, shift } = batchNormTerms(builder, inputs, node.attributes.epsilon, bias);
    const scaled = builder.derived({ kind: 'scale', shape: FACTOR_SHAPES[producer.kind]?.(kernel.shape as number[]) ?? [] }, [kernel, ratio]);
    return builder.at(producer.origin).opWith(producer.kind, [x, scaled, shift], producer.attributes, undefined);
  });
};
