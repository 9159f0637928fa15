/** What each op makes of channels that lie in another order than the graph says. Ops without a rule need them in order. */
import type { OpKind } from '@convkit/core';
import { isOp, type GraphNode, type OpNode } from '../graph.js';
import { range } from '../range.js';
import { channelsOf, isInOrder, joined, picked, type ChannelGatherer, type View } from './channel-order.js';

type Rules<F extends { [K in OpKind]: unknown }> = { readonly [K in OpKind]?: F[K] };

/** Ops that only say which channels where. */
export const REORDERINGS: Rules<{ [K in OpKind]: (node: OpNode<K>, inputs: readonly View[]) => View | undefined }> = {
  channelShuffle: ({ id, attributes: { groups } }, [x]) => {
    const { channels } = x as View;
    const width = channels.length / groups;
    return marked(picked(x as View, channels.map((_, k) => (k % groups) * width + Math.floor(k / groups))), id);
  },
  take: ({ id, shape, attributes: { axis, indices } }, [x]) => (axis === shape.length - 1 ? marked(picked(x as View, indices), id) : undefined),
  slice: ({ shape, attributes: { axis, start, size } }, [x]) => (axis === shape.length - 1 ? picked(x as View, range(size).map((k) => start + k)) : undefined),
  concat: ({ shape, inputs, attributes: { axis } }, views) => {
    const all = joined(views);
    const distinct = new Set(all.channels.map((channel, k) => `${(all.sources[k] as GraphNode).id}/${channel}`)).size === all.channels.length;
    return axis === shape.length - 1 && distinct && inputs.every(isOp) ? all : undefined;
  },
};

const marked = (view: View, id: number): View => ({ ...view, reordered: new Set([...view.reordered, id]) });

/** What a rule sees of one op. */
interface Context<K extends OpKind> {
  readonly node: OpNode<K>;
  readonly gatherer: ChannelGatherer;
  x(input: number): View;
  /** An input that no image reaches, in the new graph; undefined for one that is computed. */
  weight(input: number): GraphNode | undefined;
  /** The op on these inputs, and in which order its channels then lie. Default: as they should. */
  apply(inputs: readonly GraphNode[], order?: readonly number[]): View;
}

type Rule<K extends OpKind> = (context: Context<K>) => View | undefined;

/** Every channel by itself, and all alike. */
function carry({ gatherer, x, apply }: Context<OpKind>): View {
  const { node, order } = gatherer.gathered(x(0));
  return apply([node], order);
}

/** Every channel by itself, with weights along the given axis of each further input. */
function carryWeights({ node: { inputs }, gatherer, x, weight, apply }: Context<OpKind>, axisOf: (weight: GraphNode, input: number) => number): View | undefined {
  const weights = inputs.slice(1).map((_, i) => weight(i + 1));
  if (!known(weights)) return undefined;
  const { node, order, inverse } = gatherer.gathered(x(0));
  return apply([node, ...weights.map((value, i) => gatherer.laidOut(value, axisOf(value, i + 1), inverse))], order);
}

/** All channels at once, through a kernel that has them along an axis. */
function absorb({ node: { inputs }, gatherer, x, weight, apply }: Context<OpKind>, axis: number): View | undefined {
  const [kernel, ...rest] = inputs.slice(1).map((_, i) => weight(i + 1));
  if (kernel === undefined || !known(rest)) return undefined;
  const { node, inverse } = gatherer.gathered(x(0));
  return apply([node, gatherer.laidOut(kernel, axis, inverse), ...rest]);
}

const known = (weights: (GraphNode | undefined)[]): weights is GraphNode[] => weights.every((value) => value !== undefined);
const last = (weight: GraphNode) => weight.shape.length - 1;
const ofSpace = (shape: readonly unknown[], axes: readonly number[]) => !axes.includes(shape.length - 1);

/** y = f(a, b): b comes to lie as a does. */
function carryPair({ node, gatherer, x, weight, apply }: Context<'binary'>): View | undefined {
  const wide = node.shape.length;
  const full = [0, 1].filter((i) => weight(i) === undefined && node.inputs[i]?.shape.length === wide && channelsOf(node.inputs[i] as GraphNode) === channelsOf(node));
  const [first] = full;
  if (first === undefined) return undefined;
  const { node: a, order, inverse } = gatherer.gathered(x(first));
  const operands = [0, 1].map((i) => {
    const value = weight(i);
    if (i === first) return a;
    if (value !== undefined) return value.shape.length === 0 || channelsOf(value) === 1 ? value : gatherer.laidOut(value, last(value), inverse);
    if (channelsOf(node.inputs[i] as GraphNode) === 1 || channelsOf(node) === 1) return gatherer.plain(x(i));
    const other = gatherer.gathered(x(i));
    return gatherer.reorder(other.node, inverse.map((k) => other.order[k] as number), new Set([...x(first).reordered, ...x(i).reordered]));
  });
  return apply(operands, order);
}

/** Images as rows [N, H W C], or with other lengths before the channels. */
function carryShape({ node, gatherer, x, apply }: Context<'reshape'>): View | undefined {
  const channels = x(0).channels.length;
  const target = node.attributes.shape;
  if (target.at(-1) !== channels && target.length !== 1) return undefined;
  const { node: from, order } = gatherer.gathered(x(0));
  if (target.length > 1) return apply([from], order);
  const positions = (target[0] as number) / channels;
  return isInOrder(order) ? apply([from]) : apply([from], range(positions).flatMap((at) => order.map((k) => at * channels + k)));
}

const depthwise: Rule<'depthwiseConv2d'> = ({ node: { inputs }, gatherer, x, weight, apply }) => {
  const [kernel, bias] = [weight(1), weight(2)];
  if (kernel === undefined || (inputs.length > 2 && bias === undefined)) return undefined;
  const { node, order, inverse } = gatherer.gathered(x(0));
  const multiplier = kernel.shape[3] as number;
  const spread = (places: readonly number[]) => places.flatMap((k) => range(multiplier).map((j) => k * multiplier + j));
  const weights = [gatherer.laidOut(kernel, 2, inverse), ...(bias ? [gatherer.laidOut(bias, 0, spread(inverse))] : [])];
  return apply([node, ...weights], spread(order));
};

/** The order that an op's result keeps, or the weights that take it up. */
export const CARRY: Rules<{ [K in OpKind]: Rule<K> }> = {
  activation: (context) => (context.node.attributes.kind === 'softmax' ? undefined : carry(context)),
  dropout: carry,
  maxPool: carry,
  avgPool: carry,
  adaptiveAvgPool: carry,
  resize: carry,
  pad: (context) => (context.node.attributes.padding.at(-1)?.every((n) => n === 0) === true ? carry(context) : undefined),
  reduce: (context) => {
    const { node, gatherer, x, apply } = context;
    // Over the channels, their order does not matter.
    return ofSpace(node.inputs[0]?.shape ?? [], node.attributes.axes) ? carry(context) : apply([gatherer.gathered(x(0)).node]);
  },
  batchNorm: (context) => carryWeights(context, last),
  prelu: (context) => (context.node.inputs[1]?.shape.at(-1) === 1 ? undefined : carryWeights(context, last)),
  depthwiseConv2d: depthwise,
  conv2d: (context) => (context.node.attributes.groups === 1 ? absorb(context, 2) : undefined),
  dense: (context) => absorb(context, 0),
  binary: carryPair,
  reshape: carryShape,
};
