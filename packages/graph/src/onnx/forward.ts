import { isOp, type Graph, type GraphNode } from '../graph.js';
import { opOf } from '../ops/index.js';
import { writeActivation } from './activation.js';
import { PLAIN } from './layout.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/** The first version of ONNX' operators that has everything a graph needs, and `atLeast`. */
export function opsetOf(graph: Graph, atLeast: number): number {
  return graph.nodes.reduce((opset, node) => (isOp(node) ? Math.max(opset, opOf(node.kind).opset ?? 0) : opset), atLeast);
}

/**
 * Writes every op of a graph.
 * @param valueOf What is there already: inputs, weights and other constants.
 * @returns The value of every node.
 */
export function writeForward(w: OnnxWriter, graph: Graph, valueOf: (node: GraphNode) => OnnxValue | undefined): Map<GraphNode, OnnxValue> {
  const values = new Map<GraphNode, OnnxValue>();
  for (const node of graph.nodes) {
    const given = valueOf(node);
    if (given !== undefined) values.set(node, given);
    // What only constants reach has been computed, and its own inputs are gone.
    else if (isOp(node) && node.inputs.every((input) => values.has(input))) {
      w.at(node.origin.layer);
      const inputs = node.inputs.map((input) => values.get(input) as OnnxValue);
      const value = opOf(node.kind).onnx(w, inputs, node.attributes, node.shape);
      if (node.fused === undefined) values.set(node, value);
      else {
        const layout = node.fused.kind === 'softmax' ? PLAIN : value.layout;
        values.set(node, { name: writeActivation(w, w.as(value, layout), node.fused), shape: node.shape, layout });
      }
    }
  }
  w.at('');
  return values;
}
