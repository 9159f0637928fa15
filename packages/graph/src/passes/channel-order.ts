/** In which order the channels of a value lie, and where; for passes that leave channels where they are. */
import type { GraphBuilder } from '../builder.js';
import { isOp, type GraphNode } from '../graph.js';
import { range } from '../range.js';

/** The channels of a value in their logical order: channel k is channel `channels[k]` of the node `sources[k]`. */
export interface View {
  readonly sources: readonly GraphNode[];
  readonly channels: readonly number[];
  /** Ids of the nodes of the old graph whose reordering is in here. */
  readonly reordered: ReadonlySet<number>;
}

/** A node that holds exactly the channels of a view: logical channel k at `order[k]`; `inverse` is the way back. */
export interface Ordered {
  readonly node: GraphNode;
  readonly order: readonly number[];
  readonly inverse: readonly number[];
  readonly reordered: ReadonlySet<number>;
}

export const isInOrder = (order: readonly number[]) => order.every((place, i) => place === i);

function inverseOf(order: readonly number[]): number[] {
  const inverse: number[] = [];
  order.forEach((place, i) => { inverse[place] = i; });
  return inverse;
}

/** How many channels a value has: its last axis. */
export const channelsOf = (node: GraphNode) => node.shape.at(-1) ?? 0;

/** A node's channels, in another order than the node's own if one is given. */
export function viewOf(node: GraphNode, channels: readonly number[] = range(channelsOf(node)), reordered: ReadonlySet<number> = new Set()): View {
  return { sources: channels.map(() => node), channels, reordered: isInOrder(channels) ? new Set() : reordered };
}

/** The given channels of a view, in the given order. */
export function picked(view: View, channels: readonly number[]): View {
  return { sources: channels.map((k) => view.sources[k] as GraphNode), channels: channels.map((k) => view.channels[k] as number), reordered: view.reordered };
}

/** Views one behind the other. */
export function joined(views: readonly View[]): View {
  return { sources: views.flatMap(({ sources }) => sources), channels: views.flatMap(({ channels }) => channels), reordered: new Set(views.flatMap(({ reordered }) => [...reordered])) };
}

/** Makes nodes out of views. Each set of channels is brought together once. */
export class ChannelGatherer {
  private readonly made = new Map<string, GraphNode>();

  /**
   * @param refuse Hears of what would need a copy: the channels of `reordered` lie apart or out of order.
   */
  constructor(private readonly builder: GraphBuilder, private readonly refuse: (reordered: ReadonlySet<number>) => void) {}

  /** The view's channels together in one node, in the cheapest order. A channel that is there twice is out of order. */
  gathered(view: View): Ordered {
    const bySource = new Map<GraphNode, number[]>();
    view.sources.forEach((source, k) => {
      const channels = bySource.get(source);
      if (channels === undefined) bySource.set(source, [view.channels[k] as number]);
      else channels.push(view.channels[k] as number);
    });
    const parts = [...bySource].map(([source, channels]) => ({ source, channels: [...new Set(channels)].sort((a, b) => a - b) }));
    const starts = new Map<GraphNode, Map<number, number>>();
    let length = 0;
    for (const { source, channels } of parts) {
      starts.set(source, new Map(channels.map((channel) => [channel, length++])));
    }
    const order = view.channels.map((channel, k) => starts.get(view.sources[k] as GraphNode)?.get(channel) ?? 0);
    const nodes = parts.map(({ source, channels }) => this.part(source, channels, view.reordered));
    const node = nodes.length === 1 ? (nodes[0] as GraphNode) : this.once('concat', nodes, () => this.builder.op('concat', nodes, { axis: (nodes[0] as GraphNode).shape.length - 1 }));
    if (length < order.length) return this.inOrder(this.reorder(node, order, view.reordered));
    return { node, order, inverse: inverseOf(order), reordered: view.reordered };
  }

  /** The view as a node with its channels in their logical order. */
  plain(view: View): GraphNode {
    const { node, order } = this.gathered(view);
    return isInOrder(order) ? node : this.reorder(node, order, view.reordered);
  }

  /** A value whose logical channels come to lie as those of another: a weight is laid out anew, a computed value is copied. */
  laidOut(value: GraphNode, axis: number, indices: readonly number[]): GraphNode {
    if (indices.length === value.shape[axis] && (isInOrder(indices) || (value.kind === 'constant' && typeof value.values === 'number'))) return value;
    return this.once(`take ${axis} ${indices.join()}`, [value], () => (isOp(value) || value.kind === 'input'
      ? this.builder.op('take', [value], { axis, indices })
      : this.builder.derived({ kind: 'take', axis, indices }, [value])));
  }

  /** A computed value with its channels in another order, as a copy. */
  reorder(node: GraphNode, indices: readonly number[], reordered: ReadonlySet<number>): GraphNode {
    if (isInOrder(indices) && indices.length === channelsOf(node)) return node;
    this.refuse(reordered);
    return this.laidOut(node, node.shape.length - 1, indices);
  }

  private inOrder(node: GraphNode): Ordered {
    const order = range(channelsOf(node));
    return { node, order, inverse: order, reordered: new Set() };
  }

  private part(source: GraphNode, channels: readonly number[], reordered: ReadonlySet<number>): GraphNode {
    const [start = 0] = channels;
    const size = channels.length;
    if (size === channelsOf(source)) return source;
    const contiguous = channels.every((channel, i) => channel === start + i);
    if (!contiguous) return this.reorder(source, channels, reordered);
    const axis = source.shape.length - 1;
    return this.once(`slice ${start} ${size}`, [source], () => this.builder.op('slice', [source], { axis, start, size }));
  }

  private once(what: string, inputs: readonly GraphNode[], make: () => GraphNode): GraphNode {
    const key = `${what} of ${inputs.map(({ id }) => id).join()}`;
    const node = this.made.get(key) ?? make();
    this.made.set(key, node);
    return node;
  }
}
