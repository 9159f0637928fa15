import { isLowerable, OptionError, option, readOptions, type ImageShape, type Layer, type Lowering, type Value } from '@convkit/core';
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
  if (!isModel(model)) throw new OptionError('trace', 'model', model, 'a tf.LayersModel');
  if (model.outputs.length === 0) throw new TraceError(`the model "${model.name}" is not built: give its first layer an inputShape`);
  if (inputShape !== undefined && !model.inputs.some(isImage)) throw new OptionError(`trace of "${model.name}"`, 'inputShape', inputShape, 'left out, since the model takes no image [N, H, W, C]');
  const builder = new GraphBuilder();
  const inputs = model.inputs.map((tensor) => {
    const shape = inputShape === undefined || !isImage(tensor) ? tensor.shape : [tensor.shape[0] ?? null, ...inputShape];
    const channels = tensor.shape[3] ?? null;
    if (channels !== null && channels !== shape[3]) throw new OptionError(`trace of "${model.name}"`, 'inputShape', inputShape, `[H, W, ${channels}], since the weights take ${channels} channels`);
    if (shape.slice(1).includes(null)) {
      throw new OptionError(`trace of "${model.name}"`, 'inputShape', inputShape, `given, since the model leaves its input [${tensor.shape.join(', ')}] open`);
    }
    return builder.at({ layer: tensor.name, type: 'InputLayer' }).input(shape);
  });
  const outputs = traceModel(model, inputs, builder, '');
  return { name: model.name, inputs, outputs, nodes: reachable(outputs, inputs) };
}

/** A graph as it is, a model traced. @throws OptionError for an inputShape with a graph, whose shapes are fixed. */
export function graphOf(model: LayersModel | Graph, options: TraceOptions = {}): Graph {
  if (!isGraph(model)) return trace(model, options);
  const { inputShape } = readOptions('graph', { inputShape: option.optional(option.imageShape()) }, options);
  if (inputShape !== undefined) throw new OptionError(`graph "${model.name}"`, 'inputShape', inputShape, 'left out: the shapes of a traced graph are fixed');
  return model;
}

function isGraph(model: LayersModel | Graph): model is Graph {
  return typeof model === 'object' && model !== null && 'nodes' in model;
}

const isImage = ({ shape }: SymbolicTensor) => shape.length === 4;

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
  const inferenceOnly = isLowerable(layer) && layer.inferenceOnly === true;
  builder.at({ layer: name, type, ...(inferenceOnly ? { inferenceOnly } : {}) });
  const lower = isLowerable(layer) ? layer.lower.bind(layer) : Object.hasOwn(STOCK_LAYERS, type) ? STOCK_LAYERS[type]?.bind(null, layer) : undefined;
  if (lower === undefined) {
    throw new TraceError(
      `layer "${name}" of class ${type} cannot be read as primitive ops. Give the class a method lower(g, inputs) that says, with g.op(...), what it computes (ARCHITECTURE.md, "lower").`,
    );
  }
  if (node.outputTensors.length > 1) throw new TraceError(`layer "${name}" of class ${type} has ${node.outputTensors.length} outputs; lower(g, inputs) can describe one`);
  values.set(tensor, lowered(lower, builder, inputs, `layer "${name}" of class ${type}`));
}

/** What a layer's lowering returns. What an op refuses (sizes that do not fit) names no layer by itself. */
function lowered(lower: (g: Lowering, inputs: readonly Value[]) => Value, builder: GraphBuilder, inputs: readonly GraphNode[], where: string): GraphNode {
  let value: Value | undefined;
  try {
    value = lower(builder, inputs);
  } catch (cause) {
    if (cause instanceof OptionError) throw cause;
    throw new TraceError(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  if (value === undefined) throw new TraceError(`${where}: lower(g, inputs) must return what g.op(...) returns, got nothing`);
  return value as GraphNode;
}

function isModel(layer: unknown): layer is LayersModel {
  return typeof layer === 'object' && layer !== null && 'layers' in layer && Array.isArray(layer.layers) && 'inputs' in layer && 'outputs' in layer;
}

