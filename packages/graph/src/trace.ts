import { isLowerable, OptionError, option, readOptions, type ImageShape, type Layer } from '@convkit/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { GraphBuilder } from './builder.js';
import { reachable, type Graph, type GraphNode } from './graph.js';
import { STOCK_LAYERS } from './stock/index.js';

/** A layer that cannot be read as primitive ops. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
  readonly code = 'ERR_TRACE';
}

export interface TraceOptions {
  /** [H, W, C] in place of what the model declares; needed where it leaves height and width open. */
  inputShape?: ImageShape;
}

type Values = Map<SymbolicTensor, GraphNode>;

/**
 * Reads a model as a graph of primitive ops: convkit's layers and third-party ones through their `lower`, tf.layers'
 * own through a table. Nested models are entered; a shared layer is read once a use, its weights stay one node.
 * @throws TraceError naming the layer that has no lowering, or whose input is not fully known.
 */
export function trace(model: LayersModel, options: TraceOptions = {}): Graph {
  const { inputShape } = readOptions('trace', { inputShape: option.optional(option.imageShape()) }, options);
  const builder = new GraphBuilder();
  const inputs = model.inputs.map((tensor) => {
    const shape = inputShape === undefined ? tensor.shape : [tensor.shape[0] ?? null, ...inputShape];
    if (shape.slice(1).includes(null)) {
      throw new OptionError(`trace of "${model.name}"`, 'inputShape', inputShape, `given, since the model leaves its input [${tensor.shape.join(', ')}] open`);
    }
    return builder.at({ layer: tensor.name, type: 'InputLayer' }).input(shape);
  });
  const outputs = traceModel(model, inputs, builder, '');
  return { name: model.name, inputs, outputs, nodes: reachable(outputs, inputs) };
}

function traceModel(model: LayersModel, inputs: readonly GraphNode[], builder: GraphBuilder, prefix: string): GraphNode[] {
  const values: Values = new Map(model.inputs.map((tensor, i) => [tensor, inputs[i] as GraphNode]));
  for (const tensor of inOrder(model.outputs, values)) {
    if (!values.has(tensor)) traceLayer(tensor, values, builder, prefix);
  }
  return model.outputs.map((tensor) => values.get(tensor) as GraphNode);
}

/** Symbolic tensors in topological order, by depth-first search with an explicit stack. */
function inOrder(outputs: readonly SymbolicTensor[], known: Values): SymbolicTensor[] {
  const order = new Set<SymbolicTensor>();
  const stack = [...outputs];
  for (let tensor = stack.at(-1); tensor !== undefined; tensor = stack.at(-1)) {
    const missing = known.has(tensor) || order.has(tensor) ? [] : tensor.inputs.filter((input) => !known.has(input) && !order.has(input));
    if (missing.length > 0) stack.push(...missing);
    else {
      order.add(tensor);
      stack.pop();
    }
  }
  return [...order];
}

function traceLayer(tensor: SymbolicTensor, values: Values, builder: GraphBuilder, prefix: string): void {
  const layer = tensor.sourceLayer as Layer;
  const type = layer.getClassName();
  const name = `${prefix}${layer.name}`;
  const node = layer.inboundNodes[tensor.nodeIndex];
  if (node === undefined || type === 'InputLayer') throw new TraceError(`the input "${name}" is not among the model's inputs`);
  const inputs = node.inputTensors.map((input) => values.get(input) as GraphNode);

  if (isModel(layer)) {
    const results = traceModel(layer, inputs, builder, `${name}/`);
    node.outputTensors.forEach((output, i) => values.set(output, results[i] as GraphNode));
    return;
  }
  builder.at({ layer: name, type });
  const lower = isLowerable(layer) ? layer.lower.bind(layer) : STOCK_LAYERS[type]?.bind(null, layer);
  if (lower === undefined) {
    throw new TraceError(
      `layer "${name}" of class ${type} cannot be read as primitive ops. Give the class a method lower(g, inputs) that says, with g.op(...), what it computes (ARCHITECTURE.md, "lower").`,
    );
  }
  values.set(tensor, lower(builder, inputs) as GraphNode);
}

function isModel(layer: object): layer is LayersModel {
  return 'layers' in layer && Array.isArray(layer.layers) && 'inputs' in layer && 'outputs' in layer;
}

