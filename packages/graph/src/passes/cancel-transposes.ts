import type { GraphBuilder } from '../builder.js';
import { isKind, isOp, readers, type GraphNode, type OpNode } from '../graph.js';
import { rewrite, type Pass } from './rewrite.js';

const isIdentity = (permutation: readonly number[]) => permutation.every((axis, i) => axis === i);
const same = (a: readonly unknown[], b: readonly unknown[]) => a.length === b.length && a.every((value, i) => value === b[i]);

/** x with its axes permuted, or x itself. */
function transposed(builder: GraphBuilder, x: GraphNode, permutation: readonly number[]): GraphNode {
  return isIdentity(permutation) ? x : builder.op('transpose', [x], { permutation });
}

/** The transpose in front of an op that does not care about the order of axes, where only that op reads it: it can move behind. */
function movable(node: OpNode, inputs: readonly GraphNode[]): readonly number[] | undefined {
  const pointwise = (isKind(node, 'activation') && node.attributes.kind !== 'softmax') || node.kind === 'dropout';
  const [first, second] = inputs;
  if (!isKind(first, 'transpose')) return undefined;
  const { permutation } = first.attributes;
  if (pointwise) return permutation;
  return node.kind === 'binary' && isKind(second, 'transpose') && same(second.attributes.permutation, permutation) ? permutation : undefined;
}

const sourcesOf = (inputs: readonly GraphNode[]) => inputs.map((input) => (input as OpNode).inputs[0] as GraphNode);

/**
 * Two transposes in a row become one or none, also across activations and sums; a sum or mean over axes reads through a
 * transpose that leaves the other axes in order; of reshapes in a row the last one stays. Exact.
 */
export const cancelTransposes: Pass = (graph) => {
  const uses = readers(graph);
  return rewrite(graph, (node, inputs, builder) => {
    if (!isOp(node)) return undefined;
    const [x] = inputs as [GraphNode | undefined];
    if (x === undefined) return undefined;
    if (isKind(node, 'transpose')) {
      const { permutation } = node.attributes;
      if (!isKind(x, 'transpose')) return isIdentity(permutation) ? x : undefined;
      const before = x.attributes.permutation;
      return transposed(builder, x.inputs[0] as GraphNode, permutation.map((axis) => before[axis] as number));
    }
    if (isKind(node, 'reshape')) {
      const source = isKind(x, 'reshape') ? (x.inputs[0] as GraphNode) : x;
      if (same(source.shape.slice(1), node.attributes.shape)) return source;
      return source === x ? undefined : builder.op('reshape', [source], node.attributes);
    }
    if (isKind(node, 'reduce') && isKind(x, 'transpose') && !node.attributes.keepDims) {
      const { permutation } = x.attributes;
      const left = permutation.filter((_, axis) => !node.attributes.axes.includes(axis));
      if (!left.every((axis, i) => i === 0 || axis > (left[i - 1] as number))) return undefined;
      return builder.op('reduce', [x.inputs[0] as GraphNode], { ...node.attributes, axes: node.attributes.axes.map((axis) => permutation[axis] as number) });
    }
    const permutation = movable(node, inputs);
    const alone = node.inputs.every((input) => uses.get(input) === node.inputs.filter((other) => other === input).length);
    if (permutation === undefined || !alone) return undefined;
    return transposed(builder, builder.opWith(node.kind, sourcesOf(inputs), node.attributes, node.fused), permutation);
  });
};
