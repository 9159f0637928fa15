import type { Lowering, Value } from '@convkit/core';
import { activated, config, refuse, single, weight, weights, type StockLowering } from './stock-layer.js';

const activation: StockLowering = (layer, g, inputs) => activated(layer, g, single(inputs), config<{ activation: string }>(layer).activation);

const reLU: StockLowering = (layer, g, inputs) => {
  const { maxValue } = config<{ maxValue: number }>(layer);
  if (maxValue === undefined || maxValue === null) return g.op('activation', [single(inputs)], { kind: 'relu' });
  if (maxValue === 6) return g.op('activation', [single(inputs)], { kind: 'relu6' });
  const positive = g.op('activation', [single(inputs)], { kind: 'relu' });
  return g.op('binary', [positive, g.constant(maxValue, [1])], { kind: 'min' });
};

const leakyReLU: StockLowering = (layer, g, inputs) => g.op('activation', [single(inputs)], { kind: 'leakyRelu', alpha: config<{ alpha: number }>(layer).alpha ?? 0.3 });
// tf.layers refuses any other scale than 1.
const elu: StockLowering = (_, g, inputs) => g.op('activation', [single(inputs)], { kind: 'elu' });
const prelu: StockLowering = (layer, g, inputs) => g.op('prelu', [single(inputs), ...weights(layer, g, 'alpha')], {});

const softmax: StockLowering = (layer, g, inputs) => {
  const { axis = -1 } = config<{ axis: number }>(layer);
  const rank = single(inputs).shape.length;
  if (axis !== -1 && axis !== rank - 1) return refuse(layer, 'axis', axis, 'the last one');
  return g.op('activation', [single(inputs)], { kind: 'softmax' });
};

const merge = (kind: 'add' | 'sub' | 'mul' | 'max' | 'min'): StockLowering => (_, g, inputs) => inputs.reduce((sum, next) => g.op('binary', [sum, next], { kind }));

const average: StockLowering = (layer, g, inputs) => {
  const sum = merge('add')(layer, g, inputs);
  return g.op('binary', [sum, g.constant(1 / inputs.length, [1])], { kind: 'mul' });
};

const concatenate: StockLowering = (layer, g, inputs) => {
  const { axis = -1 } = config<{ axis: number }>(layer);
  return g.op('concat', inputs, { axis: axis < 0 ? single(inputs).shape.length + axis : axis });
};

const dense: StockLowering = (layer, g, inputs) =>
  activated(layer, g, g.op('dense', [single(inputs), ...weights(layer, g, 'kernel', 'bias')], {}), config<{ activation: string }>(layer).activation);

function lastAxis(layer: Parameters<StockLowering>[0], x: Value): number {
  const { axis = -1 } = config<{ axis: number | number[] }>(layer);
  const one = Array.isArray(axis) ? axis[0] : axis;
  if (one !== -1 && one !== x.shape.length - 1) refuse(layer, 'axis', axis, 'the last one');
  return x.shape.at(-1) as number;
}

const vector = (layer: Parameters<StockLowering>[0], g: Lowering, name: string, fill: number, channels: number) => weight(layer, g, name) ?? g.constant(fill, [channels]);

const batchNormalization: StockLowering = (layer, g, inputs) => {
  const x = single(inputs);
  const channels = lastAxis(layer, x);
  const read = (name: string, fill: number) => vector(layer, g, name, fill, channels);
  const { epsilon = 1e-3, momentum = 0.99 } = config<{ epsilon: number; momentum: number }>(layer);
  const operands = [x, read('gamma', 1), read('beta', 0), read('moving_mean', 0), read('moving_variance', 1)];
  // tf.layers averages the variance over all elements.
  return g.op('batchNorm', operands, layer.trainable ? { epsilon, training: { momentum, variance: 'biased' } } : { epsilon });
};

const layerNormalization: StockLowering = (layer, g, inputs) => {
  const x = single(inputs);
  const channels = lastAxis(layer, x);
  return g.op('layerNorm', [x, vector(layer, g, 'gamma', 1, channels), vector(layer, g, 'beta', 0, channels)], { epsilon: config<{ epsilon: number }>(layer).epsilon ?? 1e-3 });
};

const rescaling: StockLowering = (layer, g, inputs) => {
  const { scale = 1, offset = 0 } = config<{ scale: number; offset: number }>(layer);
  const scaled = g.op('binary', [single(inputs), g.constant(scale, [1])], { kind: 'mul' });
  return offset === 0 ? scaled : g.op('binary', [scaled, g.constant(offset, [1])], { kind: 'add' });
};

const dropout: StockLowering = (layer, g, inputs) => g.op('dropout', [single(inputs)], { rate: config<{ rate: number }>(layer).rate ?? 0 });

export const elementwise = {
  Activation: activation, ReLU: reLU, LeakyReLU: leakyReLU, ELU: elu, PReLU: prelu, Softmax: softmax,
  Add: merge('add'), Subtract: merge('sub'), Multiply: merge('mul'), Maximum: merge('max'), Minimum: merge('min'), Average: average, Concatenate: concatenate,
  Dense: dense, BatchNormalization: batchNormalization, LayerNormalization: layerNormalization, Rescaling: rescaling,
  Dropout: dropout, SpatialDropout1D: dropout, AlphaDropout: dropout, GaussianDropout: dropout, GaussianNoise: dropout,
};
