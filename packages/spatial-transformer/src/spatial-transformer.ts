/**
 * A network that straightens what it sees: Jaderberg, Simonyan, Zisserman and Kavukcuoglu, "Spatial Transformer Networks"
 * (arXiv 1506.02025), section 3. A localisation network reads an affine map from the image, and the image is sampled there.
 */
import { dense, flatten, layerLabel, layersUnder, option, OptionError, readOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { affineGrid } from './affine-grid.js';
import { gridSample, samplingEntries, type GridSampleOptions } from './grid-sample.js';

/** From an image to what the map is read from: images or a flat batch. */
export type Localisation = (x: SymbolicTensor) => SymbolicTensor;

export interface SpatialTransformerOptions extends Omit<GridSampleOptions, 'trainable'> {
  /** What the last dense layer reads, made from the image by any layers. */
  localisation: Localisation;
  /** 'affine' has six numbers; 'attention' a scale and a shift: it looks at a part of the image, upright. Default 'affine'. */
  transform?: keyof typeof IDENTITY;
  /** Height and width of the output, one integer for both. Default: those of x. */
  size?: number | [number, number];
}

/** What the last layer's bias starts from: the map that changes nothing. */
const IDENTITY = { affine: [1, 0, 0, 0, 1, 0], attention: [1, 0, 0] } as const;

const entries = {
  ...samplingEntries,
  name: option.optional(option.text()),
  localisation: option.function<Localisation>(),
  transform: option.withDefault(option.oneOf(['affine', 'attention']), 'affine'),
  size: option.optional(option.pair(1)),
} as const;

/**
 * An image, moved by what a network sees in it: theta = dense(localisation(x)), y = gridSample(x, affineGrid(theta)).
 * [N, H, W, C] -> [N, size, C]. The dense layer starts with weights 0 and the identity as its bias, and so the block as a resize
 * without smoothing (at the image's own size, as the identity).
 * Layers below the block's name: `theta` and `grid`; the sampler has the name itself. The localisation's layers have theirs.
 * @throws OptionError for impossible options, and without `size` for images of unknown size.
 */
export function spatialTransformer(x: SymbolicTensor, options: SpatialTransformerOptions): SymbolicTensor {
  const where = layerLabel('spatialTransformer', options?.name);
  const { localisation, transform, size, padding, alignCorners, name } = readOptions(where, entries, options);
  const at = layersUnder(name);
  const [height, width] = size ?? [x.shape[1], x.shape[2]];
  if (typeof height !== 'number' || typeof width !== 'number') throw new OptionError(where, 'size', size, 'given where the size of the input is not known');

  const seen = localisation(x);
  const flat = seen.shape.length > 2 ? flatten(seen) : seen;
  const identity = IDENTITY[transform];
  const theta = dense(flat, { units: identity.length, kernelInitializer: 'zeros', biasInitializer: identity, name: at('theta') });
  return gridSample(x, affineGrid(theta, { size: [height, width], alignCorners, name: at('grid') }), { padding, alignCorners, name });
}
