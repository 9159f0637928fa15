/**
 * The inverted residual of MobileNet v2 (Sandler et al. 2018, section 3.3), with what MobileNet v3 (Howard et al. 2019,
 * section 5) and EfficientNet's MBConv (Tan and Le 2019, section 4) put in between: squeeze-and-excitation, other
 * activations and windows, stochastic depth.
 */
import { add, batchNorm, conv2d, depthwiseConv2d, layerLabel, layersUnder, option, readOptions, squeezeExcite, stochasticDepth, type ActivationKind } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { depthwiseEntries, type DepthwiseBlockOptions } from './block-options.js';
import { makeDivisible } from './make-divisible.js';

/** torchvision's paths below a block's name; i counts the modules that are there. */
const NAMES = {
  mobilenetV2: { unit: (i: number) => `conv.${i}`, projection: (i: number) => [`conv.${i}`, `conv.${i + 1}`] as const },
  mobilenetV3: { unit: (i: number) => `block.${i}`, projection: (i: number) => [`block.${i}.0`, `block.${i}.1`] as const },
} as const;

const SQUEEZE_OF = ['expanded', 'input'] as const;
const SQUEEZE_ACTIVATIONS = ['relu', 'silu'] as const;
const GATES = ['sigmoid', 'hardSigmoid'] as const;

/** Squeeze-and-excitation behind the depthwise convolution. */
export interface InvertedResidualSqueeze {
  /** Which channels the squeezed width is a part of: those inside (MobileNet v3) or the block's input (EfficientNet). */
  of: (typeof SQUEEZE_OF)[number];
  /** The squeezed width is floor(channels / ratio). Default 4. */
  ratio?: number;
  /** The squeezed width is rounded to a multiple of this. Default 1. */
  divisor?: number;
  /** Default 'relu'. */
  activation?: (typeof SQUEEZE_ACTIVATIONS)[number];
  /** Default 'sigmoid'. */
  gate?: (typeof GATES)[number];
}

export interface InvertedResidualOptions extends DepthwiseBlockOptions {
  /** Channels inside, as a multiple of the input's. 1 leaves the expansion convolution out. */
  expansion: number;
  /** The channels inside are rounded to a multiple of this. Default 1. */
  divisor?: number;
  /** Default: none. */
  squeezeExcite?: InvertedResidualSqueeze;
  /** Of the batch norms. Default 1e-5. */
  epsilon?: number;
  /** Of the batch norms, weight of the old value. Default 0.9. */
  momentum?: number;
  /** Share of samples that skip the block in training, where it has a sum. Default 0. */
  stochasticDepth?: number;
  /** Module paths below `name`: torchvision's of MobileNet v2 (`conv.0.0`) or of v3 and EfficientNet (`block.0.0`). Default 'mobilenetV2'. */
  naming?: keyof typeof NAMES;
}

const entries = {
  ...depthwiseEntries,
  expansion: option.number({ above: 0 }),
  divisor: option.withDefault(option.integer(1), 1),
  squeezeExcite: option.optional(option.object({
    of: option.oneOf(SQUEEZE_OF),
    ratio: option.withDefault(option.number({ min: 1 }), 4),
    divisor: option.withDefault(option.integer(1), 1),
    activation: option.withDefault(option.oneOf(SQUEEZE_ACTIVATIONS), 'relu'),
    gate: option.withDefault(option.oneOf(GATES), 'sigmoid'),
  })),
  epsilon: option.withDefault(option.number({ above: 0 }), 1e-5),
  momentum: option.withDefault(option.number({ min: 0, below: 1 }), 0.9),
  stochasticDepth: option.withDefault(option.number({ min: 0, below: 1 }), 0),
  naming: option.withDefault(option.oneOf(['mobilenetV2', 'mobilenetV3']), 'mobilenetV2'),
} as const;

/**
 * Inverted residual: 1x1 to C*expansion, depthwise k x k, squeeze-and-excitation if asked for, 1x1 to `filters` without
 * activation (the linear bottleneck); every convolution has a batch norm. The input is added when stride and channels
 * allow it. [N, H, W, C] -> [N, ceil(H/s), ceil(W/s), filters].
 * @throws OptionError for impossible options.
 */
export function invertedResidual(x: SymbolicTensor, options: InvertedResidualOptions): SymbolicTensor {
  const where = layerLabel('invertedResidual', options?.name);
  const { filters, name, expansion, divisor, stride, kernelSize, activation, squeezeExcite: gated, epsilon, momentum, stochasticDepth: rate, naming, ...weights } = readOptions(where, entries, options);
  const at = layersUnder(name);
  const { unit, projection } = NAMES[naming];
  const convolution = { useBias: false, ...weights };
  const normalise = (y: SymbolicTensor, path: string, kind: ActivationKind = 'linear') => batchNorm(y, { epsilon, momentum, activation: kind, name: at(path) });
  const channels = x.shape[3] ?? 0;
  const expanded = expansion === 1 ? channels : makeDivisible(channels * expansion, divisor);
  let module = 0;

  let y = x;
  if (expansion !== 1) {
    const path = unit(module++);
    y = conv2d(y, { filters: expanded, kernelSize: 1, ...convolution, name: at(`${path}.0`) });
    y = normalise(y, `${path}.1`, activation);
  }
  const depthwise = unit(module++);
  y = depthwiseConv2d(y, { kernelSize, strides: stride, padding: (kernelSize - 1) / 2, ...convolution, name: at(`${depthwise}.0`) });
  y = normalise(y, `${depthwise}.1`, activation);
  if (gated !== undefined) {
    const { of, ratio, divisor: multiple, ...kinds } = gated;
    const squeeze = makeDivisible(Math.floor((of === 'input' ? channels : expanded) / ratio), multiple);
    y = squeezeExcite(y, { squeeze, ...kinds, ...weights, name: at(unit(module++)) });
  }
  const [last, lastNorm] = projection(module);
  y = conv2d(y, { filters, kernelSize: 1, ...convolution, name: at(last) });
  y = normalise(y, lastNorm);

  if (stride !== 1 || channels !== filters) return y;
  if (rate > 0) y = stochasticDepth(y, { rate, name: at('stochastic_depth') });
  return add([x, y], { name: at('add') });
}
