import { dropDropout, fuseActivation, isKind, isOp, trace, type GraphNode, type OpNode } from '@convkit/graph';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model as functionalModel, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';

type Layer = InstanceType<typeof layers.Layer>;
type Pads = readonly [number, number, number, number];
type ActivationName = 'relu' | 'relu6';

/**
 * The same network in tf.layers' own layers, as a user would write it without convkit: explicit paddings as
 * zeroPadding2d where 'same' does not say it, activations fused into the convolution where no batch norm stands
 * between. The weights are copied.
 * @throws Error naming the op that stock tf.layers lacks (groups, channel shuffle, LRN, ...).
 */
export function stockTwin(model: LayersModel): LayersModel {
  const graph = fuseActivation(dropDropout(trace(model)));
  const values = new Map<GraphNode, SymbolicTensor>();
  for (const node of graph.inputs) values.set(node, input({ shape: [...node.shape.slice(1)] }));
  for (const node of graph.nodes) {
    if (!isOp(node)) continue;
    const inputs = node.inputs.map((value) => values.get(value)).filter((value) => value !== undefined);
    const make = TWINS[node.kind];
    if (make === undefined) throw new Error(`stock tf.layers has no ${node.kind}, which layer "${node.origin.layer}" needs`);
    values.set(node, make(node as never, inputs));
  }
  const ends = (nodes: readonly GraphNode[]) => nodes.map((node) => values.get(node) as SymbolicTensor);
  return functionalModel({ inputs: ends(graph.inputs), outputs: ends(graph.outputs), name: `${model.name}_stock` });
}

type Twin<K extends OpNode['kind']> = (node: OpNode<K>, inputs: readonly SymbolicTensor[]) => SymbolicTensor;

const apply = (layer: Layer, x: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor => layer.apply(x as SymbolicTensor) as SymbolicTensor;

/** Applies a layer and gives it the weights that the node's further inputs stand for. */
function applyWithWeights(layer: Layer, x: SymbolicTensor, weights: readonly GraphNode[]): SymbolicTensor {
  const y = apply(layer, x);
  tf.tidy(() => layer.setWeights(weights.map((node) => {
    if (node.kind === 'weight') return node.variable.read();
    return node.kind === 'constant' && typeof node.values === 'number' ? tf.fill(node.shape as number[], node.values) : refuse(node);
  })));
  return y;
}

function refuse(node: GraphNode): never {
  throw new Error(`stock tf.layers cannot hold the ${node.kind} of layer "${node.origin.layer}" as a weight`);
}

function padded(x: SymbolicTensor, [top, bottom, left, right]: Pads): SymbolicTensor {
  return top + bottom + left + right === 0 ? x : apply(layers.zeroPadding2d({ padding: [[top, bottom], [left, right]] }), x);
}

/** The input to convolve and the padding to name: 'same' where it means the same as these pads. */
function window(x: SymbolicTensor, pads: Pads, strides: readonly [number, number]): { x: SymbolicTensor; padding: 'same' | 'valid' } {
  const symmetric = pads[0] === pads[1] && pads[2] === pads[3] && pads[0] + pads[2] > 0;
  return symmetric && strides[0] === 1 && strides[1] === 1 ? { x, padding: 'same' } : { x: padded(x, pads), padding: 'valid' };
}

const activationOf = (node: OpNode) => node.fused?.kind as ActivationName | undefined;
const activation = (kind: string) => (kind === 'relu' ? layers.reLU() : kind === 'relu6' ? layers.reLU({ maxValue: 6 }) : layers.activation({ activation: kind as 'relu' }));
const activated = (node: OpNode, y: SymbolicTensor) => (node.fused === undefined ? y : apply(activation(node.fused.kind), y));
const single = (inputs: readonly SymbolicTensor[]) => inputs[0] as SymbolicTensor;

function convolution(node: OpNode<'conv2d'>, inputs: readonly SymbolicTensor[]): SymbolicTensor {
  const { strides, dilations, padding, groups } = node.attributes;
  if (groups > 1) throw new Error(`stock tf.layers has no groups, which layer "${node.origin.layer}" needs`);
  const [kh, kw, , filters] = node.inputs[1]?.shape as [number, number, number, number];
  const { x, padding: name } = window(single(inputs), padding, strides);
  const fused = activationOf(node);
  const layer = layers.conv2d({
    filters, kernelSize: [kh, kw], strides: [...strides], dilationRate: [...dilations], padding: name, useBias: node.inputs.length > 2, kernelInitializer: 'zeros', ...(fused ? { activation: fused } : {}),
  });
  return applyWithWeights(layer, x, node.inputs.slice(1));
}

function depthwise(node: OpNode<'depthwiseConv2d'>, inputs: readonly SymbolicTensor[]): SymbolicTensor {
  const { strides, dilations, padding } = node.attributes;
  if (dilations[0] > 1 || dilations[1] > 1) throw new Error(`stock tf.layers ignores the dilation of a depthwise convolution, which layer "${node.origin.layer}" needs`);
  const [kh, kw, , depthMultiplier] = node.inputs[1]?.shape as [number, number, number, number];
  const { x, padding: name } = window(single(inputs), padding, strides);
  const layer = layers.depthwiseConv2d({ kernelSize: [kh, kw], depthMultiplier, strides: [...strides], padding: name, useBias: node.inputs.length > 2, depthwiseInitializer: 'zeros' });
  return activated(node, applyWithWeights(layer, x, node.inputs.slice(1)));
}

function maxPooling(node: OpNode<'maxPool'>, inputs: readonly SymbolicTensor[]): SymbolicTensor {
  const { size, strides, padding } = node.attributes;
  const producer = node.inputs[0];
  const positive = isKind(producer, 'activation') || (producer !== undefined && isOp(producer) && producer.fused !== undefined);
  if (Math.max(...padding) > 0 && !positive) throw new Error(`stock tf.layers pads with zeros, which would win in layer "${node.origin.layer}"`);
  return apply(layers.maxPooling2d({ poolSize: [...size], strides: [...strides], padding: 'valid' }), padded(single(inputs), padding));
}

/** How each op is written with tf.layers; ops that are missing have no stock form. */
const TWINS: { readonly [K in OpNode['kind']]?: Twin<K> } = {
  conv2d: convolution,
  depthwiseConv2d: depthwise,
  maxPool: maxPooling,
  dense: (node, inputs) => {
    const fused = activationOf(node);
    const units = node.inputs[1]?.shape[1] as number;
    return applyWithWeights(layers.dense({ units, useBias: node.inputs.length > 2, kernelInitializer: 'zeros', ...(fused ? { activation: fused } : {}) }), single(inputs), node.inputs.slice(1));
  },
  batchNorm: (node, inputs) => applyWithWeights(layers.batchNormalization({ epsilon: node.attributes.epsilon }), single(inputs), node.inputs.slice(1)),
  activation: (node, inputs) => apply(activation(node.attributes.kind), single(inputs)),
  binary: (node, inputs) => {
    if (node.attributes.kind !== 'add') throw new Error(`no stock twin for ${node.attributes.kind} in layer "${node.origin.layer}"`);
    return activated(node, apply(layers.add(), inputs));
  },
  concat: (_, inputs) => apply(layers.concatenate(), inputs),
  reduce: (node, inputs) => {
    if (node.attributes.kind !== 'mean' || node.attributes.keepDims) throw new Error(`no stock twin for the reduction of layer "${node.origin.layer}"`);
    return apply(layers.globalAveragePooling2d({}), single(inputs));
  },
  reshape: (node, inputs) => apply(layers.reshape({ targetShape: [...node.attributes.shape] }), single(inputs)),
};
