import { OptionError, type ActivationKind, type Layer, type Lowering, type Value } from '@convkit/core';

/** How a tf.layers class reads as primitive ops. */
export type StockLowering = (layer: Layer, g: Lowering, inputs: readonly Value[]) => Value;

/** One input, which a layer with one input always has. */
export function single(inputs: readonly Value[]): Value {
  return inputs[0] as Value;
}

/** A layer's config, read by key. */
export function config<T>(layer: Layer): Partial<T> {
  return layer.getConfig() as unknown as Partial<T>;
}

/** The layer's weight whose name ends in this, as a node; undefined where the layer has none. */
export function weight(layer: Layer, g: Lowering, suffix: string): Value | undefined {
  const variable = layer.weights.find(({ originalName }) => originalName === suffix || originalName.endsWith(`/${suffix}`));
  return variable && g.weight(variable);
}

/** The layer's weights with these suffixes, those it has. */
export function weights(layer: Layer, g: Lowering, ...suffixes: string[]): Value[] {
  return suffixes.map((suffix) => weight(layer, g, suffix)).filter((value) => value !== undefined);
}

/** tf.layers' activation names that are called otherwise here. */
const ACTIVATION_NAMES: Readonly<Record<string, ActivationKind>> = {
  linear: 'linear', relu: 'relu', relu6: 'relu6', elu: 'elu', selu: 'selu', sigmoid: 'sigmoid', tanh: 'tanh', softplus: 'softplus', softsign: 'softsign', softmax: 'softmax',
  hardSigmoid: 'kerasHardSigmoid', hard_sigmoid: 'kerasHardSigmoid', swish: 'silu', gelu: 'gelu',
};

/** Applies the activation that a layer's config names. @throws OptionError for one that has no op. */
export function activated(layer: Layer, g: Lowering, y: Value, name: unknown): Value {
  if (name === undefined || name === null || name === 'linear') return y;
  const kind = ACTIVATION_NAMES[String(name)];
  if (kind === undefined) throw new OptionError(`layer "${layer.name}" (${layer.getClassName()})`, 'activation', name, `one of ${Object.keys(ACTIVATION_NAMES).join(', ')}`);
  return g.op('activation', [y], { kind });
}

/** Runs a channels-last lowering on a layer that may be channels-first, with transposes around it. */
export function channelsLast(layer: Layer, g: Lowering, x: Value, lower: (x: Value) => Value): Value {
  if (config<{ dataFormat: string }>(layer).dataFormat !== 'channelsFirst') return lower(x);
  const y = lower(g.op('transpose', [x], { permutation: [0, 2, 3, 1] }));
  return y.shape.length === 4 ? g.op('transpose', [y], { permutation: [0, 3, 1, 2] }) : y;
}

/** A number or a pair as a pair. */
export function pair(value: number | readonly number[] | undefined, fallback: number): [number, number] {
  if (value === undefined || value === null) return [fallback, fallback];
  if (typeof value === 'number') return [value, value];
  return [value[0] ?? fallback, value[1] ?? value[0] ?? fallback];
}

/** A refusal that names the layer. */
export function refuse(layer: Layer, option: string, value: unknown, allowed: string): never {
  throw new OptionError(`layer "${layer.name}" (${layer.getClassName()})`, option, value, allowed);
}
