import type { DerivedKind, GraphNode, OpNode } from '../graph.js';
import { isKind, isOp, readers } from '../graph.js';
import { rewrite, type Pass } from './rewrite.js';

/** Ops that a following batch norm folds into, and how it scales their kernel. */
const FOLDABLE: Readonly<Record<string, DerivedKind>> = { conv2d: 'bnKernel', dense: 'bnKernel', depthwiseConv2d: 'bnDepthwiseKernel', convTranspose2d: 'bnTransposedKernel' };

function isFoldable(node: GraphNode | undefined): node is OpNode {
  return node !== undefined && isOp(node) && node.kind in FOLDABLE && node.fused === undefined && node.inputs.slice(1).every((input) => !isOp(input) && input.kind !== 'input');
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
    const [, gamma, beta, mean, variance] = inputs as [GraphNode, GraphNode, GraphNode, GraphNode, GraphNode];
    const [x, kernel, bias] = producer.inputs.map(renew) as [GraphNode, GraphNode, GraphNode | undefined];
    const { epsilon } = node.attributes;
    const derive = FOLDABLE[producer.kind] as DerivedKind;
    const scaled = builder.derived(derive, [kernel, gamma, variance], kernel.shape, epsilon);
    const shift = builder.derived('bnBias', [bias ?? builder.constant(0, gamma.shape as number[]), gamma, beta, mean, variance], gamma.shape, epsilon);
    return builder.at(producer.origin).opWith(producer.kind, [x, scaled, shift], producer.attributes, undefined);
  });
};
