import { isKind, isOp, type Graph, type GraphNode, type OpNode } from '../graph.js';
import { opOf } from '../ops/index.js';
import { GradientError } from './gradient-error.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/**
 * Reverse-mode differentiation: writes d loss / d node for every node that is wanted.
 * @param values What the forward part put out. @param seeds d loss / d output for outputs of the graph.
 * @throws GradientError naming the layer whose op has no gradient here.
 */
export function writeBackward(
  w: OnnxWriter, graph: Graph, values: ReadonlyMap<GraphNode, OnnxValue>, seeds: ReadonlyMap<GraphNode, OnnxValue>, wanted: ReadonlySet<GraphNode>,
): Map<GraphNode, OnnxValue> {
  const reaches = new Set<GraphNode>(wanted);
  for (const node of graph.nodes) if (isOp(node) && !isStop(node) && node.inputs.some((input) => reaches.has(input))) reaches.add(node);

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
      if (!needs[i]) return;
      const added = gradients[i];
      if (added === undefined) throw new GradientError(`layer "${node.origin.layer}" of class ${node.origin.type}: the op ${node.kind} gives no gradient for its input ${i}`);
      const sum = sums.get(input);
      sums.set(input, sum === undefined ? added : { ...sum, name: w.sum(sum.name, w.as(added, sum.layout)) });
    });
  }
  w.at('');
  return new Map([...wanted].flatMap((node) => { const gradient = sums.get(node); return gradient === undefined ? [] : [[node, gradient] as const]; }));
}

/** An op that takes every gradient times 0: what is in front of it has none, and nothing is written for it. */
const isStop = (node: OpNode) => isKind(node, 'scaleGradient') && node.attributes.factor === 0;
