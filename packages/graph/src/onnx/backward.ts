import { isOp, type Graph, type GraphNode } from '../graph.js';
import { opOf } from '../ops/index.js';
import type { TrainingStep } from './training-step.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/** An op that training cannot go through. */
export class GradientError extends Error {
  override readonly name = 'GradientError';
  readonly code = 'ERR_GRADIENT';
}

/** Writes every op as it acts in a training step. @param valueOf Inputs, weights and constants. @returns The value of every node. */
export function writeTrainingForward(w: OnnxWriter, graph: Graph, valueOf: (node: GraphNode) => OnnxValue | undefined, step: TrainingStep): Map<GraphNode, OnnxValue> {
  const values = new Map<GraphNode, OnnxValue>();
  for (const node of graph.nodes) {
    const given = valueOf(node);
    if (given !== undefined) values.set(node, given);
    else if (isOp(node)) {
      w.at(node.origin.layer);
      if (node.origin.inferenceOnly) throw new GradientError(`layer "${node.origin.layer}" of class ${node.origin.type} acts otherwise in training, which its ops do not say; train with the engine tfjs`);
      if (node.fused !== undefined) throw new GradientError(`layer "${node.origin.layer}": a fused activation cannot be trained through; give the graph as it was traced`);
      const inputs = node.inputs.map((input) => values.get(input) as OnnxValue);
      const op = opOf(node.kind);
      values.set(node, op.onnxTraining?.(w, inputs, node.attributes, node.shape, step) ?? op.onnx(w, inputs, node.attributes, node.shape));
    }
  }
  w.at('');
  return values;
}

/**
 * Reverse-mode differentiation: writes d loss / d node for every node that is wanted.
 * @param values What the forward part put out. @param seeds d loss / d output for outputs of the graph.
 * @throws GradientError naming the layer whose op has no gradient here.
 */
export function writeBackward(
  w: OnnxWriter, graph: Graph, values: ReadonlyMap<GraphNode, OnnxValue>, seeds: ReadonlyMap<GraphNode, OnnxValue>, wanted: ReadonlySet<GraphNode>,
): Map<GraphNode, OnnxValue> {
  const reaches = new Set<GraphNode>(wanted);
  for (const node of graph.nodes) if (isOp(node) && node.inputs.some((input) => reaches.has(input))) reaches.add(node);

  const sums = new Map<GraphNode, OnnxValue>(seeds);
  for (const node of [...graph.nodes].reverse()) {
    const upstream = sums.get(node);
    if (upstream === undefined || !isOp(node) || !reaches.has(node)) continue;
    const { gradient } = opOf(node.kind);
    if (gradient === undefined) throw new GradientError(`layer "${node.origin.layer}" of class ${node.origin.type}: the op ${node.kind} has no gradient in ONNX; train with the engine tfjs, or freeze what is in front of it`);
    w.at(`gradient of ${node.origin.layer}`);
    const needs = node.inputs.map((input) => reaches.has(input));
    const inputs = node.inputs.map((input) => values.get(input) as OnnxValue);
    const gradients = gradient(w, { inputs, output: values.get(node) as OnnxValue, upstream, attributes: node.attributes, needs });
    node.inputs.forEach((input, i) => {
      const added = gradients[i];
      if (!needs[i] || added === undefined) return;
      const sum = sums.get(input);
      sums.set(input, sum === undefined ? added : { ...sum, name: w.op('Add', [sum.name, w.as(added, sum.layout)]) });
    });
  }
  w.at('');
  return new Map([...wanted].flatMap((node) => { const gradient = sums.get(node); return gradient === undefined ? [] : [[node, gradient] as const]; }));
}
