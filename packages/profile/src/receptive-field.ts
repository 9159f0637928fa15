import { fieldBehind, PIXEL_FIELD, type AxisField } from '@convkit/core';
import { inputsOf, isOp, opOf, type Graph, type GraphNode, type OpNode } from '@convkit/graph';

/** What one output position sees of the input, along height and width. In input pixels. */
export interface ReceptiveField {
  /** Extent. */
  size: [number, number];
  /** Distance between the fields of neighbouring positions (effective stride). */
  stride: [number, number];
  /** Centre of the first position's field; 0 is the centre of the first pixel. */
  offset: [number, number];
}

/**
 * Receptive field of every node, by core's `fieldBehind` along both axes. Where paths join, the widest counts. A flattened
 * or globally pooled map sees what all its positions see together.
 */
export function receptiveFields(graph: Graph): Map<GraphNode, ReceptiveField> {
  const fields = new Map<GraphNode, ReceptiveField>();
  for (const input of graph.inputs) fields.set(input, bothAxes(() => PIXEL_FIELD));
  for (const node of graph.nodes) {
    if (!isOp(node)) continue;
    const seen = inputsOf(node).map((input) => fields.get(input)).filter((field) => field !== undefined);
    if (seen.length === 0) continue;
    fields.set(node, through(node, seen.reduce((a, b) => (area(b) > area(a) ? b : a))));
  }
  return fields;
}

const area = ({ size }: ReceptiveField) => size[0] * size[1];

function through(node: OpNode, field: ReceptiveField): ReceptiveField {
  const shapes = node.inputs.map((input) => input.shape);
  const from = shapes[0] ?? [];
  const flattened = node.kind === 'reshape' && from.length > 2 && node.shape.length === 2;
  const window = flattened
    ? { size: [from[1] ?? 1, from.length === 4 ? (from[2] ?? 1) : 1] as const, strides: [1, 1] as const, before: [0, 0] as const }
    : opOf(node.kind).window?.(shapes, node.attributes);
  if (window === undefined) return field;
  return bothAxes((axis) => fieldBehind(
    { size: field.size[axis], stride: field.stride[axis], offset: field.offset[axis] },
    { size: window.size[axis], stride: window.strides[axis], before: window.before[axis] },
  ));
}

function bothAxes(along: (axis: 0 | 1) => AxisField): ReceptiveField {
  const [rows, columns] = [along(0), along(1)];
  return { size: [rows.size, columns.size], stride: [rows.stride, columns.stride], offset: [rows.offset, columns.offset] };
}

/** The last feature map on the way to the outputs: rank 4 and not made of globally pooled values alone (a gate times a map is a map). */
export function lastFeatureMap(graph: Graph): GraphNode | undefined {
  const maps = new Set<GraphNode>(graph.inputs);
  let last: GraphNode | undefined;
  for (const node of graph.nodes) {
    if (!isOp(node) || node.kind === 'reduce' || !inputsOf(node).some((input) => maps.has(input))) continue;
    maps.add(node);
    if (node.shape.length === 4) last = node;
  }
  return last;
}
