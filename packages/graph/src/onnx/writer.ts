import type { ValueShape } from '@convkit/core';
import { fuseBlocked } from './blocked-fusion.js';
import { arrange, BLOCKED_DOMAIN, inverse, keepsOrder, NCHW, PLAIN, shapeIn, unblocked, viewOf, type Layout } from './layout.js';
import { int, ints, type OnnxAttributes, type OnnxConstant, type OnnxNode, type OnnxProgram, type OnnxValueInfo } from './program.js';

/** A tensor of a program. */
export interface OnnxValue {
  readonly name: string;
  /** As the graph has it, NHWC for images. */
  readonly shape: ValueShape;
  /** How the elements lie. */
  readonly layout: Layout;
  /** What the op's gradient needs beside inputs and output. */
  readonly saved?: string;
}

/** An output of a program. */
export interface OnnxResult {
  readonly name: string;
  /** The value that it gives out, by its name. */
  readonly value: string;
  readonly shape: readonly (number | string)[];
}

/** A tensor that is known, and takes any layout for nothing. */
interface Known {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** The number of float32 among ONNX' element types. */
const FLOAT = 1;

/** The nodes that the outputs of a program come from. */
function reached(nodes: readonly OnnxNode[], outputs: readonly string[]): OnnxNode[] {
  const wanted = new Set(outputs);
  const kept = [...nodes].reverse().filter((node) => {
    const isWanted = node.outputs.some((output) => wanted.has(output));
    if (isWanted) for (const name of node.inputs) wanted.add(name);
    return isWanted;
  });
  return kept.reverse();
}

/**
 * Writes the nodes of an ONNX program. Equal nodes are written once; a value is converted to another layout once, and
 * known tensors are laid out as their reader wants them.
 */
export class OnnxWriter {
  readonly nodes: OnnxNode[] = [];
  readonly constants = new Map<string, OnnxConstant>();
  readonly domains = new Set<string>();
  private readonly written = new Map<string, readonly string[]>();
  private readonly names = new Map<string, number>();
  /** Additions of two values of one shape. */
  readonly sums = new Set<string>();
  /** See {@link noteShift}. */
  readonly shifts = new Set<string>();
  private readonly products = new Map<string, { name: string; scale: string }>();
  private readonly known = new Map<string, Known>();
  /** What a value is another shape of. */
  private readonly shapedFrom = new Map<string, string>();
  private readonly open = new Map<string, { shape: readonly number[]; place: (layout: Layout) => { name: string; layout: Layout }; placed?: OnnxValue }>();
  private scope = '';

  /**
   * @param block Channels that onnxruntime's own convolutions want to lie together, for programs that run in this process and
   *   nowhere else: it is the machine's. Without it the program holds nothing but what every machine reads.
   */
  constructor(readonly opset: number, readonly block?: number) {}

  /** Names of what follows begin with this. */
  at(scope: string): this {
    this.scope = scope;
    return this;
  }

  /** A name that nothing has yet. */
  fresh(hint: string): string {
    const wanted = this.scope === '' ? hint : `${this.scope}/${hint}`;
    const taken = this.names.get(wanted) ?? 0;
    this.names.set(wanted, taken + 1);
    return taken === 0 ? wanted : `${wanted}.${taken}`;
  }

  /** Truth values or integers as float32: 1 and 0, or the number. */
  asFloat(name: string): string {
    return this.op('Cast', [name], { to: int(FLOAT) });
  }

  /** A node with several outputs. */
  many(type: string, inputs: readonly string[], outputs: number, attributes: OnnxAttributes = {}, domain = ''): readonly string[] {
    const key = JSON.stringify([type, domain, inputs, outputs, attributes]);
    const known = this.written.get(key);
    if (known !== undefined) return known;
    const name = this.fresh(type);
    const results = Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name}:${i}`));
    this.nodes.push({ name, type, domain, inputs, outputs: results, attributes });
    if (domain !== '') this.domains.add(domain);
    this.written.set(key, results);
    return results;
  }

  /** A node with one output, whose name it returns. */
  op(type: string, inputs: readonly string[], attributes: OnnxAttributes = {}, domain = ''): string {
    return this.many(type, inputs, 1, attributes, domain)[0] as string;
  }

  /** a + b, both of one shape: a blocked convolution that puts one of them out may add the other. */
  sum(a: string, b: string): string {
    const name = this.op('Add', [a, b]);
    this.sums.add(name);
    return name;
  }

  /** Notes that a blocked convolution only adds its bias to its image. @returns The value. */
  noteShift(name: string): string {
    this.shifts.add(name);
    return name;
  }

  /** Notes that `product` is x times a scale by channel, [C]: who reads it may do that to something smaller, and then nobody computes it. */
  noteProduct(product: string, x: string, scale: string): void {
    this.products.set(product, { name: x, scale });
  }

  /** What a value is a product of, where that was noted. */
  productOf(product: string): { readonly name: string; readonly scale: string } | undefined {
    return this.products.get(product);
  }

  /** A constant of 64-bit integers, one axis. */
  integers(values: readonly number[]): string {
    const name = `int64 [${values.join(', ')}]`;
    if (!this.constants.has(name)) this.constants.set(name, { name, shape: [values.length], data: BigInt64Array.from(values, BigInt) });
    return name;
  }

  /** A constant of numbers, one axis. */
  numbers(values: readonly number[]): string {
    const name = `float [${values.join(', ')}]`;
    if (!this.constants.has(name)) this.constants.set(name, { name, shape: [values.length], data: Float32Array.from(values) });
    return name;
  }

  /** One number as a constant without axes. */
  number(value: number): string {
    const name = `float ${value}`;
    if (!this.constants.has(name)) this.constants.set(name, { name, shape: [], data: Float32Array.of(value) });
    return name;
  }

  /** A tensor that is known. */
  constant(name: string, values: Float32Array, shape: readonly number[]): OnnxValue {
    this.known.set(name, { values, shape });
    return { name, shape, layout: PLAIN };
  }

  /** The elements of a tensor that is known, as the graph has them. */
  valuesOf(value: OnnxValue): Float32Array | undefined {
    return this.known.get(value.name)?.values;
  }

  /** A tensor that may take the layout of its first reader: `place` says where it then stands, and how. */
  undecided(name: string, shape: readonly number[], place: (layout: Layout) => { name: string; layout: Layout }): OnnxValue {
    this.open.set(name, { shape, place });
    return { name, shape, layout: PLAIN };
  }

  /** The name of a value with its elements in a layout. */
  as(value: OnnxValue, layout: Layout): string {
    const known = this.known.get(value.name);
    if (known !== undefined) return layout.block === undefined ? this.place(value.name, known, layout) : this.op('ReorderInput', [this.place(value.name, known, NCHW)], {}, BLOCKED_DOMAIN);
    const open = this.open.get(value.name);
    if (open !== undefined) {
      open.placed ??= { shape: open.shape, ...open.place(unblocked(layout)) };
      return this.as(open.placed, layout);
    }
    return this.converted(value, layout);
  }

  /** The same elements, in the graph's order, as another shape; of the batch axis only the length 1 may change. */
  reshaped(value: OnnxValue, shape: ValueShape): OnnxValue {
    const known = this.known.get(value.name);
    if (known !== undefined) return this.constant(`${value.name} [${shape.join(', ')}]`, known.values, shape as number[]);
    return { name: this.reshape(this.as(value, PLAIN), shape), shape, layout: PLAIN };
  }

  /** A tensor in another shape, the elements as they lie. One length may be open. */
  reshape(name: string, shape: readonly (number | null)[]): string {
    const source = this.shapedFrom.get(name) ?? name;
    const result = this.op('Reshape', [source, this.integers(shape.map((n) => n ?? -1))]);
    this.shapedFrom.set(result, source);
    return result;
  }

  transpose(name: string, permutation: readonly number[]): string {
    return permutation.every((axis, i) => axis === i) ? name : this.op('Transpose', [name], { perm: ints(permutation) });
  }

  /** Sum, mean or maximum over axes. Up to opset 17 most have their axes as an attribute, later as an input. */
  reduce(type: 'ReduceSum' | 'ReduceMean' | 'ReduceMax', name: string, axes: readonly number[], keepDims: boolean): string {
    const keepdims = int(keepDims ? 1 : 0);
    if (type === 'ReduceSum' || this.opset >= 18) return this.op(type, [name, this.integers(axes)], { keepdims });
    return this.op(type, [name], { axes: ints(axes), keepdims });
  }

  /** What was written, as a program whose outputs have the names that are given here. */
  program(name: string, inputs: readonly OnnxValueInfo[], results: readonly OnnxResult[]): OnnxProgram {
    for (const { name: output, value } of results) this.nodes.push({ name: output, type: 'Identity', domain: '', inputs: [value], outputs: [output], attributes: {} });
    const opsets = { '': this.opset, ...Object.fromEntries([...this.domains].map((domain) => [domain, 1])) };
    const outputs = results.map(({ name: output, shape }) => ({ name: output, element: 'float32' as const, shape }));
    return { name, opsets, nodes: fuseBlocked(reached(this.nodes, results.map(({ name: output }) => output)), this, this.constants), constants: [...this.constants.values()], inputs, outputs };
  }

  private place(name: string, { values, shape }: Known, layout: Layout): string {
    const placed = layout === PLAIN ? name : `${name} (${layout.id})`;
    if (!this.constants.has(placed)) this.constants.set(placed, { name: placed, shape: shapeIn(layout, shape) as number[], data: arrange(values, shape, layout) });
    return placed;
  }

  private converted({ name, shape, layout: from }: OnnxValue, to: Layout): string {
    if (from.id === to.id) return name;
    if (keepsOrder(from, shape) && keepsOrder(to, shape)) {
      const [now, then] = [shapeIn(from, shape), shapeIn(to, shape)];
      return now.length === then.length && now.every((n, axis) => n === then[axis]) ? name : this.reshape(name, then);
    }
    if (from.block !== undefined) {
      const channels = { channels: int(shape.at(-1) as number) };
      if (to === PLAIN) return this.op('ReorderOutput', [name], { ...channels, channels_last: int(1) }, BLOCKED_DOMAIN);
      return this.converted({ name: this.op('ReorderOutput', [name], channels, BLOCKED_DOMAIN), shape, layout: NCHW }, to);
    }
    if (to.block !== undefined) return this.op('ReorderInput', [this.converted({ name, shape, layout: from }, NCHW)], {}, BLOCKED_DOMAIN);
    const view = viewOf(from, shape);
    const plain = from === PLAIN ? name : this.turned(name, from.after && from.permutation.map((axis) => view[axis] ?? null), inverse(from.permutation), from.before && shape);
    return to === PLAIN ? plain : this.turned(plain, to.before, to.permutation, to.after);
  }

  private turned(name: string, before: readonly (number | null)[] | undefined, permutation: readonly number[], after: readonly (number | null)[] | undefined): string {
    const turned = this.transpose(before === undefined ? name : this.reshape(name, before), permutation);
    return after === undefined ? turned : this.reshape(turned, after);
  }
}
