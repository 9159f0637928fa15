import { OptionError } from '@convkit/core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import type { TrainingPlan } from './trainer.js';

/** One weight that is trained. */
export interface Parameter {
  readonly name: string;
  readonly variable: LayerVariable;
  readonly shape: readonly number[];
  readonly size: number;
  /** Where it begins in the vector of all parameters. */
  readonly offset: number;
  /** Factor of its learning rate. */
  readonly rate: number;
  readonly decays: boolean;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The trained weights of a model, one behind the other. @throws OptionError for a rate that is no number >= 0. */
export function trainedParameters(model: LayersModel, plan: Pick<TrainingPlan, 'rateOf' | 'decay'>): Parameter[] {
  let offset = 0;
  const parameters: Parameter[] = [];
  for (const variable of model.trainableWeights) {
    const name = variable.originalName;
    const rate = plan.rateOf(name);
    if (!(Number.isFinite(rate) && rate >= 0)) throw new OptionError('createTrainer', `rateOf("${name}")`, rate, 'a finite number >= 0');
    if (rate === 0) continue;
    const shape = variable.shape as number[];
    const size = sizeOf(shape);
    parameters.push({ name, variable, shape, size, offset, rate, decays: plan.decay === 'all' || shape.length > 1 });
    offset += size;
  }
  if (parameters.length === 0) throw new OptionError('createTrainer', 'model', model.name, 'a model with at least one trainable weight whose rate is not 0');
  return parameters;
}

/** One number an element of all parameters; a single one where all are the same. */
export function vectorOf(parameters: readonly Parameter[], valueOf: (parameter: Parameter) => number): Float32Array {
  const [first, ...rest] = parameters.map(valueOf);
  if (rest.every((value) => value === first)) return Float32Array.of(first ?? 1);
  const last = parameters.at(-1) as Parameter;
  const vector = new Float32Array(last.offset + last.size);
  for (const parameter of parameters) vector.fill(valueOf(parameter), parameter.offset, parameter.offset + parameter.size);
  return vector;
}
