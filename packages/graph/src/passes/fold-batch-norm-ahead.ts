import { isKind, isOp, readers, type GraphNode, type OpNode } from '../graph.js';
import { batchNormTerms } from './batch-norm-terms.js';
import { rewrite, type Pass } from './rewrite.js';

const isZero = (node: GraphNode | undefined) => node?.kind === 'constant' && node.values === 0;

/** Groups of an op whose kernel can take a factor for each input channel; undefined for other ops. */
function groupsOf(node: OpNode): number | undefined {
  const kernel = node.inputs[1];
  if (kernel === undefined || isOp(kernel) || kernel.kind === 'input') return undefined;
  if (isKind(node, 'conv2d')) return node.attributes.groups;
  if (isKind(node, 'depthwiseConv2d')) return kernel.shape[2] ?? undefined;
  return node.kind === 'dense' ? 1 : undefined;
}

/** Whether the op sees nothing but its input: no zeros around it, which the batch norm would not have shifted. */
const isUnpadded = (node: OpNode) => !('padding' in node.attributes) || (node.attributes.padding as readonly number[]).every((n) => n === 0);

/**
 * Folds a batch norm into the convolution or dense layer behind it, where only that reads it: K (r x + s) = (K r) x + K s.
 * Left alone before a padded convolution, whose zeros stay zeros, unless s is 0. Exact up to rounding.
 */
export const foldBatchNormAhead: Pass = (graph) => {
  const uses = readers(graph);
  return rewrite(graph, (node, inputs, builder, renew) => {
    if (!isOp(node)) return undefined;
    const [norm] = node.inputs;
    const groups = groupsOf(node);
    if (groups === undefined || !isKind(norm, 'batchNorm') || uses.get(norm) !== 1) return undefined;
    if (!isUnpadded(node) && !(isZero(norm.inputs[2]) && isZero(norm.inputs[3]))) return undefined;
    const [x, ...statistics] = norm.inputs.map(renew) as [GraphNode, ...GraphNode[]];
    const [, kernel, bias] = inputs as [GraphNode, GraphNode, GraphNode | undefined];
    const { ratio, shift } = batchNormTerms(builder, [x, ...statistics], norm.attributes.epsilon);
    const outputs = [node.shape.at(-1) as number];
    const scaled = builder.derived({ kind: 'scaleInput', groups }, [kernel, ratio]);
    const moved = builder.derived({ kind: 'response', groups }, [bias ?? builder.constant(0, outputs), kernel, shift]);
    return builder.opWith(node.kind, [x, scaled, moved], node.attributes, node.fused);
  });
};
