import { isOp, type Graph, type GraphNode, type OpNode } from '../graph.js';
import { opOf } from '../ops/index.js';
import { writeActivation } from './activation.js';
import { GradientError } from './gradient-error.js';
import { PLAIN } from './layout.js';
import type { TrainingStep } from './training-step.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/** The first version of ONNX' operators that has everything a graph needs, and `atLeast`. */
export function opsetOf(graph: Graph, atLeast: number): number {
  return graph.nodes.reduce((opset, node) => (isOp(node) ? Math.max(opset, opOf(node.kind).opset ?? 0) : opset), atLeast);
}

/**
 * Writes every op of a graph.
 * @param valueOf What is there already: inputs, weights and other constants.
 * @param step The training step that the ops are part of; without it they act as at inference.
 * @returns The value of every node.
 * @throws GradientError, in a training step, naming a layer that its ops do not describe there.
 */
export function writeForward(w: OnnxWriter, graph: Graph, valueOf: (node: GraphNode) => OnnxValue | undefined, step?: TrainingStep): Map<GraphNode, OnnxValue> {
  const values = new Map<GraphNode, OnnxValue>();
  for (const node of graph.nodes) {
    const given = valueOf(node);
    if (given !== undefined) values.set(node, given);
    // What only constants reach has been computed, and its own inputs are gone.
    else if (isOp(node) && node.inputs.every((input) => values.has(input))) {
      if (step !== undefined) refuseInTraining(node);
      w.at(node.origin.layer);
      const inputs = node.inputs.map((input) => values.get(input) as OnnxValue);
      const op = opOf(node.kind);
      const trained = step && op.onnxTraining?.(w, inputs, node.attributes, node.shape, step);
      values.set(node, activated(w, node, trained ?? op.onnx(w, inputs, node.attributes, node.shape)));
    }
  }
  w.at('');
  return values;
}

function refuseInTraining({ origin: { layer, type, inferenceOnly }, fused }: OpNode): void {
  if (inferenceOnly) throw new GradientError(`layer "${layer}" of class ${type} acts otherwise in training, which its ops do not say; train with the engine tfjs`);
  if (fused !== undefined) throw new GradientError(`layer "${layer}": a fused activation cannot be trained through; give the graph as it was traced`);
}

/** The value behind the node's fused activation. */
function activated(w: OnnxWriter, { fused, shape }: OpNode, value: OnnxValue): OnnxValue {
  if (fused === undefined) return value;
  const layout = fused.kind === 'softmax' ? PLAIN : value.layout;
  return { name: writeActivation(w, w.as(value, layout), fused), shape, layout };
}
