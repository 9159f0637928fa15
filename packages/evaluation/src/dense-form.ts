/**
 * A classifier as a fully convolutional network: what its last pool and its dense layers see of the training size becomes a
 * window that slides over an image of any size (Sermanet et al., OverFeat, section 3.5; Simonyan and Zisserman, section 3.2).
 */
import { OptionError, option, readOptions, type ImageShape } from '@convkit/core';
import { dropDropout, foldBatchNormAhead, graphOf, isKind, isOp, opOf, optimize, rewrite, type Graph, type GraphNode, type OpNode, type Visitor } from '@convkit/graph';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/** A classifier that has no form as a sliding window; says which layer stands in the way. */
export class DenseFormError extends Error {
  override readonly name = 'DenseFormError';
  readonly code = 'ERR_DENSE_FORM';
}

/** A network that gives an output at every position of a larger image. */
export interface DenseForm {
  /** [N, H, W, C] -> [N, rows, columns, K], where the network itself is [N, h, w, C] -> [N, K]. */
  readonly graph: Graph;
  /** Rows and columns of its output. */
  readonly positions: readonly [number, number];
  /** Pixels between neighbouring positions. */
  readonly strides: readonly [number, number];
  /** Height and width of the network's own input: what one position sees, from (row x strides[0], column x strides[1]) on. */
  readonly window: readonly [number, number];
}

export interface DenseFormOptions {
  /** [H, W, C] of the image, at least the network's own input. Default: that. */
  inputShape?: ImageShape;
}

type Pair = readonly [number, number];

/** What a vector was: an image of this size, or the cells of an adaptive pool of one. */
interface Flattened {
  readonly window: Pair;
  readonly cells: Pair;
}

/** Where the image ends and the classifier begins: pools over all of it, and flattenings. */
type Ends = Map<OpNode, 'pool' | 'cells' | Flattened>;

const ONE_BY_ONE = { strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0], groups: 1 } as const;
/** Ops that act on every position alike, whatever stands around it. */
const POINTWISE: ReadonlySet<string> = new Set(['batchNorm', 'layerNorm', 'prelu', 'activation', 'binary', 'scaleGradient']);

const sizeOf = ({ shape }: GraphNode): Pair => [shape[1] as number, shape[2] as number];
const isImage = ({ shape }: GraphNode) => shape.length === 4;
const isDot = (node: GraphNode) => isImage(node) && node.shape[1] === 1 && node.shape[2] === 1;
const same = (a: Pair, b: Pair) => a[0] === b[0] && a[1] === b[1];
const refuse = ({ origin: { layer, type } }: GraphNode, why: string): never => {
  throw new DenseFormError(`layer "${layer}" of class ${type} ${why}`);
};

/**
 * The fully convolutional form of a classifier with dense layers, or a global pool, at its end. At the network's own size it
 * gives the network's outputs. A dense layer behind a flattened [h, w, C] becomes an h x w convolution without padding, the
 * others 1x1 convolutions, and a global pool one of h x w with stride 1; global pools further in front (squeeze and
 * excitation) go on seeing the whole image. Weights are read when the graph is compiled.
 * @throws DenseFormError where a layer fixes the image's size or its order; OptionError for an image that is too small.
 */
export function denseForm(model: LayersModel | Graph, options: DenseFormOptions = {}): DenseForm {
  const { inputShape } = readOptions('denseForm', { inputShape: option.optional(option.imageShape()) }, options);
  const graph = optimize(graphOf(model), [dropDropout, foldBatchNormAhead]);
  const [input, ...others] = graph.inputs;
  if (input === undefined || others.length > 0 || !isImage(input)) throw new DenseFormError(`the model "${graph.name}" must take one image [N, H, W, C]`);
  const window = sizeOf(input);
  const shape = inputShape ?? (input.shape.slice(1) as [number, number, number]);
  if (shape[0] < window[0] || shape[1] < window[1] || shape[2] !== input.shape[3]) {
    throw new OptionError(`denseForm of "${graph.name}"`, 'inputShape', shape, `at least the network's own ${input.shape.slice(1).join(' x ')}, with as many channels`);
  }
  const ends: Ends = new Map();
  for (const output of graph.outputs) findEnds(output, ends);
  const [end] = ends.keys();
  if (end === undefined) return refuse(graph.outputs[0] ?? input, 'is the last, but there is no dense layer or global pool in front of it');
  const dense = slide(graph, ends, shape);
  return { graph: dense, positions: sizeOf(dense.outputs[0] as GraphNode), strides: stridesTo(end), window };
}

/** Walks back from the classifier's output to where it stops to be a vector. */
function findEnds(node: GraphNode | undefined, ends: Ends): void {
  if (node === undefined || !isOp(node) || ends.has(node)) return;
  const [x] = node.inputs;
  if (x !== undefined && isImage(x)) {
    const pools = isKind(node, 'reduce') ? node.attributes.axes.join() === '1,2' : isKind(node, 'adaptiveAvgPool') && isDot(node);
    if (pools) ends.set(node, 'pool');
    else if (isDot(node)) walkDots(node, ends);
    else if (isKind(node, 'reshape') && node.shape.length === 2) endAtFlatten(node, x, ends);
    return;
  }
  if (node.shape.length === 2 || isDot(node)) for (const input of node.inputs) findEnds(input, ends);
}

/** Images of one pixel behind a global pool are vectors too; those of a body at its smallest are not. */
function walkDots(node: OpNode, ends: Ends): void {
  const [x, kernel] = node.inputs;
  const alone = node.inputs.slice(1).every((other) => !isOp(other));
  const acts = isKind(node, 'conv2d') ? same([kernel?.shape[0] as number, kernel?.shape[1] as number], [1, 1]) : POINTWISE.has(node.kind);
  if (alone && acts && x !== undefined && isDot(x)) findEnds(x, ends);
}

function endAtFlatten(node: OpNode, x: GraphNode, ends: Ends): void {
  if (isDot(x)) {
    const before = ends.size;
    findEnds(x, ends);
    if (ends.size > before || (isOp(x) && ends.has(x))) {
      ends.set(node, { window: [1, 1], cells: [1, 1] });
      return;
    }
  }
  const pooled = isKind(x, 'adaptiveAvgPool') ? x.inputs[0] : undefined;
  if (pooled !== undefined && isOp(x)) ends.set(x, 'cells');
  ends.set(node, { window: sizeOf(pooled ?? x), cells: sizeOf(x) });
}

/** The graph at the new size. Behind an end, [N, F] of the network is [N, rows, columns, F]. */
function slide(graph: Graph, ends: Ends, [height, width, channels]: ImageShape): Graph {
  const flat = new Map<GraphNode, Flattened>();
  const vectors = new Set<GraphNode>();
  return rewrite(graph, (node, inputs, builder) => {
    if (node.kind === 'input') return builder.input([node.shape[0] ?? null, height, width, channels]);
    if (!isOp(node)) return undefined;
    const end = ends.get(node);
    if (end === 'cells') return inputs[0];
    if (end === undefined && !node.inputs.some((input) => vectors.has(input))) return bodyOp(node, inputs, builder);
    vectors.add(node);
    if (end === 'pool') return poolOp(node, inputs, builder);
    if (end !== undefined) {
      if (end.window[0] * end.window[1] > 1) flat.set(node, end);
      return inputs[0];
    }
    const flattened = flat.get(node.inputs[0] as GraphNode);
    if (isKind(node, 'dense')) return denseOp(node, inputs, builder, flattened ?? { window: [1, 1], cells: [1, 1] });
    if (flattened === undefined) return vectorOp(node, inputs, builder);
    if (!isKind(node, 'activation') || node.attributes.kind === 'softmax' || !same(flattened.window, flattened.cells)) return refuse(node, 'stands between the flattened image and its dense layer');
    flat.set(node, flattened);
    return undefined;
  });
}

type Builder = Parameters<Visitor>[2];

/** A pool over all of the network's own map, as one of that size with stride 1. */
function poolOp(node: OpNode, [x]: readonly GraphNode[], builder: Builder): GraphNode {
  const window = { size: sizeOf(node.inputs[0] as GraphNode), strides: [1, 1], padding: [0, 0, 0, 0] } as const;
  const kind = isKind(node, 'reduce') ? node.attributes.kind : 'mean';
  if (kind === 'sum') return refuse(node, 'sums over the image; a mean or a maximum has a dense form');
  return kind === 'max' ? builder.op('maxPool', [x as GraphNode], window) : builder.op('avgPool', [x as GraphNode], { ...window, counted: [0, 0, 0, 0] });
}

/** A dense layer as a convolution: over the image that was flattened in front of it, or over one position. */
function denseOp(node: OpNode, inputs: readonly GraphNode[], builder: Builder, { window, cells }: Flattened): GraphNode {
  const [x, kernel, ...bias] = inputs as [GraphNode, GraphNode, ...GraphNode[]];
  const [rows, filters] = kernel.shape as [number, number];
  const image = builder.derived({ kind: 'reshape', shape: [...cells, rows / (cells[0] * cells[1]), filters] }, [kernel]);
  const spread = same(window, cells) ? image : builder.derived({ kind: 'cells', size: window }, [image]);
  return builder.opWith('conv2d', [x, spread, ...bias], ONE_BY_ONE, node.fused);
}

/** What else a classifier does with vectors, at every position; undefined keeps the op. */
function vectorOp(node: OpNode, inputs: readonly GraphNode[], builder: Builder): GraphNode | undefined {
  const [before] = node.inputs as [GraphNode];
  const isLast = (axis: number) => axis === before.shape.length - 1;
  if (POINTWISE.has(node.kind) || (isKind(node, 'conv2d') && isDot(node))) return undefined;
  if (isKind(node, 'reshape') && node.shape.at(-1) === before.shape.at(-1) && (node.shape.length === 2 || isDot(node))) return inputs[0];
  if (isKind(node, 'concat') && isLast(node.attributes.axis)) return builder.op('concat', inputs, { axis: 3 });
  if (isKind(node, 'slice') && isLast(node.attributes.axis)) return builder.op('slice', inputs, { ...node.attributes, axis: 3 });
  if (isKind(node, 'take') && isLast(node.attributes.axis)) return builder.op('take', inputs, { ...node.attributes, axis: 3 });
  return refuse(node, 'has no dense form in a classifier');
}

/** An op in front of the classifier, at the new size. */
function bodyOp(node: OpNode, inputs: readonly GraphNode[], builder: Builder): GraphNode {
  const count = (shape: readonly (number | null)[]) => shape.slice(1).reduce<number>((product, n) => product * (n ?? 1), 1);
  const moved = count(inputs[0]?.shape ?? []) !== count(node.inputs[0]?.shape ?? []);
  if (moved && (isKind(node, 'reshape') || isKind(node, 'resize'))) return refuse(node, 'takes images of one size only');
  try {
    return builder.opWith(node.kind, inputs, node.attributes, node.fused);
  } catch (cause) {
    throw new DenseFormError(`layer "${node.origin.layer}" of class ${node.origin.type} does not take images of another size: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Pixels of the input between neighbouring positions of what a node reads. */
function stridesTo(end: OpNode): Pair {
  let strides: Pair = [1, 1];
  for (let at = end.inputs[0]; at !== undefined && isOp(at); at = at.inputs[0]) {
    const [rows, columns] = opOf(at.kind).window?.(at.inputs.map(({ shape }) => shape), at.attributes).strides ?? [1, 1];
    strides = [strides[0] * rows, strides[1] * columns];
  }
  return strides;
}
