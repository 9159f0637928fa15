import { inputsOf, isKind, isOp, type Graph, type GraphNode, type OpNode } from '../graph.js';
import type { GraphBuilder } from '../builder.js';
import { rewrite, type Pass } from './rewrite.js';

/** onnxruntime's blocked kernels take images of a multiple of this many channels. */
const ALIGNMENT = 4;

const missing = (channels: number) => (ALIGNMENT - (channels % ALIGNMENT)) % ALIGNMENT;
const isFixed = (node: GraphNode) => !isOp(node) && node.kind !== 'input';
const isPlainConvolution = (node: GraphNode): node is OpNode<'conv2d'> => isKind(node, 'conv2d') && node.attributes.groups === 1 && node.inputs.slice(1).every(isFixed);
const isDepthwise = (node: GraphNode): node is OpNode<'depthwiseConv2d'> => isKind(node, 'depthwiseConv2d') && node.inputs[1]?.shape[3] === 1 && node.inputs.slice(1).every(isFixed);

function readersOf(graph: Graph): Map<GraphNode, GraphNode[]> {
  const readers = new Map<GraphNode, GraphNode[]>();
  for (const node of graph.nodes) for (const input of new Set(inputsOf(node))) readers.set(input, [...(readers.get(input) ?? []), node]);
  return readers;
}

/**
 * What has the channels of a convolution's output, up to where other convolutions read it; undefined where something
 * else reads it, or no depthwise convolution is among them.
 */
function reach(from: GraphNode, readers: ReadonlyMap<GraphNode, readonly GraphNode[]>, outputs: ReadonlySet<GraphNode>): GraphNode[] | undefined {
  const found = [from];
  for (const node of found) {
    if (outputs.has(node)) return undefined;
    for (const reader of readers.get(node) ?? []) {
      if (isPlainConvolution(reader)) continue;
      if (!isDepthwise(reader) && !(isKind(reader, 'activation') && reader.attributes.kind !== 'softmax')) return undefined;
      if (!found.includes(reader)) found.push(reader);
    }
  }
  return found.some(isDepthwise) ? found : undefined;
}

/**
 * Adds channels of zeros where a convolution feeds depthwise convolutions with a number of channels that is no multiple
 * of 4, as in ShuffleNet v2 with its 58: onnxruntime has those in its blocked layout ten times as fast. Who reads the
 * result has zero rows for the new channels. Exact.
 */
export const alignChannels: Pass = (graph) => {
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs);
  const widened = new Map<GraphNode, number>();
  for (const node of graph.nodes) {
    if (!isPlainConvolution(node)) continue;
    const count = missing(node.shape[3] as number);
    if (count > 0) reach(node, readers, outputs)?.forEach((value) => widened.set(value, count));
  }
  return rewrite(graph, (node, inputs, builder) => {
    if (!isOp(node)) return undefined;
    const [before, after] = [widened.get(node.inputs[0] as GraphNode) ?? 0, widened.get(node) ?? 0];
    if (before + after === 0) return undefined;
    const [x, kernel, bias] = inputs as [GraphNode, GraphNode | undefined, GraphNode | undefined];
    if (kernel === undefined) return undefined;
    const rows = extended(builder, kernel, 2, before);
    const weights = [isKind(node, 'conv2d') ? extended(builder, rows, 3, after) : rows, ...(bias ? [extended(builder, bias, 0, after)] : [])];
    return builder.opWith(node.kind, [x, ...weights], node.attributes, node.fused);
  });
};

const extended = (builder: GraphBuilder, value: GraphNode, axis: number, count: number) => (count === 0 ? value : builder.derived({ kind: 'extend', axis, count }, [value]));
