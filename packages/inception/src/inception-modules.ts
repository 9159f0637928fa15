/** The naive module (Szegedy et al. 2015, figure 2a) and the one with reductions (figure 2b), in all forms it got. */
import { layerLabel, option, OptionError, readOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { concatenateBranches, inceptionEntries, type Branch, type ConvolutionUnit, type InceptionBlockOptions, type PoolUnit } from './branches.js';

const LARGE = ['5x5', '3x3', 'double3x3'] as const;
/** What stands at the place of the 5x5: itself, one 3x3 (TensorFlow's and torchvision's GoogLeNet) or two (BN-Inception). */
export type LargeKernel = (typeof LARGE)[number];

export const POOLS = ['max', 'average'] as const;

/** The paper's tables, a row a module: output channels of each convolution. */
export interface InceptionColumns {
  /** #1x1. Default 0: the branch is left out. */
  readonly filters1x1?: number;
  /** #3x3 reduce: the 1x1 in front of the 3x3. */
  readonly reduce3x3: number;
  /** #3x3. */
  readonly filters3x3: number;
  /** #5x5 reduce: the 1x1 in front of the 5x5 or of what replaces it. */
  readonly reduce5x5: number;
  /** #5x5. */
  readonly filters5x5: number;
  /** Pool proj: the 1x1 behind the pool. Default 0: what is pooled passes through. */
  readonly projection?: number;
  /** Default 'max'. */
  readonly pool?: (typeof POOLS)[number];
  /** 2 halves the size, in the last convolution of each branch and in the pool. Default 1. */
  readonly stride?: number;
}

export interface InceptionModuleOptions extends InceptionColumns, InceptionBlockOptions {
  /** Default '5x5', the paper's. */
  large?: LargeKernel;
  /** Whose module paths the layers have below `name`. Default 'torchvision'. */
  naming?: Naming;
}

export interface NaiveInceptionOptions extends InceptionBlockOptions {
  /** Output channels of the 1x1. */
  filters1x1: number;
  /** Output channels of the 3x3. */
  filters3x3: number;
  /** Output channels of the 5x5. */
  filters5x5: number;
}

const CAFFE = { '1x1': ['1x1'], '3x3': ['3x3_reduce', '3x3'], '5x5': ['5x5_reduce', '5x5', '5x5_2'], pool: ['pool', 'pool_proj'] } as const;
type Kind = keyof typeof CAFFE;

/** Module path of a unit below its block: of which branch, which kind that is, and which of its units if it has several. All count from 0. */
const PATHS = {
  torchvision: (branch: number, _: Kind, unit?: number) => `branch${branch + 1}${unit === undefined ? '' : `.${unit}`}`,
  caffe: (_: number, kind: Kind, unit = 0) => CAFFE[kind][unit] ?? '',
  pytorchcv: (branch: number, kind: Kind, unit?: number) =>
    `branches.branch${branch + 1}${unit === undefined ? '' : kind !== 'pool' ? `.conv${unit + 1}` : unit === 0 ? '.pool' : '.conv'}`,
} as const;
export type Naming = keyof typeof PATHS;
export const NAMINGS = ['torchvision', 'caffe', 'pytorchcv'] as const satisfies readonly Naming[];

const count = option.integer(1);

export const columnEntries = {
  filters1x1: option.withDefault(option.integer(0), 0),
  reduce3x3: count,
  filters3x3: count,
  reduce5x5: count,
  filters5x5: count,
  projection: option.withDefault(option.integer(0), 0),
  pool: option.withDefault(option.oneOf(POOLS), 'max'),
  stride: option.withDefault(option.integer(1, 2), 1),
} as const;
export const largeOption = option.withDefault(option.oneOf(LARGE), '5x5');

const moduleEntries = { ...inceptionEntries, ...columnEntries, large: largeOption, naming: option.withDefault(option.oneOf(NAMINGS), 'torchvision') } as const;
const naiveEntries = { ...inceptionEntries, filters1x1: count, filters3x3: count, filters5x5: count } as const;

type Unnamed = Omit<ConvolutionUnit, 'path'> | Omit<PoolUnit, 'path'>;
/** Branches with paths; those that are empty are left out. */
function named(branches: readonly (readonly [Kind, readonly Unnamed[]])[], naming: Naming): Branch[] {
  return branches.filter(([, units]) => units.length > 0).map(([kind, units], branch) => ({
    chain: units.map((unit, i) => ({ ...unit, path: PATHS[naming](branch, kind, units.length > 1 ? i : undefined) })),
  }));
}

const conv = (kernelSize: number, filters: number, stride = 1) => ({ filters, kernelSize, stride });

/**
 * [1x1, 3x3, 5x5, max pool 3x3] of one input, each with stride 1. [N, H, W, C] -> [N, H, W, filters1x1 + filters3x3 +
 * filters5x5 + C]: channels can only grow, and C (filters1x1 + 9 filters3x3 + 25 filters5x5) weights.
 * @throws OptionError for unknown and impossible options.
 */
export function naiveInception(x: SymbolicTensor, options: NaiveInceptionOptions): SymbolicTensor {
  const { filters1x1, filters3x3, filters5x5, ...block } = readOptions(layerLabel('naiveInception', options?.name), naiveEntries, options);
  const branches = named([['1x1', [conv(1, filters1x1)]], ['3x3', [conv(3, filters3x3)]], ['5x5', [conv(5, filters5x5)]], ['pool', [{ pool: 'max' }]]], 'torchvision');
  return concatenateBranches(x, branches, block);
}

/**
 * [1x1, 1x1 -> 3x3, 1x1 -> 5x5, pool 3x3 -> 1x1] of one input, ReLU behind every convolution.
 * [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), filters1x1 + filters3x3 + filters5x5 + (projection or C)].
 * With stride 2 it is BN-Inception's reduction (Ioffe and Szegedy 2015, figure 5): no 1x1, and as a rule no projection.
 * @throws OptionError for unknown and impossible options, and for a 1x1 with stride 2.
 */
export function inceptionModule(x: SymbolicTensor, options: InceptionModuleOptions): SymbolicTensor {
  const where = layerLabel('inceptionModule', options?.name);
  const { filters1x1, reduce3x3, filters3x3, reduce5x5, filters5x5, projection, pool, stride, large, naming, ...block } = readOptions(where, moduleEntries, options);
  if (stride > 1 && filters1x1 > 0) throw new OptionError(where, 'filters1x1', filters1x1, '0 with stride 2: it would see a quarter of the positions');
  const last = large === 'double3x3' ? [conv(3, filters5x5), conv(3, filters5x5, stride)] : [conv(large === '5x5' ? 5 : 3, filters5x5, stride)];
  const branches = named([
    ['1x1', filters1x1 > 0 ? [conv(1, filters1x1)] : []],
    ['3x3', [conv(1, reduce3x3), conv(3, filters3x3, stride)]],
    ['5x5', [conv(1, reduce5x5), ...last]],
    // On even sizes that is Caffe's pool: no padding, rounded up. On odd ones, where Caffe's gives less than the convolutions, it fits them.
    ['pool', [{ pool, stride, padding: stride > 1 ? 'same' : 1 }, ...(projection > 0 ? [conv(1, projection)] : [])]],
  ], naming);
  return concatenateBranches(x, branches, block, naming === 'caffe' ? '/' : '.');
}
