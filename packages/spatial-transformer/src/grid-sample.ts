import { gridSample2d, imageShape, layerEntries, layerLabel, option, OptionError, readOptions, type GridSampleAttributes, type LayerOptions, type Lowering, type Value } from '@convkit/core';
import type * as tf from '@tensorflow/tfjs-core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface GridSampleOptions extends LayerOptions {
  /** What lies outside the image: zeros, its border repeated, or its reflection. Default 'zeros'. */
  padding?: GridSampleAttributes['padding'];
  /** Whether -1 and 1 are the centres of the outermost pixels; otherwise their outer edges. Default false, as in torch since 1.3. */
  alignCorners?: boolean;
}

/** Entries of {@link GridSampleOptions} without a layer's own. */
export const samplingEntries = {
  padding: option.withDefault(option.oneOf(['zeros', 'border', 'reflection']), 'zeros'),
  alignCorners: option.withDefault(option.boolean(), false),
} as const;

type Shape = (number | null)[];

/**
 * Bilinear samples of [x, grid]: images [N, H, W, C] at the positions [N, H', W', 2], (x, y) from -1 to 1. -> [N, H', W', C].
 * See `gridSample2d` of core.
 * @throws OptionError for impossible options and inputs of other shapes.
 */
export class GridSampleLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitGridSample';
  private readonly config: GridSampleAttributes;

  constructor(options: GridSampleOptions = {}) {
    const { padding, alignCorners, ...base } = readOptions(layerLabel('gridSample', options?.name), { ...layerEntries, ...samplingEntries }, options);
    super(base);
    this.config = { padding, alignCorners };
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const where = layerLabel('gridSample', this.name);
    if (!Array.isArray(inputShape[0]) || inputShape.length !== 2) throw new OptionError(where, 'inputs', inputShape, 'two tensors, [x, grid]');
    const [x, grid] = (inputShape as Shape[]).map((shape) => imageShape(where, shape)) as [ReturnType<typeof imageShape>, ReturnType<typeof imageShape>];
    if (grid[3] !== 2) throw new OptionError(where, 'grid', grid, "[N, H', W', 2], (x, y) from -1 to 1");
    return [x[0], grid[1], grid[2], x[3]];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x, grid] = inputs as [tf.Tensor4D, tf.Tensor4D];
    return gridSample2d(x, grid, this.config);
  }

  lower(g: Lowering, [x, grid]: readonly [Value, Value]): Value {
    return g.op('gridSample', [x, grid], this.config);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config };
  }
}

/** Bilinear samples of an image at the positions of a grid, both symbolic. See {@link GridSampleLayer}. */
export function gridSample(x: SymbolicTensor, grid: SymbolicTensor, options: GridSampleOptions = {}): SymbolicTensor {
  return new GridSampleLayer(options).apply([x, grid]) as SymbolicTensor;
}
