/**
 * The squeeze-and-excitation block: Hu, Shen and Sun, "Squeeze-and-Excitation Networks" (CVPR 2018, arXiv 1709.01507),
 * section 3. It is here and not in a package of its own because MobileNet v3 and EfficientNet are made of it too.
 */
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { activation, type ActivationKind } from './activation.js';
import { blockEntries, layersUnder, type BlockOptions } from './block.js';
import { conv2d } from './conv2d.js';
import { globalAveragePool, globalMaxPool } from './global-pool.js';
import { imageShape, layerLabel } from './layer.js';
import { multiply } from './merge.js';
import { OptionError } from './option-error.js';
import { option, readOptions } from './options.js';

const GATES = ['sigmoid', 'hardSigmoid', 'tanh', 'relu'] as const;
const ACTIVATIONS = ['relu', 'relu6', 'silu', 'hardSwish', 'gelu'] as const;
const ROUNDINGS = ['floor', 'multipleOf8'] as const;
const POOLS = ['average', 'max', 'none'] as const;

/** The two 1x1 convolutions' paths below the block's name. */
const NAMES = { torchvision: ['fc1', 'fc2'], timm: ['conv_reduce', 'conv_expand'], pytorchcv: ['conv1', 'conv2'] } as const;

export interface SqueezeExciteOptions extends BlockOptions {
  /** Squeezed width, in place of `ratio`. */
  squeeze?: number;
  /** The squeezed width is C / ratio, rounded. Default 16. */
  ratio?: number;
  /** 'floor' (the authors, pytorchcv), or to the nearest multiple of 8, at least 8 (timm's SE networks). Default 'floor'. */
  rounding?: (typeof ROUNDINGS)[number];
  /** Between the two convolutions. Default 'relu'. */
  activation?: (typeof ACTIVATIONS)[number];
  /** What makes the scale of the second one's output. Default 'sigmoid'; hardSigmoid is torch's, relu6(x + 3) / 6. */
  gate?: (typeof GATES)[number];
  /** How a map becomes one position; 'none' gates every position by itself (the paper's NoSqueeze). Default 'average'. */
  pool?: (typeof POOLS)[number];
  /** Default true, as in all released models; the paper's ablations have none. */
  useBias?: boolean;
  /** Whose module paths: torchvision (fc1, fc2; timm's SE networks too), timm's EfficientNets (conv_reduce, conv_expand) or pytorchcv (conv1, conv2). Default 'torchvision'. */
  naming?: keyof typeof NAMES;
}

const entries = {
  ...blockEntries('heNormalFanOut'),
  squeeze: option.optional(option.integer(1)),
  ratio: option.optional(option.number({ min: 1 })),
  rounding: option.optional(option.oneOf(ROUNDINGS)),
  activation: option.withDefault(option.oneOf(ACTIVATIONS), 'relu'),
  gate: option.withDefault(option.oneOf(GATES), 'sigmoid'),
  pool: option.withDefault(option.oneOf(POOLS), 'average'),
  useBias: option.withDefault(option.boolean(), true),
  naming: option.withDefault(option.oneOf(['torchvision', 'timm', 'pytorchcv']), 'torchvision'),
} as const;

/** C / ratio as a number of channels. @throws OptionError where that is none. */
function squeezedWidth(where: string, channels: number, ratio: number, rounding: (typeof ROUNDINGS)[number]): number {
  if (rounding === 'multipleOf8') return Math.max(8, Math.floor((channels / ratio + 4) / 8) * 8);
  const width = Math.floor(channels / ratio);
  if (width === 0) throw new OptionError(where, 'ratio', ratio, `at most the ${channels} channels`);
  return width;
}

/**
 * x * gate(W2 f(W1 mean_hw(x) + b1) + b2): every channel is scaled by what the whole image says. W1 is C x squeeze, W2
 * squeeze x C. [N, H, W, C] -> [N, H, W, C]. Parameters: 2 C squeeze, and squeeze + C biases.
 * @throws OptionError for unknown and impossible options, and for a ratio above C.
 */
export function squeezeExcite(x: SymbolicTensor, options: SqueezeExciteOptions = {}): SymbolicTensor {
  const where = layerLabel('squeezeExcite', options?.name);
  const { name, squeeze, ratio, rounding, activation: inner, gate, pool, useBias, naming, kernelInitializer, seed } = readOptions(where, entries, options);
  if (squeeze !== undefined && (ratio ?? rounding) !== undefined) throw new OptionError(where, 'squeeze', squeeze, 'absent where ratio or rounding is given');
  const channels = imageShape(where, x.shape)[3];
  const at = layersUnder(name);
  const [reduce, expand] = NAMES[naming];
  const pointwise = (y: SymbolicTensor, filters: number, path: string, kind: ActivationKind) =>
    conv2d(y, { filters, kernelSize: 1, useBias, activation: kind, name: at(path), kernelInitializer, seed });

  const pooled = { keepDims: true, name: at('pool') };
  let y = pool === 'none' ? x : pool === 'max' ? globalMaxPool(x, pooled) : globalAveragePool(x, pooled);
  y = pointwise(y, squeeze ?? squeezedWidth(where, channels, ratio ?? 16, rounding ?? 'floor'), reduce, inner);
  y = activation(pointwise(y, channels, expand, 'linear'), { kind: gate, name: at('gate') });
  return multiply([x, y], { name: at('scale') });
}
