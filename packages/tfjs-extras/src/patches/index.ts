import type { Patch } from '../patch.js';

/** Every patch of this package, in the order in which they go in: a later one for the same kernel replaces an earlier one. */
export const PATCHES: readonly Patch[] = [];
