import { option, readOptions, type ImageShape } from '@convkit/core';
import { elements, graphOf, inputsOf, isOp, opOf, optimize, type Graph, type GraphNode, type OpNode, type WeightNode } from '@convkit/graph';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { activationMemory, runtimeNodes, trafficBytes } from './memory.js';
import { lastFeatureMap, receptiveFields, type ReceptiveField } from './receptive-field.js';

/** What is counted of a layer and of a model alike, for one image. */
interface Counts {
  /** Learned weights: kernels, biases, gamma, beta. Shared ones count once, at their first use. */
  params: number;
  /** Batch-norm moving means and variances, and weights that no training changes, which tf.layers' countParams includes and PyTorch's count does not. */
  runningStats: number;
  /** Multiply-accumulates of convolutions and dense products. */
  macs: number;
  /** 2 x macs. */
  flops: number;
  /** flops, plus bias, batch norm, activation, pooling, sums: one an elementary operation, 4 an exponential. */
  allOps: number;
  /** Output elements of convolutions and dense layers. */
  activations: number;
}

/** One layer, for one image. */
export interface LayerProfile extends Counts {
  name: string;
  /** The layer's class. */
  type: string;
  inputShape: (number | null)[];
  outputShape: (number | null)[];
  /** Bytes of the layer's output, float32. */
  outputBytes: number;
  /** In input pixels, larger side. */
  receptiveField: number;
}

/** Cost of a model for one image, counting rule matmul-v1 (see the README). */
export interface Profile extends Counts {
  model: string;
  /** [H, W, C] */
  input: number[];
  /** Length of a flat output; null for a model that outputs maps or several tensors. */
  classes: number | null;
  /** Bytes of the input and all op outputs of the compiled graph, float32. */
  activationBytes: number;
  /** Most of them alive at once. */
  peakActivationBytes: number;
  /** 4 x (params + runningStats). */
  weightsBytes: number;
  /** FLOPs per byte of traffic of the compiled graph: inputs, weights and outputs of every op once. */
  arithmeticIntensity: number;
  /** Of the last feature map, in input pixels, larger side. */
  receptiveField: number;
  effectiveStride: number;
  /** Centre of the first position's field, in input pixels. */
  receptiveFieldOffset: number;
  layers: LayerProfile[];
}

export interface ProfileOptions {
  /** [H, W, C] in place of what the model declares. */
  inputShape?: ImageShape;
  /** Name in the result. Default: the model's. */
  model?: string;
}

const MATRIX_OPS = new Set(['conv2d', 'deformConv2d', 'depthwiseConv2d', 'convTranspose2d', 'dense']);
/** By name, since `trainable: false` may also be the user's, who freezes a layer. */
const isStatistic = ({ variable }: WeightNode) => /(moving_(mean|variance)|fixed_kernel)$/.test(variable.originalName);
const size = (node: GraphNode) => node.shape.reduce<number>((product, n) => product * (n ?? 1), 1);

/**
 * Counts what a model costs, layer by layer and in total, for one image. Works on any LayersModel that can be traced.
 * @throws TraceError for a layer that cannot be read; nothing is ever counted as zero silently.
 */
export function profile(model: LayersModel | Graph, options: ProfileOptions = {}): Profile {
  const { model: name, ...rest } = readOptions('profile', { inputShape: option.optional(option.imageShape()), model: option.optional(option.text()) }, options);
  const graph = graphOf(model, rest.inputShape === undefined ? {} : { inputShape: rest.inputShape });
  const compiled = optimize(graph);
  const fields = receptiveFields(graph);
  const layers = layerProfiles(graph, fields);
  const sum = (key: 'params' | 'runningStats' | 'macs' | 'allOps' | 'activations') => layers.reduce((total, layer) => total + layer[key], 0);
  const [params, runningStats, macs] = [sum('params'), sum('runningStats'), sum('macs')];
  const map = lastFeatureMap(graph);
  const field = map && fields.get(map);
  const traffic = trafficBytes(compiled);
  return {
    model: name ?? graph.name,
    input: (graph.inputs[0]?.shape.slice(1) ?? []) as number[],
    classes: graph.outputs.length === 1 && graph.outputs[0]?.shape.length === 2 ? (graph.outputs[0].shape[1] ?? null) : null,
    params,
    runningStats,
    macs,
    flops: 2 * macs,
    allOps: sum('allOps'),
    activations: sum('activations'),
    ...activationMemory(compiled),
    weightsBytes: 4 * (params + runningStats),
    arithmeticIntensity: traffic === 0 ? 0 : (2 * macs) / traffic,
    receptiveField: field ? Math.max(...field.size) : 1,
    effectiveStride: field ? Math.max(...field.stride) : 1,
    receptiveFieldOffset: field ? field.offset[0] : 0,
    layers,
  };
}

function layerProfiles(graph: Graph, fields: ReadonlyMap<GraphNode, ReceptiveField>): LayerProfile[] {
  const runtime = new Set(runtimeNodes(graph));
  const counted = new Set<GraphNode>();
  const groups: OpNode[][] = [];
  for (const node of graph.nodes) {
    if (!isOp(node) || !runtime.has(node)) continue;
    const group = groups.at(-1);
    if (group !== undefined && group[0]?.origin === node.origin) group.push(node);
    else groups.push([node]);
  }
  return groups.map((nodes) => layerProfile(nodes, runtime, counted, fields));
}

/** Weights that some nodes read, directly or through ops on weights alone. */
function weightsOf(nodes: readonly GraphNode[], runtime: ReadonlySet<GraphNode>): WeightNode[] {
  return nodes.flatMap((node) =>
    inputsOf(node).flatMap((input) => {
      if (input.kind === 'weight') return [input];
      return runtime.has(input) ? [] : weightsOf([input], runtime);
    }),
  );
}

function layerProfile(nodes: readonly OpNode[], runtime: ReadonlySet<GraphNode>, counted: Set<GraphNode>, fields: ReadonlyMap<GraphNode, ReceptiveField>): LayerProfile {
  const [first, last] = [nodes[0] as OpNode, nodes[nodes.length - 1] as OpNode];
  const weights = new Set(weightsOf(nodes, runtime).filter((weight) => !counted.has(weight)));
  for (const weight of weights) counted.add(weight);
  const count = (keep: (weight: WeightNode) => boolean) => [...weights].filter(keep).reduce((sum, weight) => sum + size(weight), 0);
  const costs = nodes.map((node) => opOf(node.kind).cost(node.inputs.map((input) => input.shape), node.attributes, node.shape));
  const macs = costs.reduce((sum, cost) => sum + cost.macs, 0);
  return {
    name: first.origin.layer,
    type: first.origin.type,
    inputShape: [...(first.inputs[0]?.shape ?? [])],
    outputShape: [...last.shape],
    params: count((weight) => !isStatistic(weight)),
    runningStats: count(isStatistic),
    macs,
    flops: 2 * macs,
    allOps: 2 * macs + costs.reduce((sum, cost) => sum + cost.elementwise, 0),
    activations: nodes.filter((node) => MATRIX_OPS.has(node.kind)).reduce((sum, node) => sum + elements(node.shape), 0),
    outputBytes: 4 * elements(last.shape),
    receptiveField: Math.max(...(fields.get(last)?.size ?? [1])),
  };
}
