/**
 * The context module: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions" (ICLR 2016, arXiv
 * 1511.07122), table 1 and section 3, basic and large; with the numbers of layers and the names of the authors' release
 * (fyu/dilation: `ctx_conv1_1`, `ctx_fc1` and `ctx_final` are conv1_1, fc1 and final of a block called ctx).
 */
import { blockEntries, conv2d, initializerOption, layerLabel, layersUnder, option, OptionError, readOptions, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

const BORDERS = ['layers', 'first'] as const;

export interface ContextModuleOptions extends BlockOptions {
  /** L, the last a 1x1: dilations 1, 1, 2, 4, ... 2^(L-4), 1. 7: up to 8 (KITTI); 8: up to 16 (the paper); 10: up to 64 (Cityscapes). Default 8. */
  layers?: number;
  /** 'basic': C channels throughout; 'large': 2C, 2C, 4C, 8C, ... and C at the end. Default 'basic'. */
  width?: 'basic' | 'large';
  /** Which layers pad: each by its dilation (the release's builder), or the first for all (its Pascal VOC model). Default 'layers'. */
  border?: (typeof BORDERS)[number];
  /** Deviation of the noise on the identity that the module starts as, divided by a layer's widening. Default 0 (basic) or 0.01 (large). */
  noise?: number;
}

const entries = {
  ...blockEntries('zeros'),
  // The identity needs the channels: only the builder knows its default
  kernelInitializer: option.optional(initializerOption),
  layers: option.withDefault(option.integer(5, 12), 8),
  width: option.withDefault(option.oneOf(['basic', 'large']), 'basic'),
  border: option.withDefault(option.oneOf(BORDERS), 'layers'),
  noise: option.optional(option.number({ min: 0 })),
} as const;

interface Row {
  path: string;
  dilation: number;
  /** Width, in multiples of C. */
  widening: number;
}

/** The 3x3 layers of table 1. */
function rowsOf(layers: number, large: boolean): Row[] {
  const widening = (level: number) => (large ? 2 ** level : 1);
  const levels = Array.from({ length: layers - 4 }, (_, i): Row => ({ path: `conv${i + 2}_1`, dilation: 2 ** (i + 1), widening: widening(i + 2) }));
  const first = [1, 2].map((i): Row => ({ path: `conv1_${i}`, dilation: 1, widening: widening(1) }));
  return [...first, ...levels, { path: 'fc1', dilation: 1, widening: widening(layers - 3) }];
}

/**
 * 3x3 convolutions of growing dilation and a 1x1, ReLU after all but the last, on the score maps of C classes:
 * [N, H, W, C] -> [N, H, W, C]. Starts as the identity on non-negative scores: the first ReLU clips the others.
 * Parameters of the basic module: (L - 1)(9 C^2 + C) + C^2 + C.
 * @throws OptionError for unknown and impossible options, and for an input without a known number of channels.
 */
export function contextModule(x: SymbolicTensor, options: ContextModuleOptions = {}): SymbolicTensor {
  const where = layerLabel('contextModule', options?.name);
  const { layers, width, border, noise = width === 'large' ? 0.01 : 0, kernelInitializer, name, seed } = readOptions(where, entries, options);
  const classes = x.shape.at(-1);
  if (typeof classes !== 'number') throw new OptionError(where, 'input', x.shape, 'score maps [N, H, W, C] with a known number of channels');
  const at = layersUnder(name);
  const initial = (widening: number) => kernelInitializer ?? ({ kind: 'identity', groups: classes, noise: noise / widening } as const);

  const rows = rowsOf(layers, width === 'large');
  const whole = rows.reduce((sum, { dilation }) => sum + dilation, 0);
  const y = rows.reduce((z, { path, dilation, widening }, i) => conv2d(z, {
    filters: widening * classes, kernelSize: 3, dilationRate: dilation, padding: border === 'layers' ? dilation : i === 0 ? whole : 0,
    activation: 'relu', name: at(path), kernelInitializer: initial(widening), seed,
  }), x);
  return conv2d(y, { filters: classes, kernelSize: 1, name: at('final'), kernelInitializer: initial(1), seed });
}
