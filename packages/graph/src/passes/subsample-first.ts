import { isKind, type GraphNode } from '../graph.js';
import { rewrite, type Pass } from './rewrite.js';

/**
 * A 1x1 convolution with a stride reads every s-th position: those are picked first, by a pooling of single positions, and
 * convolved without a stride, which onnxruntime does quicker. Exact.
 */
export const subsampleFirst: Pass = (graph) => {
  const picked = new Map<string, GraphNode>();
  return rewrite(graph, (node, inputs, builder) => {
    if (!isKind(node, 'conv2d')) return undefined;
    const { strides, padding } = node.attributes;
    const [kh, kw] = node.inputs[1]?.shape ?? [];
    if (kh !== 1 || kw !== 1 || (strides[0] === 1 && strides[1] === 1) || padding.some((n) => n > 0)) return undefined;
    const [x, ...weights] = inputs as [GraphNode, ...GraphNode[]];
    const key = `${x.id} by ${strides.join('x')}`;
    const subsampled = picked.get(key) ?? builder.op('maxPool', [x], { size: [1, 1], strides, padding: [0, 0, 0, 0] });
    picked.set(key, subsampled);
    return builder.opWith('conv2d', [subsampled, ...weights], { ...node.attributes, strides: [1, 1] }, node.fused);
  });
};
