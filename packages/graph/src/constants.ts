import * as tf from '@tensorflow/tfjs-core';
import { deriveValue } from './derived.js';
import { inputsOf, isOp, type Graph, type GraphNode } from './graph.js';
import { opOf } from './ops/index.js';

/**
 * The values that no input reaches and that an op with inputs (or an output) reads, computed once on the active
 * backend. Weights are copied: the values stay as they are when the model is trained on. The caller disposes them.
 */
export function evaluateConstants(graph: Graph): Map<GraphNode, tf.Tensor> {
  const constants = new Map<GraphNode, tf.Tensor>();
  for (const node of graph.nodes) {
    if (node.kind !== 'input' && inputsOf(node).every((input) => constants.has(input))) constants.set(node, evaluate(node, constants));
  }
  const read = new Set<GraphNode>([...graph.nodes.filter((node) => !constants.has(node)).flatMap(inputsOf), ...graph.outputs]);
  for (const [node, tensor] of constants) {
    if (read.has(node)) continue;
    tensor.dispose();
    constants.delete(node);
  }
  return constants;
}

function evaluate(node: GraphNode, constants: ReadonlyMap<GraphNode, tf.Tensor>): tf.Tensor {
  const value = tf.tidy(() => {
    const inputs = inputsOf(node).map((input) => constants.get(input) as tf.Tensor);
    switch (node.kind) {
      case 'weight': return tf.clone(node.variable.read());
      case 'constant': return tf.fill(node.shape as number[], node.fill);
      case 'derived': return deriveValue(node, inputs);
      case 'input': throw new Error('an input has no value at compile time');
      default: return isOp(node) ? tf.clone(opOf(node.kind).evaluate(inputs, node.attributes, node.fused)) : (node satisfies never);
    }
  });
  return tf.keep(value);
}
