/** The branch around a residual one (He et al. 2016, section 4.1). */
import { add, avgPool, OptionError, padChannels, type layersUnder } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

export const SHORTCUTS = ['padded', 'projection', 'projectionAlways', 'none'] as const;
/**
 * The paper's options: A, subsample and append zero channels (no parameters); B, 1x1 convolution where the shape changes;
 * C, the same in every block; and none, which makes the paper's plain networks.
 */
export type Shortcut = (typeof SHORTCUTS)[number];

interface ShortcutOptions {
  /** The block, for messages. */
  where: string;
  shortcut: Shortcut;
  stride: number;
  at: ReturnType<typeof layersUnder>;
  /** The 1x1 convolution of options B and C, to so many filters. */
  project(filters: number): SymbolicTensor;
}

/** x, brought into the shape of the residual branch, plus that branch. @throws OptionError for a padded shortcut to fewer channels. */
export function addShortcut(x: SymbolicTensor, residual: SymbolicTensor, { where, shortcut, stride, at, project }: ShortcutOptions): SymbolicTensor {
  if (shortcut === 'none') return residual;
  const channels = x.shape.at(-1) ?? 0;
  const filters = residual.shape.at(-1) ?? 0;

  const around = () => {
    const changes = stride !== 1 || channels !== filters;
    if (shortcut === 'projectionAlways' || (changes && shortcut === 'projection')) return project(filters);
    if (filters < channels) throw new OptionError(where, 'shortcut', shortcut, `'projection' where ${channels} channels become ${filters}`);
    const y = stride === 1 ? x : avgPool(x, { poolSize: 1, strides: stride, name: at('shortcut.subsample') });
    return filters === channels ? y : padChannels(y, { after: filters - channels, name: at('shortcut.pad') });
  };
  return add([residual, around()], { name: at('add') });
}
