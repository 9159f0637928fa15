/**
 * A network that straightens what it sees: Jaderberg, Simonyan, Zisserman and Kavukcuoglu, "Spatial Transformer Networks"
 * (arXiv 1506.02025), section 3. A localisation network reads a map from the image, affine or a
 * thin-plate spline, and the image is sampled there.
 */
import { dense, flatten, layerLabel, layersUnder, option, OptionError, readOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { affineGrid } from './affine-grid.js';
import { gridSample, samplingEntries, type GridSampleOptions } from './grid-sample.js';
import { controlPositions } from './thin-plate.js';
import { thinPlateGrid } from './thin-plate-grid.js';

/** From an image to what the map is read from: images or a flat batch. */
export type Localisation = (x: SymbolicTensor) => SymbolicTensor;

export interface SpatialTransformerOptions extends Omit<GridSampleOptions, 'trainable'> {
  /** What the last dense layer reads, made from the image by any layers. */
  localisation: Localisation;
  /**
   * 'affine' has six numbers; 'attention' a scale and a shift: it looks at a part of the image, upright; 'thinPlate' the
   * places of control points, between which the image bends. Default 'affine'.
   */
  transform?: (typeof TRANSFORMS)[number];
  /** Of 'thinPlate': rows and columns of the control points, at least 2 each; one integer for both. Default 4. */
  controlPoints?: number | [number, number];
  /** Height and width of the output, one integer for both. Default: those of x. */
  size?: number | [number, number];
  /** Name of the dense layer that says the map. Default: `theta` below the block's name. */
  thetaName?: string;
}

const TRANSFORMS = ['affine', 'attention', 'thinPlate'] as const;

const entries = {
  ...samplingEntries,
  name: option.optional(option.text()),
  localisation: option.function<Localisation>(),
  transform: option.withDefault(option.oneOf(TRANSFORMS), 'affine'),
  controlPoints: option.optional(option.pair(2)),
  size: option.optional(option.pair(1)),
  thetaName: option.optional(option.text()),
} as const;

/** The map that changes nothing, which the last layer's bias starts from. */
function identityOf(transform: (typeof TRANSFORMS)[number], controls: readonly [number, number]): readonly number[] {
  if (transform === 'thinPlate') return controlPositions(controls).flat();
  return transform === 'affine' ? [1, 0, 0, 0, 1, 0] : [1, 0, 0];
}

/**
 * An image, moved by what a network sees in it: theta = dense(localisation(x)), y = gridSample(x, grid of theta).
 * [N, H, W, C] -> [N, size, C]. The dense layer starts with weights 0 and the identity as its bias, and so the block as a resize
 * without smoothing (at the image's own size, as the identity).
 * Layers below the block's name: `theta` and `grid`; the sampler has the name itself. The localisation's layers have theirs.
 * @throws OptionError for impossible options, and without `size` for images of unknown size.
 */
export function spatialTransformer(x: SymbolicTensor, options: SpatialTransformerOptions): SymbolicTensor {
  const where = layerLabel('spatialTransformer', options?.name);
  const { localisation, transform, controlPoints, size, padding, alignCorners, name, thetaName } = readOptions(where, entries, options);
  if (controlPoints !== undefined && transform !== 'thinPlate') throw new OptionError(where, 'controlPoints', controlPoints, 'absent unless transform is thinPlate');
  const controls = controlPoints ?? [4, 4];
  const at = layersUnder(name);
  const [height, width] = size ?? [x.shape[1], x.shape[2]];
  if (typeof height !== 'number' || typeof width !== 'number') throw new OptionError(where, 'size', size, 'given where the size of the input is not known');

  const seen = localisation(x);
  const flat = seen.shape.length > 2 ? flatten(seen) : seen;
  const identity = identityOf(transform, controls);
  const theta = dense(flat, { units: identity.length, kernelInitializer: 'zeros', biasInitializer: [...identity], name: thetaName ?? at('theta') });
  const gridOptions = { size: [height, width] as [number, number], alignCorners, name: at('grid') };
  const grid = transform === 'thinPlate' ? thinPlateGrid(theta, { ...gridOptions, controlPoints: controls }) : affineGrid(theta, gridOptions);
  return gridSample(x, grid, { padding, alignCorners, name });
}
