/**
 * The convolutional block attention module: Woo, Park, Lee and Kweon, "CBAM: Convolutional Block Attention Module" (ECCV
 * 2018, arXiv 1807.06521), section 3. As in pytorchcv, whose names the layers have: biases in the perceptron, batch norm behind
 * the spatial convolution.
 */
import {
  activation, add, batchNorm, blockEntries, concatenate, conv2d, DenseLayer, globalAveragePool, globalMaxPool, imageShape, layerLabel, layersUnder, multiply, option,
  OptionError, readOptions, reduceChannels, type BlockOptions,
} from '@convkit/core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface CbamOptions extends BlockOptions {
  /** The perceptron's width is floor(C / ratio). Default 16. */
  ratio?: number;
  /** Of the spatial convolution, odd. Default 7. */
  kernelSize?: number;
  /** Biases in the perceptron. Default true. */
  useBias?: boolean;
}

const entries = {
  ...blockEntries('heNormalFanOut'),
  ratio: option.withDefault(option.number({ min: 1 }), 16),
  kernelSize: option.withDefault(option.odd(), 7),
  useBias: option.withDefault(option.boolean(), true),
} as const;

/**
 * x1 = x * sigmoid(M(mean_hw x) + M(max_hw x)), M a perceptron C -> C / ratio -> C; then x1 * sigmoid(BN(k * [max_c x1, mean_c x1])), k a
 * convolution to one channel. [N, H, W, C] -> [N, H, W, C].
 * @throws OptionError for unknown and impossible options, and for a ratio above C.
 */
export function cbam(x: SymbolicTensor, options: CbamOptions = {}): SymbolicTensor {
  const where = layerLabel('cbam', options?.name);
  const { name, ratio, kernelSize, useBias, kernelInitializer, seed } = readOptions(where, entries, options);
  const channels = imageShape(where, x.shape)[3];
  const width = Math.floor(channels / ratio);
  if (width === 0) throw new OptionError(where, 'ratio', ratio, `at most the ${channels} channels`);
  const at = layersUnder(name);

  // One perceptron that reads twice: these layers are shared.
  const weights = { useBias, kernelInitializer, seed };
  const fc1 = new DenseLayer({ units: width, activation: 'relu', name: at('ch_gate.mlp.fc1'), ...weights });
  const fc2 = new DenseLayer({ units: channels, name: at('ch_gate.mlp.fc2'), ...weights });
  const perceptron = (y: SymbolicTensor) => fc2.apply(fc1.apply(y)) as SymbolicTensor;
  const average = perceptron(globalAveragePool(x, { name: at('ch_gate.avg_pool') }));
  const sum = add([average, perceptron(globalMaxPool(x, { name: at('ch_gate.max_pool') }))], { name: at('ch_gate.add') });
  // tf.layers counts two uses of each, but a model gives back one when it is disposed.
  for (const layer of [fc1, fc2]) layer.dispose();
  const gate = layers.reshape({ targetShape: [1, 1, channels], name: at('ch_gate.reshape') }).apply(activation(sum, { kind: 'sigmoid', name: at('ch_gate.sigmoid') }));
  const y = multiply([x, gate as SymbolicTensor], { name: at('ch_gate.scale') });

  const summary = [reduceChannels(y, { kind: 'max', name: at('sp_gate.max') }), reduceChannels(y, { kind: 'mean', name: at('sp_gate.mean') })];
  const convolved = conv2d(concatenate(summary, { name: at('sp_gate.concat') }), {
    filters: 1, kernelSize, padding: (kernelSize - 1) / 2, useBias: false, name: at('sp_gate.conv.conv'), kernelInitializer, seed,
  });
  const place = activation(batchNorm(convolved, { name: at('sp_gate.conv.bn') }), { kind: 'sigmoid', name: at('sp_gate.sigmoid') });
  return multiply([y, place], { name: at('sp_gate.scale') });
}
