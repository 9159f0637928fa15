/** The separable convolution and the residual block of Xception (Chollet 2017, figure 5). */
import { activation, add, batchNorm, blockEntries, conv2d, depthwiseConv2d, layerLabel, layersUnder, maxPool, option, readOptions, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface SeparableConvOptions extends BlockOptions {
  /** Output channels. */
  filters: number;
  /** Of the depthwise convolution. Default 1. */
  stride?: number;
  /** Of the depthwise convolution: odd, padded by (kernelSize - 1) / 2 on every side as in torch. Default 3. */
  kernelSize?: number;
}

const separableEntries = {
  ...blockEntries('heNormalFanOut'),
  filters: option.integer(1),
  stride: option.withDefault(option.integer(1), 1),
  kernelSize: option.withDefault(option.odd(), 3),
} as const;

/**
 * Separable convolution: depthwise k x k and 1x1 to `filters`, nothing in between and no bias (`depthwiseSeparable` has
 * batch norm and activation behind each). [N, H, W, C] -> [N, ceil(H/s), ceil(W/s), filters]; k*k*C + C*filters weights.
 * Layers `conv1` and `pointwise` under `name`.
 * @throws OptionError for impossible options.
 */
export function separableConv(x: SymbolicTensor, options: SeparableConvOptions): SymbolicTensor {
  const { filters, stride, kernelSize, name, ...weights } = readOptions(layerLabel('separableConv', options?.name), separableEntries, options);
  const at = layersUnder(name);
  const y = depthwiseConv2d(x, { kernelSize, strides: stride, padding: (kernelSize - 1) / 2, useBias: false, ...weights, name: at('conv1') });
  return conv2d(y, { filters, kernelSize: 1, useBias: false, ...weights, name: at('pointwise') });
}

export const WIDEN_ON = ['first', 'last'] as const;

export interface XceptionBlockOptions extends BlockOptions {
  /** Output channels. */
  filters: number;
  /** Separable convolutions. Default 2. */
  units?: number;
  /** Above 1: a max pool of this stride behind them. Default 1. */
  stride?: number;
  /** Which of them goes from the input's channels to `filters`. Default 'first'. */
  widenOn?: (typeof WIDEN_ON)[number];
  /** Start with ReLU; false where the input is activated already. Default true. */
  startActivation?: boolean;
}

const blockOptions = {
  ...blockEntries('heNormalFanOut'),
  filters: option.integer(1),
  units: option.withDefault(option.integer(1), 2),
  stride: option.withDefault(option.integer(1), 1),
  widenOn: option.withDefault(option.oneOf(WIDEN_ON), 'first'),
  startActivation: option.withDefault(option.boolean(), true),
} as const;

/**
 * x + F(x), F = (ReLU, 3x3 separable convolution, batch norm) `units` times, then a 3x3 max pool where stride > 1. The
 * shortcut is the input before its ReLU, through a 1x1 convolution with batch norm where shapes differ.
 * [N, H, W, C] -> [N, ceil(H/s), ceil(W/s), filters].
 * Layers below `name` as in timm: `rep.0`, `rep.1.conv1`, `rep.1.pointwise`, `rep.2`, ... and `skip`, `skipbn`.
 * @throws OptionError for impossible options.
 */
export function xceptionBlock(x: SymbolicTensor, options: XceptionBlockOptions): SymbolicTensor {
  const { filters, units, stride, widenOn, startActivation, name, ...weights } = readOptions(layerLabel('xceptionBlock', options?.name), blockOptions, options);
  const at = layersUnder(name);
  const channels = x.shape[3] ?? 0;
  let module = 0;

  let y = startActivation ? activation(x, { kind: 'relu', name: at(`rep.${module++}`) }) : x;
  for (let unit = 1; unit <= units; unit++) {
    const width = widenOn === 'first' || unit === units ? filters : channels;
    y = separableConv(y, { filters: width, ...weights, name: at(`rep.${module++}`) });
    // The ReLU of the next unit is a module of its own in timm.
    y = batchNorm(y, { activation: unit < units ? 'relu' : 'linear', name: at(`rep.${module++}`) });
    if (unit < units) module++;
  }
  if (stride > 1) y = maxPool(y, { poolSize: 3, strides: stride, padding: 1, name: at(`rep.${module}`) });

  let shortcut = x;
  if (stride > 1 || channels !== filters) {
    shortcut = conv2d(x, { filters, kernelSize: 1, strides: stride, useBias: false, ...weights, name: at('skip') });
    shortcut = batchNorm(shortcut, { name: at('skipbn') });
  }
  return add([y, shortcut], { name: at('add') });
}
