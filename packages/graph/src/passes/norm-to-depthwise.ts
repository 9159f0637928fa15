import { isKind, type GraphNode } from '../graph.js';
import { batchNormTerms } from './batch-norm-terms.js';
import { rewrite, type Pass } from './rewrite.js';

/**
 * A batch norm of images that nothing could fold becomes a depthwise 1x1 convolution: y = x r + (beta - mean r) with
 * r = gamma / sqrt(variance + epsilon). onnxruntime keeps those in its blocked layout and fuses the activation behind.
 */
export const normToDepthwise: Pass = (graph) => rewrite(graph, (node, inputs, builder) => {
  if (!isKind(node, 'batchNorm') || node.shape.length !== 4) return undefined;
  const { ratio, shift } = batchNormTerms(builder, inputs, node.attributes.epsilon);
  const kernel = builder.derived({ kind: 'reshape', shape: [1, 1, node.shape[3] as number, 1] }, [ratio]);
  return builder.op('depthwiseConv2d', [inputs[0] as GraphNode, kernel, shift], { strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1] });
});
