import { batchNorm, blockEntries, conv2d, depthwiseConv2d, layerLabel, layersUnder, option, OptionError, readOptions, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

/** A map behind the backbone's, mostly half as high and wide. */
export interface ExtraMap {
  readonly filters: number;
  /** Channels between the two steps. Default: half the filters. */
  readonly reduce?: number;
  /** Default 3. */
  readonly kernelSize?: number;
  /** Default 2. */
  readonly stride?: number;
  /** Default 1. */
  readonly padding?: number;
}

export interface ExtraMapOptions extends BlockOptions, ExtraMap {
  /**
   * 'convolution': 1x1 and k x k, each with bias and ReLU (SSD). 'separable': 1x1, depthwise k x k, 1x1, each with batch norm and
   * ReLU6 (SSDLite). Default 'convolution'.
   */
  readonly kind?: 'convolution' | 'separable';
}

export const extraMapEntries = {
  filters: option.integer(1),
  reduce: option.optional(option.integer(1)),
  kernelSize: option.withDefault(option.integer(1), 3),
  stride: option.withDefault(option.integer(1), 2),
  padding: option.withDefault(option.integer(0), 1),
} as const;

const entries = { ...blockEntries('glorotUniform'), ...extraMapEntries, kind: option.withDefault(option.oneOf(['convolution', 'separable']), 'convolution') } as const;

/** torchvision's SSDLite. */
const NORM = { epsilon: 1e-3, momentum: 0.97, activation: 'relu6' } as const;

/**
 * One of SSD's extra feature layers: [N, H, W, C] -> [N, H', W', filters]. Layers are called as in torchvision, `name.0` and `name.2`, or
 * `name.0.0`, `name.0.1`, `name.1.0`, ...
 * @throws OptionError where the map is too small for the kernel.
 */
export function extraMap(x: SymbolicTensor, options: ExtraMapOptions): SymbolicTensor {
  const where = layerLabel('extraMap', options?.name);
  const { filters, reduce = Math.max(1, Math.floor(filters / 2)), kernelSize, stride, padding, kind, name, ...weights } = readOptions(where, entries, options);
  const side = Math.min(x.shape[1] ?? kernelSize, x.shape[2] ?? kernelSize);
  if (side + 2 * padding < kernelSize) throw new OptionError(where, 'kernelSize', kernelSize, `at most ${side + 2 * padding} on a map of [${x.shape[1]}, ${x.shape[2]}] with padding ${padding}`);
  const at = layersUnder(name);
  const window = { kernelSize, strides: stride, padding };
  if (kind === 'convolution') {
    const narrow = conv2d(x, { filters: reduce, kernelSize: 1, activation: 'relu', ...weights, name: at(0) });
    return conv2d(narrow, { filters, ...window, activation: 'relu', ...weights, name: at(2) });
  }
  let y = batchNorm(conv2d(x, { filters: reduce, kernelSize: 1, useBias: false, ...weights, name: at('0.0') }), { ...NORM, name: at('0.1') });
  y = batchNorm(depthwiseConv2d(y, { ...window, useBias: false, ...weights, name: at('1.0') }), { ...NORM, name: at('1.1') });
  return batchNorm(conv2d(y, { filters, kernelSize: 1, useBias: false, ...weights, name: at('2.0') }), { ...NORM, name: at('2.1') });
}
