/** A training step, and inference with the same state, as ONNX programs: everything that changes is one vector in and one out. */
import { trace, withBatch, type Graph, type GraphNode, type WeightNode } from '@convkit/graph';
import { GradientError, OnnxWriter, opsetOf, PLAIN, shapeIn, writeBackward, writeForward, type Layout, type OnnxProgram, type OnnxValue, type OnnxValueInfo } from '@convkit/graph/onnx';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { onnxAlgebra } from './algebra.js';
import { writeLoss } from './loss.js';
import { clipped } from './optimizer.js';
import { vectorOf, type Parameter } from './parameters.js';
import type { TrainingPlan } from './trainer.js';

/** A moving statistic of a batch norm. */
export interface Statistic {
  readonly name: string;
  readonly variable: LayerVariable;
  readonly shape: readonly number[];
  readonly size: number;
  readonly offset: number;
}

/** A tensor of random zeros and 1 / (1 - rate) that the step wants. */
export interface Mask {
  readonly name: string;
  readonly shape: readonly number[];
  readonly rate: number;
}

/** What a model's programs have in common for every batch size. */
export interface Compilation {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
  readonly statistics: readonly Statistic[];
  /** How each parameter lies in the vector: decided by its first reader. */
  readonly layouts: Map<Parameter, Layout>;
  readonly plan: TrainingPlan;
  /** Channels that the machine's convolutions want to lie together, if it has such. */
  readonly block: number | undefined;
}

export interface StepProgram {
  readonly program: OnnxProgram;
  readonly masks: readonly Mask[];
}

/** Reads a model for training. @throws TraceError for a layer that cannot be read as primitive ops. */
export function readModel(model: LayersModel, parameters: readonly Parameter[], plan: TrainingPlan, block?: number): Compilation {
  const graph = trace(model);
  const statistics: Statistic[] = [];
  let offset = 0;
  for (const node of graph.nodes) {
    if (node.kind !== 'batchNorm' || !('training' in node.attributes) || node.attributes.training === undefined) continue;
    for (const input of node.inputs.slice(3)) {
      const { variable } = input as WeightNode;
      if (statistics.some((statistic) => statistic.variable === variable)) {
        throw new GradientError(`layer "${node.origin.layer}": a batch norm that is used twice has no one batch to average; freeze it, or train with the engine tfjs`);
      }
      const shape = variable.shape as number[];
      const size = shape.reduce((a, b) => a * b, 1);
      statistics.push({ name: variable.originalName, variable, shape, size, offset });
      offset += size;
    }
  }
  return { graph, parameters, statistics, layouts: new Map(), plan, block };
}

const lengthOf = (items: readonly { offset: number; size: number }[]) => { const last = items.at(-1); return last === undefined ? 0 : last.offset + last.size; };

/** A piece of a vector in its own shape. */
const shaped = (w: OnnxWriter, piece: string, shape: readonly (number | null)[]) => (shape.length === 1 ? piece : w.reshape(piece, shape));

/** The state as inputs of a program, and every node's value that the state and the constants give. */
function writeState(w: OnnxWriter, { parameters, statistics, layouts }: Compilation, graph: Graph): { inputs: OnnxValueInfo[]; valueOf: (node: GraphNode) => OnnxValue | undefined } {
  const inputs: OnnxValueInfo[] = [{ name: 'parameters', element: 'float32', shape: [lengthOf(parameters)] }];
  const pieces = (vector: string, items: readonly { size: number }[]) =>
    (items.length === 1 ? [vector] : w.many('Split', [vector, w.integers(items.map(({ size }) => size))], items.length, { axis: { int: 0 } }));
  const slices = pieces('parameters', parameters);
  const known = new Map<LayerVariable, OnnxValue>(parameters.map((parameter, i) => [parameter.variable, w.undecided(parameter.name, parameter.shape, (wanted) => {
    const layout = layouts.get(parameter) ?? wanted;
    layouts.set(parameter, layout);
    return { name: shaped(w, slices[i] as string, shapeIn(layout, parameter.shape)), layout };
  })]));
  if (statistics.length > 0) {
    inputs.push({ name: 'statistics', element: 'float32', shape: [lengthOf(statistics)] });
    pieces('statistics', statistics).forEach((name, i) => {
      const { variable, shape } = statistics[i] as Statistic;
      known.set(variable, { name: shaped(w, name, shape), shape, layout: PLAIN });
    });
  }
  const valueOf = (node: GraphNode): OnnxValue | undefined => {
    if (node.kind === 'weight') {
      return known.get(node.variable) ?? w.constant(node.variable.originalName, node.variable.read().dataSync() as Float32Array, node.shape as number[]);
    }
    if (node.kind === 'constant') {
      const shape = node.shape as number[];
      if (typeof node.values !== 'number') return w.constant(`constant ${node.id}`, node.values, shape);
      return w.constant(`${node.values} [${shape.join(', ')}]`, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(node.values), shape);
    }
    if (node.kind !== 'input') return undefined;
    const name = `image ${graph.inputs.indexOf(node)}`;
    if (!inputs.some((input) => input.name === name)) inputs.push({ name, element: 'float32', shape: node.shape as number[] });
    return { name, shape: node.shape, layout: PLAIN };
  };
  return { inputs, valueOf };
}

/** Lets the first reader of every parameter decide how it lies, before there is a state to lay out. */
export function decideLayouts(compilation: Compilation): void {
  inferenceProgram(compilation, 1);
}

/** Inference with the state's weights: outputs `output 0`, ... */
export function inferenceProgram(compilation: Compilation, batch: number): OnnxProgram {
  const graph = withBatch(compilation.graph, batch);
  const w = new OnnxWriter(opsetOf(graph, 17), compilation.block);
  const { inputs, valueOf } = writeState(w, compilation, graph);
  const values = writeForward(w, graph, valueOf);
  const outputs = graph.outputs.map((node, i) => ({ name: `output ${i}`, value: w.as(values.get(node) as OnnxValue, PLAIN), shape: node.shape as number[] }));
  return w.program(graph.name, inputs, outputs);
}

/** What forward and backward of one batch write into a program. */
interface Passes {
  readonly inputs: OnnxValueInfo[];
  readonly masks: readonly Mask[];
  readonly loss: string;
  readonly correct: string;
  /** Of every output of the model. */
  readonly outputs: readonly { name: string; shape: number[] }[];
  /** The gradients of all parameters behind each other, arranged as these are. */
  readonly gradients: string;
  /** Writes the moving averages after this batch. */
  statistics(): string;
}

/** Forward, losses and backward. @throws GradientError naming the layer that training cannot go through. */
function writePasses(w: OnnxWriter, compilation: Compilation, graph: Graph): Passes {
  const { plan, parameters, statistics, layouts } = compilation;
  const { inputs, valueOf } = writeState(w, compilation, graph);
  const masks: Mask[] = [];
  const averages = new Map<string, { batch: string; momentum: number; factor: number }>();
  const values = writeForward(w, graph, valueOf, {
    mask: (shape, rate) => {
      const name = `mask ${masks.length}`;
      masks.push({ name, shape, rate });
      inputs.push({ name, element: 'float32', shape });
      return name;
    },
    average: (weight, value, momentum, factor) => void averages.set(weight.name, { batch: value, momentum, factor }),
  });

  const losses = graph.outputs.map((node, i) => {
    const targets = `targets ${i}`;
    inputs.push({ name: targets, element: 'float32', shape: node.shape as number[] });
    const output = w.as(values.get(node) as OnnxValue, PLAIN);
    const shape = node.shape as number[];
    const weights = shape.length > 2 ? `weights ${i}` : undefined;
    if (weights !== undefined) inputs.push({ name: weights, element: 'float32', shape: shape.slice(0, -1) });
    return { node, output, targets, ...writeLoss(w, output, targets, plan.losses[i] as TrainingPlan['losses'][number], { shape, weights }) };
  });
  const loss = losses.slice(1).reduce((sum, next) => w.op('Add', [sum, next.loss]), losses[0]?.loss as string);
  const [first] = losses as [(typeof losses)[number]];
  const best = (name: string) => w.op('ArgMax', [name], { axis: { int: -1 }, keepdims: { int: 0 } });
  const correct = w.reduce('ReduceSum', w.asFloat(w.op('Equal', [best(first.output), best(first.targets)])), first.node.shape.slice(0, -1).map((_, axis) => axis), false);

  const nodes = new Map(graph.nodes.flatMap((node) => (node.kind === 'weight' ? [[node.variable, node] as const] : [])));
  const trained = parameters.map(({ variable }) => nodes.get(variable) as WeightNode);
  const seeds = new Map(losses.map(({ node, gradient }) => [node, { name: gradient, shape: node.shape, layout: PLAIN }]));
  const found = writeBackward(w, graph, values, seeds, new Set(trained));
  // onnxruntime goes back first from what is written last. From the first layer it does all gradients of images, then the kernels': the quickest order (decisions/011).
  const flat = [...parameters].reverse().map((parameter) => {
    const gradient = found.get(nodes.get(parameter.variable) as WeightNode);
    if (gradient === undefined) return w.as(w.constant(`no gradient of ${parameter.name}`, new Float32Array(parameter.size), [parameter.size]), PLAIN);
    const name = w.as(gradient, layouts.get(parameter) ?? PLAIN);
    return parameter.shape.length === 1 ? name : w.reshape(name, [parameter.size]);
  }).reverse();
  return {
    inputs, masks, loss, correct,
    outputs: losses.map(({ node, output }) => ({ name: output, shape: node.shape as number[] })),
    gradients: flat.length === 1 ? (flat[0] as string) : w.op('Concat', flat, { axis: { int: 0 } }),
    statistics: () => writeStatistics(w, statistics, graph, valueOf, averages),
  };
}

/** Losses, outputs and gradients of a batch in training mode; nothing is updated. @throws GradientError as {@link stepProgram}. */
export function gradientProgram(compilation: Compilation, batch: number): StepProgram {
  const graph = withBatch(compilation.graph, batch);
  const w = new OnnxWriter(opsetOf(graph, 17), compilation.block);
  const { inputs, masks, loss, outputs, gradients } = writePasses(w, compilation, graph);
  const results = [
    { name: 'loss', value: loss, shape: [] },
    { name: 'gradients', value: gradients, shape: [lengthOf(compilation.parameters)] },
    ...outputs.map(({ name, shape }, i) => ({ name: `output ${i}`, value: name, shape })),
  ];
  return { program: w.program(graph.name, inputs, results), masks };
}

/**
 * One step: forward, losses, backward, clipping, optimiser, moving statistics and averages.
 * @throws GradientError naming the layer that training cannot go through.
 */
export function stepProgram(compilation: Compilation, batch: number): StepProgram {
  const { plan, parameters, statistics } = compilation;
  const graph = withBatch(compilation.graph, batch);
  const w = new OnnxWriter(opsetOf(graph, 17), compilation.block);
  const { inputs, masks, loss, correct, gradients: all, statistics: nextStatistics } = writePasses(w, compilation, graph);
  const algebra = onnxAlgebra(w);
  const scalar = (name: string): string => { inputs.push({ name, element: 'float32', shape: [] }); return name; };
  const vector = (name: string): string => { inputs.push({ name, element: 'float32', shape: [lengthOf(parameters)] }); return name; };
  const constant = (name: string, data: Float32Array): string => w.as(w.constant(name, data, [data.length]), PLAIN);
  const rates = vectorOf(parameters, ({ rate }) => rate);
  const decays = vectorOf(parameters, ({ decays: decay }) => (decay ? 1 : 0));
  const rate = scalar('learning rate');
  const updated = plan.optimizer.update(algebra, {
    parameters: 'parameters',
    gradients: clipped(algebra, all, plan.clip),
    slots: plan.optimizer.slots.map((slot) => vector(slot)),
    rate: rates.length === 1 && rates[0] === 1 ? rate : algebra.mul(rate, constant('rates', rates)),
    scalars: plan.optimizer.scalars(1).map((_, i) => scalar(`scalar ${i}`)),
    ...(decays.length === 1 && decays[0] === 1 ? {} : { decayed: constant('decays', decays) }),
  });

  const results = [
    { name: 'loss', value: loss, shape: [] },
    { name: 'correct', value: correct, shape: [] },
    { name: 'next parameters', value: updated.parameters, shape: [lengthOf(parameters)] },
    ...plan.optimizer.slots.map((slot, i) => ({ name: `next ${slot}`, value: updated.slots[i] as string, shape: [lengthOf(parameters)] })),
  ];
  if (statistics.length > 0) results.push({ name: 'next statistics', value: nextStatistics(), shape: [lengthOf(statistics)] });
  if (plan.average !== undefined) {
    const { average } = plan;
    const next = algebra.add(algebra.mul(vector('average'), algebra.number(average)), algebra.mul(updated.parameters, algebra.number(1 - average)));
    results.push({ name: 'next average', value: next, shape: [lengthOf(parameters)] });
  }
  return { program: w.program(graph.name, inputs, results), masks };
}

/** All moving averages in three operations: old momentum + batch (1 - momentum) factor. */
function writeStatistics(
  w: OnnxWriter, statistics: readonly Statistic[], graph: Graph, valueOf: (node: GraphNode) => OnnxValue | undefined,
  averages: ReadonlyMap<string, { batch: string; momentum: number; factor: number }>,
): string {
  const nodes = new Map(graph.nodes.flatMap((node) => (node.kind === 'weight' ? [[node.variable, node] as const] : [])));
  const found = statistics.map(({ variable }) => averages.get((valueOf(nodes.get(variable) as WeightNode) as OnnxValue).name) as { batch: string; momentum: number; factor: number });
  const total = lengthOf(statistics);
  const [old, fresh] = [new Float32Array(total), new Float32Array(total)];
  statistics.forEach(({ offset, size }, i) => {
    const { momentum, factor } = found[i] as (typeof found)[number];
    old.fill(momentum, offset, offset + size);
    fresh.fill((1 - momentum) * factor, offset, offset + size);
  });
  const constant = (name: string, data: Float32Array): string => w.as(w.constant(name, data, [total]), PLAIN);
  const batches = w.op('Concat', found.map(({ batch }) => batch), { axis: { int: 0 } });
  return w.op('Add', [w.op('Mul', ['statistics', constant('momenta', old)]), w.op('Mul', [batches, constant('shares of the batch', fresh)])]);
}
