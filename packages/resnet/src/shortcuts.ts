/** The branch around a residual one (He et al. 2016, section 4.1). */
import { add, avgPool, OptionError, padChannels, weightedSum, type GateOptions, type layersUnder } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export const SHORTCUTS = ['padded', 'projection', 'projectionAlways', 'none'] as const;
/**
 * The paper's options: A, subsample and append zero channels (no parameters); B, 1x1 convolution where the shape changes;
 * C, the same in every block; and none, which makes the paper's plain networks.
 */
export type Shortcut = (typeof SHORTCUTS)[number];

export const PROJECTIONS = ['1x1', '3x3', 'averagePool'] as const;
/**
 * What a projection is: a 1x1 convolution, a 3x3 (SENet-154 from its third stage on), or 2x2 averages in front of a 1x1
 * that does not stride (ResNet-D, He et al. 2019, "Bag of Tricks", figure 2c).
 */
export type Projection = (typeof PROJECTIONS)[number];

/** How a block of one's own joins its two branches. */
export interface ShortcutOptions {
  /** The block, for messages. */
  where: string;
  shortcut: Shortcut;
  stride: number;
  at: ReturnType<typeof layersUnder>;
  /** The convolution of options B and C, to so many filters. */
  project(filters: number): SymbolicTensor;
  /** What else happens to the shortcut in front of the sum. Default: nothing. */
  finish?(y: SymbolicTensor): SymbolicTensor;
  /** Learned factors for the two branches, the residual one first. Default: a plain sum. */
  gate?: GateOptions | undefined;
}

/**
 * x, brought into the shape of the residual branch, plus that branch.
 * @throws OptionError for a padded shortcut to fewer channels, and for a gate where there is no sum.
 */
export function addShortcut(x: SymbolicTensor, residual: SymbolicTensor, { where, shortcut, stride, at, project, finish = (y) => y, gate }: ShortcutOptions): SymbolicTensor {
  if (shortcut === 'none') {
    if (gate !== undefined) throw new OptionError(where, 'gate', gate, "absent where the shortcut is 'none': there is no sum");
    return residual;
  }
  const channels = x.shape.at(-1) ?? 0;
  const filters = residual.shape.at(-1) ?? 0;

  const around = () => {
    const changes = stride !== 1 || channels !== filters;
    if (shortcut === 'projectionAlways' || (changes && shortcut === 'projection')) return project(filters);
    if (filters < channels) throw new OptionError(where, 'shortcut', shortcut, `'projection' where ${channels} channels become ${filters}`);
    const y = stride === 1 ? x : avgPool(x, { poolSize: 1, strides: stride, name: at('shortcut.subsample') });
    return filters === channels ? y : padChannels(y, { after: filters - channels, name: at('shortcut.pad') });
  };
  const branches = [residual, finish(around())];
  return gate === undefined ? add(branches, { name: at('add') }) : weightedSum(branches, { ...gate, name: at('add') });
}
