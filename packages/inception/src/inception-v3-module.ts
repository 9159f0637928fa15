/** The five modules of Inception v3 (Szegedy et al. 2016, figures 5, 6, 7 and 10), as torchvision has and names them: one table, one block. */
import { layerLabel, option, OptionError, readOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { concatenateBranches, inceptionEntries, type Branch, type ConvolutionUnit, type InceptionBlockOptions } from './branches.js';

export interface InceptionV3ModuleOptions extends InceptionBlockOptions {
  /** A: 5x5 and two 3x3; B: halves the size; C: 7x7 as 1x7 and 7x1; D: halves the size; E: ends in 1x3 and 3x1 side by side. */
  kind: V3Kind;
  /** A: channels behind the pool. C: channels inside the 7x7 branches. The other modules have none. */
  width?: number;
  /** All channels but the input's times this, rounded down, at least 1: TF-Slim's depth_multiplier. Default 1. */
  depthMultiplier?: number;
  /** Whether the average pools count their padding: torch does, TensorFlow does not. Default true. */
  countPadding?: boolean;
}

/** Whether a module has a width of its own. */
const HAS_WIDTH = { A: true, B: false, C: true, D: false, E: false } as const;
export type V3Kind = keyof typeof HAS_WIDTH;
const KINDS = ['A', 'B', 'C', 'D', 'E'] as const satisfies readonly V3Kind[];

const conv = (path: string, filters: number, kernelSize: ConvolutionUnit['kernelSize']): ConvolutionUnit => ({ path, filters, kernelSize });
/** What halves the size has no padding. */
const halving = (path: string, filters: number): ConvolutionUnit => ({ path, filters, kernelSize: 3, stride: 2, padding: 0 });
const HALVING_POOL: Branch = { chain: [{ path: 'branch_pool', pool: 'max', stride: 2, padding: 0 }] };
const pooled = (filters: number, countPadding: boolean): Branch => ({ chain: [{ path: 'pool', pool: 'average', countPadding }, conv('branch_pool', filters, 1)] });
/** 1x1, then 1x7 and 7x1 in turn, `last` channels at the end. */
const sevens = (path: string, inner: number, kernels: readonly (readonly [number, number])[], last: number): ConvolutionUnit[] => [
  conv(`${path}_1`, inner, 1), ...kernels.map((kernel, i) => conv(`${path}_${i + 2}`, i === kernels.length - 1 ? last : inner, kernel)),
];
const fork = (path: string, filters: number): ConvolutionUnit[] => [conv(`${path}a`, filters, [1, 3]), conv(`${path}b`, filters, [3, 1])];

const [WIDE, TALL] = [[1, 7], [7, 1]] as const;
const DOUBLE = [conv('branch3x3dbl_1', 64, 1), conv('branch3x3dbl_2', 96, 3)];

/** Branches in the order of the concatenation. */
const MODULES: Readonly<Record<V3Kind, (width: number, countPadding: boolean) => readonly Branch[]>> = {
  A: (width, countPadding) => [
    { chain: [conv('branch1x1', 64, 1)] },
    { chain: [conv('branch5x5_1', 48, 1), conv('branch5x5_2', 64, 5)] },
    { chain: [...DOUBLE, conv('branch3x3dbl_3', 96, 3)] },
    pooled(width, countPadding),
  ],
  B: () => [
    { chain: [halving('branch3x3', 384)] },
    { chain: [...DOUBLE, halving('branch3x3dbl_3', 96)] },
    HALVING_POOL,
  ],
  C: (width, countPadding) => [
    { chain: [conv('branch1x1', 192, 1)] },
    { chain: sevens('branch7x7', width, [WIDE, TALL], 192) },
    { chain: sevens('branch7x7dbl', width, [TALL, WIDE, TALL, WIDE], 192) },
    pooled(192, countPadding),
  ],
  D: () => [
    { chain: [conv('branch3x3_1', 192, 1), halving('branch3x3_2', 320)] },
    { chain: [...sevens('branch7x7x3', 192, [WIDE, TALL], 192), halving('branch7x7x3_4', 192)] },
    HALVING_POOL,
  ],
  E: (_, countPadding) => [
    { chain: [conv('branch1x1', 320, 1)] },
    { chain: [conv('branch3x3_1', 384, 1)], fork: fork('branch3x3_2', 384) },
    { chain: [conv('branch3x3dbl_1', 448, 1), conv('branch3x3dbl_2', 384, 3)], fork: fork('branch3x3dbl_3', 384) },
    pooled(192, countPadding),
  ],
};

/** The entries that the family's spec has too. */
export const v3Entries = {
  depthMultiplier: option.withDefault(option.number({ above: 0 }), 1),
  countPadding: option.withDefault(option.boolean(), true),
} as const;
const entries = { ...inceptionEntries, ...v3Entries, kind: option.oneOf(KINDS), width: option.optional(option.integer(1)) } as const;

/** floor(multiplier filters), at least 1. */
export function scaled(unit: ConvolutionUnit, multiplier: number): ConvolutionUnit {
  return { ...unit, filters: Math.max(1, Math.floor(unit.filters * multiplier)) };
}

/**
 * One of the five modules. [N, H, W, C] -> A, C: [N, H, W, 224 + width], [N, H, W, 768]; E: [N, H, W, 2048]; B, D, which
 * have no padding where they stride: [N, floor((H - 1) / 2), floor((W - 1) / 2), C + 480], and C + 512.
 * @throws OptionError for unknown options, for A and C without a width and the others with one.
 */
export function inceptionV3Module(x: SymbolicTensor, options: InceptionV3ModuleOptions): SymbolicTensor {
  const where = layerLabel('inceptionV3Module', options?.name);
  const { kind, width = 0, depthMultiplier, countPadding, ...block } = readOptions(where, entries, options);
  if (HAS_WIDTH[kind] !== width > 0) throw new OptionError(where, 'width', options.width, HAS_WIDTH[kind] ? `an integer >= 1 in module ${kind}` : `absent in module ${kind}`);
  const branches = MODULES[kind](width, countPadding).map(({ chain, fork: ends }): Branch => ({
    chain: chain.map((unit) => ('filters' in unit ? scaled(unit, depthMultiplier) : unit)),
    ...(ends && { fork: ends.map((unit) => scaled(unit, depthMultiplier)) }),
  }));
  return concatenateBranches(x, branches, block);
}
