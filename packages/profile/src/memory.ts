import { elements, inputsOf, isOp, opOf, type Graph, type GraphNode } from '@convkit/graph';

const BYTES = 4;

/** Nodes whose values exist at run time: inputs and the ops that depend on them (a reshaped weight does not). */
export function runtimeNodes(graph: Graph): GraphNode[] {
  const live = new Set<GraphNode>(graph.inputs);
  return graph.nodes.filter((node) => {
    if (isOp(node) && inputsOf(node).some((input) => live.has(input))) live.add(node);
    return live.has(node);
  });
}

export interface MemoryProfile {
  /** Bytes of the input and of every op's output, once each; views (reshape) count nothing. One image, float32. */
  activationBytes: number;
  /** Most bytes of activations alive at once, each freed after its last reader. One image, float32. */
  peakActivationBytes: number;
}

/** Activation memory of a graph by the live ranges of its tensors. */
export function activationMemory(graph: Graph): MemoryProfile {
  const nodes = runtimeNodes(graph);
  const buffer = bufferOwners(nodes);
  const lastReader = new Map<GraphNode, number>();
  nodes.forEach((node, step) => {
    for (const input of inputsOf(node)) {
      const owner = buffer.get(input);
      if (owner !== undefined) lastReader.set(owner, step);
    }
  });
  for (const output of graph.outputs) {
    const owner = buffer.get(output);
    if (owner !== undefined) lastReader.set(owner, nodes.length);
  }

  const expiring = new Map<number, number>();
  for (const [owner, step] of lastReader) expiring.set(step, (expiring.get(step) ?? 0) + bytes(owner));
  const inputBytes = graph.inputs.reduce((sum, input) => sum + bytes(input), 0);
  let alive = inputBytes;
  let peak = alive;
  let total = inputBytes;
  nodes.forEach((node, step) => {
    if (isOp(node) && buffer.get(node) === node) {
      alive += bytes(node);
      total += bytes(node);
    }
    peak = Math.max(peak, alive);
    alive -= expiring.get(step) ?? 0;
  });
  return { activationBytes: total, peakActivationBytes: peak };
}

/** The node whose memory each node's value lies in: itself, or for a view the owner of its input. */
function bufferOwners(nodes: readonly GraphNode[]): Map<GraphNode, GraphNode> {
  const owners = new Map<GraphNode, GraphNode>();
  for (const node of nodes) {
    const viewed = isOp(node) && opOf(node.kind).aliases ? owners.get(node.inputs[0] as GraphNode) : undefined;
    owners.set(node, viewed ?? node);
  }
  return owners;
}

/** Bytes that running the graph must move at least: every op's inputs, weights and output once. */
export function trafficBytes(graph: Graph): number {
  const weightBytes = (node: GraphNode) => BYTES * node.shape.reduce<number>((product, n) => product * (n ?? 1), 1);
  const runtime = new Set(runtimeNodes(graph));
  let traffic = 0;
  for (const node of runtime) {
    if (!isOp(node) || opOf(node.kind).aliases) continue;
    traffic += bytes(node);
    for (const input of inputsOf(node)) traffic += runtime.has(input) ? bytes(input) : weightBytes(input);
  }
  return traffic;
}

function bytes(node: GraphNode): number {
  return BYTES * elements(node.shape);
}
