import { NATIVE_PATCHES } from '../native/patches.js';
import type { Patch } from '../patch.js';
import { ACTIVATION_PATCHES } from './activations.js';
import { CONVOLUTION_PATCHES } from './convolution.js';
import { DILATION_PATCHES } from './dilation.js';
import { LAYER_PATCHES } from './layers.js';
import { MATRIX_PATCHES } from './matrices.js';
import { MORPHOLOGY_PATCHES } from './morphology.js';
import { NORMALIZATION_PATCHES } from './normalization.js';
import { POOLING_PATCHES } from './pooling.js';
import { REDUCTION_PATCHES } from './reductions.js';
import { RESIZING_PATCHES } from './resizing.js';
import { SEGMENT_PATCHES } from './segments.js';
import { SLICE_PATCHES } from './slices.js';
import { VOLUME_PATCHES } from './volumes.js';

/** Every patch of this package, in the order in which they go in: a later one for the same kernel replaces an earlier one. */
export const PATCHES: readonly Patch[] = [
  ...CONVOLUTION_PATCHES,
  ...DILATION_PATCHES,
  ...LAYER_PATCHES,
  ...POOLING_PATCHES,
  ...MATRIX_PATCHES,
  ...SEGMENT_PATCHES,
  ...VOLUME_PATCHES,
  ...MORPHOLOGY_PATCHES,
  ...RESIZING_PATCHES,
  ...REDUCTION_PATCHES,
  ...NORMALIZATION_PATCHES,
  ...ACTIVATION_PATCHES,
  ...SLICE_PATCHES,
  ...NATIVE_PATCHES,
];
