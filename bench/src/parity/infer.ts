import { createSession } from '@convkit/onnx';
import { relativeError } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { model as functionalModel, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ParityEngine } from './engine.js';
import type { Check, InferFixture } from './fixture.js';
import { fixtureInput, fixtureModel } from './model.js';

/** max|a - b| / max|b| of a correct float32 build is 1e-6 to 1e-5; one wrong epsilon or padding is above this. */
const LIMIT = 1e-4;

type TraceEntry = InferFixture['trace'][number];

/**
 * The layers of the trace whose output is comparable: by name, and bare unless the reference's is after its
 * activation too (timm's BatchNormAct2d; a convkit batch norm with a fused activation is after it).
 */
function traced(model: LayersModel, trace: readonly TraceEntry[]): { entry: TraceEntry; tensor: SymbolicTensor }[] {
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  return trace.flatMap((entry) => {
    const layer = layers.get(entry[0]);
    if (layer === undefined) return [];
    const fused = layer.getConfig().activation;
    const afterActivation = typeof fused === 'string' && fused !== 'linear';
    const tensor = layer.output as SymbolicTensor;
    // The classifier's output is compared as the model's; tf.layers refuses the same output twice.
    return afterActivation === entry[1].includes('(') && !model.outputs.includes(tensor) ? [{ entry, tensor }] : [];
  });
}

/** l2 norm in float64: float32 sums of millions of squares are off by 1e-4. */
function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return Math.sqrt(sum);
}

/** The outputs of a model as onnxruntime computes them. */
async function exportedOutputs(model: LayersModel, data: Float32Array, shape: readonly number[]): Promise<Float32Array[]> {
  const session = await createSession(model);
  const outputs = await session.run([{ data, shape }]);
  await session.dispose();
  return outputs.map((output) => output.data);
}

/** The same by onnxruntime: the output as the export gives it, the intermediate ones out of a graph that keeps them. */
async function exportedOutputsOf(model: LayersModel, probe: LayersModel, input: tf.Tensor4D): Promise<{ values: Float32Array; norms: number[] }> {
  const data = (await input.data()) as Float32Array;
  const [values = new Float32Array()] = await exportedOutputs(model, data, input.shape);
  const [, ...intermediate] = await exportedOutputs(probe, data, input.shape);
  return { values, norms: intermediate.map(norm) };
}

/** The model's output, and the norms of the intermediate ones. */
function outputsOf(probe: LayersModel, input: tf.Tensor4D): { values: Float32Array; norms: number[] } {
  const tensors = tf.tidy(() => {
    const outputs = probe.predict(input);
    return Array.isArray(outputs) ? outputs : [outputs];
  });
  const [values = new Float32Array(), ...intermediate] = tensors.map((tensor) => tensor.dataSync() as Float32Array);
  const norms = intermediate.map(norm);
  tf.dispose(tensors);
  return { values, norms };
}

/** Compares the output and, layer by layer, the l2 norm of what the reference's modules put out. */
export async function inferChecks(fixture: InferFixture, engine: ParityEngine): Promise<Check[]> {
  const model = fixtureModel(fixture);
  const layers = traced(model, fixture.trace);
  const probe = functionalModel({ inputs: model.inputs, outputs: [...model.outputs, ...layers.map(({ tensor }) => tensor)] });
  const input = fixtureInput(fixture);
  const { values, norms } = engine === 'onnxruntime' ? await exportedOutputsOf(model, probe, input) : outputsOf(probe, input);
  input.dispose();
  model.dispose();

  const { first, l2: outputNorm } = fixture.output;
  return [
    { name: `output, first ${first.length}`, error: relativeError(values.slice(0, first.length), first), limit: LIMIT },
    { name: 'output, l2', error: relativeError([norm(values)], [outputNorm]), limit: LIMIT },
    ...layers.map(({ entry: [name, , , reference] }, i) => ({ name: `${name}, l2`, error: relativeError([norms[i] ?? Number.NaN], [reference]), limit: LIMIT })),
  ];
}
