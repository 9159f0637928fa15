import * as tf from '@tensorflow/tfjs-core';
import { deriveValue } from './derived.js';
import { inputsOf, isOp, type Graph, type GraphNode } from './graph.js';
import { opOf } from './ops/index.js';

/**
 * Constant folding: the values that no input reaches and that an op with inputs (or an output) reads, computed once on
 * the active backend; values in between are freed after their last use. Weights are copied: the values stay as they are
 * when the model is trained on. The caller disposes them.
 */
export function evaluateConstants(graph: Graph): Map<GraphNode, tf.Tensor> {
  const fixed = new Set<GraphNode>();
  for (const node of graph.nodes) if (node.kind !== 'input' && inputsOf(node).every((input) => fixed.has(input))) fixed.add(node);
  const kept = new Set<GraphNode>([...graph.nodes.filter((node) => !fixed.has(node)).flatMap(inputsOf), ...graph.outputs]);
  const lastReader = new Map<GraphNode, GraphNode>();
  for (const node of fixed) for (const input of inputsOf(node)) lastReader.set(input, node);
  const constants = new Map<GraphNode, tf.Tensor>();
  for (const node of fixed) {
    if (!kept.has(node) && !lastReader.has(node)) continue;
    constants.set(node, evaluate(node, constants));
    for (const input of new Set(inputsOf(node))) {
      if (kept.has(input) || lastReader.get(input) !== node) continue;
      constants.get(input)?.dispose();
      constants.delete(input);
    }
  }
  return constants;
}

function evaluate(node: GraphNode, constants: ReadonlyMap<GraphNode, tf.Tensor>): tf.Tensor {
  const value = tf.tidy(() => {
    const inputs = inputsOf(node).map((input) => constants.get(input) as tf.Tensor);
    switch (node.kind) {
      case 'weight': return tf.clone(node.variable.read());
      case 'constant': return typeof node.values === 'number' ? tf.fill(node.shape as number[], node.values) : tf.tensor(node.values, node.shape as number[]);
      case 'derived': return deriveValue(node.derivation, inputs);
      case 'input': throw new Error('an input has no value at compile time');
      default: return isOp(node) ? tf.clone(opOf(node.kind).evaluate(inputs, node.attributes, node.fused)) : (node satisfies never);
    }
  });
  return tf.keep(value);
}
