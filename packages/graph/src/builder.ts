import type { Lowering, OpAttributes, OpKind, Value, ValueShape } from '@convkit/core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { derivedShape, type Derivation } from './derived.js';
import type { ConstantNode, DerivedNode, GraphNode, InputNode, OpNode, Origin, WeightNode } from './graph.js';
import { opOf } from './ops/index.js';

/** Makes nodes: the graph side of `lower(g, inputs)`, and what passes rebuild graphs with. */
export class GraphBuilder implements Lowering {
  private nextId = 0;
  private origin: Origin = { layer: '', type: '' };
  private readonly weights = new Map<LayerVariable, WeightNode>();

  /** The layer that the nodes made from here on belong to. */
  at(origin: Origin): this {
    this.origin = origin;
    return this;
  }

  input(shape: ValueShape): InputNode {
    return { id: this.nextId++, kind: 'input', shape, origin: this.origin };
  }

  /** One node a variable, so that a shared layer's weights count once. */
  weight(variable: LayerVariable): WeightNode {
    let node = this.weights.get(variable);
    if (node === undefined) {
      node = { id: this.nextId++, kind: 'weight', variable, shape: variable.shape as number[], origin: this.origin };
      this.weights.set(variable, node);
    }
    return node;
  }

  constant(values: number | Float32Array, shape: readonly number[]): ConstantNode {
    const size = shape.reduce((product, n) => product * n, 1);
    if (typeof values !== 'number' && values.length !== size) throw new Error(`a constant of the shape [${shape.join(', ')}] takes ${size} numbers, got ${values.length}`);
    return { id: this.nextId++, kind: 'constant', values, shape, origin: this.origin };
  }

  derived(derivation: Derivation, from: readonly GraphNode[]): DerivedNode {
    const shape = derivedShape(derivation, from.map((node) => node.shape));
    return { id: this.nextId++, kind: 'derived', derivation, from, shape, origin: this.origin };
  }

  op<K extends OpKind>(kind: K, inputs: readonly Value[], attributes: OpAttributes[K]): OpNode<K> {
    return this.opWith(kind, inputs as readonly GraphNode[], attributes, undefined);
  }

  /** An op with a fused activation. */
  opWith<K extends OpKind>(kind: K, inputs: readonly GraphNode[], attributes: OpAttributes[K], fused: OpAttributes['activation'] | undefined): OpNode<K> {
    const shape = opOf(kind).shape(inputs.map((input) => input.shape), attributes);
    const node: OpNode<K> = { id: this.nextId++, kind, inputs, attributes, shape, origin: this.origin, ...(fused === undefined ? {} : { fused }) };
    return node;
  }
}
