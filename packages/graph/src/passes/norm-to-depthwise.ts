import { isKind, type GraphNode } from '../graph.js';
import { rewrite, type Pass } from './rewrite.js';

/**
 * A batch norm of images that nothing could fold becomes a depthwise 1x1 convolution: y = x r + (beta - mean r) with
 * r = gamma / sqrt(variance + epsilon). onnxruntime keeps those in its blocked layout and fuses the activation behind.
 */
export const normToDepthwise: Pass = (graph) => rewrite(graph, (node, inputs, builder) => {
  if (!isKind(node, 'batchNorm') || node.shape.length !== 4) return undefined;
  const [x, gamma, beta, mean, variance] = inputs as [GraphNode, GraphNode, GraphNode, GraphNode, GraphNode];
  const channels = gamma.shape[0] as number;
  const kernel = builder.derived('bnScale', [gamma, variance], [1, 1, channels, 1], node.attributes.epsilon);
  const bias = builder.derived('bnBias', [builder.constant(0, [channels]), gamma, beta, mean, variance], [channels], node.attributes.epsilon);
  return builder.op('depthwiseConv2d', [x, kernel, bias], { strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1] });
});
