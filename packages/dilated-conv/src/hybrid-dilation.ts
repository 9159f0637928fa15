/**
 * Gridding, and the rule against it: Wang, Chen, Yuan, Liu, Huang, Hou and Cottrell, "Understanding Convolution for
 * Semantic Segmentation" (WACV 2018, arXiv 1702.08502), section 3.2.
 */
import { option, readOptions, receptiveField } from '@convkit/core';

export interface DilationOptions {
  /** Odd. Default 3. */
  kernelSize?: number;
}

export interface HybridDilation {
  /** The largest distance between two positions that the second convolution must bridge: the paper's M_2; of one convolution, its dilation. */
  readonly maxDistance: number;
  /** Greatest common divisor of the dilations: above 1 all that an output sees lies on one lattice. */
  readonly commonFactor: number;
  /** maxDistance <= kernelSize and commonFactor = 1. */
  readonly satisfied: boolean;
  /** Share of the square receptive field that an output reads, in (0, 1]. */
  readonly coverage: number;
}

/** The schema of a list of dilations. */
export const dilationsOption = option.list(option.integer(1));
const entries = { dilations: dilationsOption, kernelSize: option.withDefault(option.odd(), 3) } as const;

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** Offsets along one axis that an output of the whole stack reads. */
function positionsSeen(dilations: readonly number[], kernelSize: number): Set<number> {
  const reach = (kernelSize - 1) / 2;
  let seen = new Set([0]);
  for (const dilation of dilations) {
    const wider = new Set<number>();
    for (const position of seen) for (let tap = -reach; tap <= reach; tap++) wider.add(position + tap * dilation);
    seen = wider;
  }
  return seen;
}

/**
 * How convolutions in a row, with these dilations from input to output, see their input. With M_n = r_n and
 * M_i = max(M_(i+1) - 2 r_i, 2 r_i - M_(i+1), r_i), the rule is M_2 <= kernelSize, and that the dilations share no factor.
 * The rule takes r_1 to be 1, as the paper's groups have it; `coverage` counts and takes nothing for granted.
 * @throws OptionError for a list that is empty or holds anything but integers >= 1, and for an even kernel.
 */
export function hybridDilation(dilations: readonly number[], options: DilationOptions = {}): HybridDilation {
  const { dilations: rates, kernelSize } = readOptions('hybridDilation', entries, { ...options, dilations });
  const last = rates.at(-1) ?? 1;
  const maxDistance = rates.slice(1, -1).reduceRight((distance, rate) => Math.max(distance - 2 * rate, 2 * rate - distance, rate), last);
  const commonFactor = rates.reduce(divisor);
  const field = receptiveField(rates.map((dilation) => ({ kernelSize, dilation }))).size;
  return {
    maxDistance,
    commonFactor,
    satisfied: maxDistance <= kernelSize && commonFactor === 1,
    coverage: (positionsSeen(rates, kernelSize).size / field) ** 2,
  };
}
