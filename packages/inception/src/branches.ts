/** What all inception modules are: chains of convolutions and pools side by side over one input, concatenated. */
import {
  avgPool, batchNorm, blockEntries, concatenate, conv2d, maxPool, option, type BlockOptions, type OptionOutput,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

/** Something put behind a module, on what it concatenates. `block` has the module's own name and initial weights. */
export type ModulePart = (y: SymbolicTensor, block: BlockOptions) => SymbolicTensor;

export interface InceptionBlockOptions extends BlockOptions {
  /** Batch norm between each convolution and its ReLU. Default true. */
  batchNorm?: boolean;
  /** Whether convolutions have biases. Default: where no batch norm follows. */
  convBias?: boolean;
  /** Of the batch norms. Default 1e-3, TensorFlow's. */
  epsilon?: number;
  /** Whether batch norms have a gamma. Default true. */
  scale?: boolean;
  /** Put on the concatenated output: squeeze-and-excitation, for one. Default: nothing. */
  after?: ModulePart;
}

/** The entries of {@link InceptionBlockOptions} that families' specs have too. */
export const styleEntries = {
  batchNorm: option.withDefault(option.boolean(), true),
  convBias: option.optional(option.boolean()),
  epsilon: option.withDefault(option.number({ above: 0 }), 1e-3),
  scale: option.withDefault(option.boolean(), true),
} as const;

export const inceptionEntries = { ...blockEntries('heNormal'), ...styleEntries, after: option.optional(option.function<ModulePart>()) } as const;
type CheckedBlock = OptionOutput<typeof inceptionEntries>;

/** How a block's convolutions look: norm, bias, initial weights. */
export type ConvolutionStyle = Omit<CheckedBlock, 'name' | 'after'>;

/** A convolution with its ReLU. `path` is its module path below the block; a batch norm makes it `path.conv` and `path.bn`. */
export interface ConvolutionUnit {
  readonly path: string;
  readonly filters: number;
  /** One integer or [height, width], odd. */
  readonly kernelSize: number | readonly [number, number];
  /** Default 1. */
  readonly stride?: number;
  /** Default: what keeps the size. */
  readonly padding?: number;
}

/** A 3x3 pool. */
export interface PoolUnit {
  readonly path: string;
  readonly pool: 'max' | 'average';
  /** Default 1. */
  readonly stride?: number;
  /** Default 1. */
  readonly padding?: number | 'same';
  /** Average pools: whether padding counts in the divisor. Default true, torch's. */
  readonly countPadding?: boolean;
}

export interface Branch {
  /** One after the other. */
  readonly chain: readonly (ConvolutionUnit | PoolUnit)[];
  /** Side by side over the chain's output, all of them part of the concatenation. */
  readonly fork?: readonly ConvolutionUnit[];
}

/** Module path of a unit; undefined, for tf.layers' own names, in a block without a name. */
type Path = (unit: string) => string | undefined;

/** Convolution, batch norm where the style has one, ReLU. [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), filters] with the default padding. */
export function convolutionUnit(x: SymbolicTensor, { path, filters, kernelSize, stride = 1, padding }: ConvolutionUnit, style: ConvolutionStyle, at: Path = (unit) => unit): SymbolicTensor {
  const { batchNorm: normalised, convBias = !normalised, epsilon, scale, kernelInitializer, seed } = style;
  const [height, width] = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
  const name = at(path);
  const y = conv2d(x, {
    filters, kernelSize: [height, width], strides: stride, padding: padding ?? [(height - 1) / 2, (width - 1) / 2], useBias: convBias,
    activation: normalised ? 'linear' : 'relu', name: normalised && name !== undefined ? `${name}.conv` : name, kernelInitializer, seed,
  });
  return normalised ? batchNorm(y, { epsilon, scale, activation: 'relu', name: name && `${name}.bn` }) : y;
}

function poolUnit(x: SymbolicTensor, { path, pool, stride = 1, padding = 1, countPadding = true }: PoolUnit, at: Path): SymbolicTensor {
  const window = { poolSize: 3, strides: stride, padding, name: at(path) };
  return pool === 'max' ? maxPool(x, window) : avgPool(x, { ...window, countIncludePad: countPadding });
}

/** The outputs of all branches, in order, along the channels, and what comes after. Names are below the block's. */
export function concatenateBranches(x: SymbolicTensor, branches: readonly Branch[], block: CheckedBlock, separator: '.' | '/' = '.'): SymbolicTensor {
  const { name, after = (y) => y, ...style } = block;
  const at: Path = (path) => (name === undefined ? undefined : `${name}${separator}${path}`);
  const unit = (y: SymbolicTensor, part: ConvolutionUnit | PoolUnit) => ('pool' in part ? poolUnit(y, part, at) : convolutionUnit(y, part, style, at));
  const ends = branches.flatMap(({ chain, fork }) => {
    const end = chain.reduce(unit, x);
    return fork === undefined ? [end] : fork.map((part) => unit(end, part));
  });
  const { kernelInitializer, seed } = style;
  return after(concatenate(ends, { name: at('concat') }), { name, kernelInitializer, seed });
}
