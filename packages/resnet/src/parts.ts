/** Slots of the residual blocks: what other packages put into a block, or in place of its 3x3 convolutions. */
import { conv2d, option, type BlockOptions, type Conv2dOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

/** Something added at one place of a block, of the shape it gets. `block` has the block's own name and initial weights. */
export type ResidualPart = (x: SymbolicTensor, block: BlockOptions) => SymbolicTensor;

/**
 * What stands in place of a 3x3 convolution. The options are those that the convolution itself would get (window,
 * filters, groups, the layer's name, ...); `index` is its number in the block, counted from 1.
 */
export type SpatialPart = (x: SymbolicTensor, options: Conv2dOptions, index: number) => SymbolicTensor;

export interface PreactParts {
  /** On the input of the residual branch; the shortcut still reads the block's own input (a projection in a preactivated block does not). */
  before?: ResidualPart;
  /** In place of the 3x3 convolutions of the residual branch (not of a projection). Default: conv2d. */
  spatial?: SpatialPart;
  /** On the residual branch, in front of the sum. */
  after?: ResidualPart;
  /** On the shortcut: on the input itself, or on its projection where there is one. */
  shortcut?: ResidualPart;
  /** On the block's output. */
  output?: ResidualPart;
}

export interface ResidualParts extends PreactParts {
  /** Behind the 3x3 with its batch norm and ReLU: a bottleneck's only one, a basic block's first. */
  inner?: ResidualPart;
}

const part = () => option.optional(option.function<ResidualPart>());
const preactEntries = {
  before: part(), spatial: option.optional(option.function<SpatialPart>()), after: part(), shortcut: part(), output: part(),
} as const;

export const partsOption = option.withDefault(option.object({ ...preactEntries, inner: part() }), {});
export const preactPartsOption = option.withDefault(option.object(preactEntries), {});

/** A block's slots with its own options bound: an empty slot is the identity, an empty `spatial` a convolution. */
export function fillSlots(parts: ResidualParts, { name, kernelInitializer, seed }: BlockOptions) {
  const own = { name, kernelInitializer, seed };
  return {
    slot: (place: Exclude<keyof ResidualParts, 'spatial'>, x: SymbolicTensor) => parts[place]?.(x, own) ?? x,
    spatial: parts.spatial ?? ((x: SymbolicTensor, options: Conv2dOptions) => conv2d(x, options)),
  };
}
