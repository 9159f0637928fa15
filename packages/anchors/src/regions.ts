import { layerLabel, OptionError, type Lowering, type OpAttributes, type Value } from '@convkit/core';
import type * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';

type Shape = (number | null)[];

/**
 * Corners, four numbers each, and images of regions [R, 5]: image, x1, y1, x2, y2.
 * @throws OptionError for another shape, coordinates that are not finite, and images that do not exist.
 */
export function readRegions(where: string, regions: tf.Tensor2D, [images]: readonly number[]): { corners: Float32Array; images: Int32Array } {
  if (regions.rank !== 2 || regions.shape[1] !== 5) throw new OptionError(where, 'regions', regions.shape, '[R, 5]: image, x1, y1, x2, y2');
  const values = regions.dataSync();
  const which = Int32Array.from({ length: regions.shape[0] }, (_, r) => {
    const region = [...values.subarray(5 * r, 5 * r + 5)];
    const [image] = region as [number];
    if (!region.every(Number.isFinite)) throw new OptionError(where, 'regions', region, `finite (number ${r})`);
    if (!Number.isInteger(image) || image < 0 || image >= (images as number)) throw new OptionError(where, 'regions', image, `in one of the ${images} images (number ${r})`);
    return image;
  });
  return { corners: (values as Float32Array).filter((_, i) => i % 5 !== 0), images: which };
}

/** What layers of [x, boxes] share: x [N, H, W, C], boxes [N, R, 4] -> [N, R, outputSize, C], by the op of their kind. The boxes are constant. */
export abstract class RegionLayer<Kind extends 'roiAlign' | 'roiPool'> extends layers.Layer {
  constructor(private readonly kind: Kind, protected readonly config: OpAttributes[Kind], base: ConstructorParameters<typeof layers.Layer>[0]) {
    super(base);
  }

  /** @throws OptionError for inputs of other shapes. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const where = layerLabel(this.kind, this.name);
    if (!Array.isArray(inputShape[0]) || inputShape.length !== 2) throw new OptionError(where, 'inputs', inputShape, 'two tensors, [x, boxes]');
    const [x, boxes] = inputShape as [Shape, Shape];
    const channels = x[3];
    if (x.length !== 4 || typeof channels !== 'number') throw new OptionError(where, 'x', x, 'an image batch [N, H, W, C] with a known number of channels');
    if (boxes.length !== 3 || boxes[2] !== 4 || typeof boxes[1] !== 'number') throw new OptionError(where, 'boxes', boxes, '[N, R, 4] with a known R: x1, y1, x2, y2');
    return [x[0] ?? null, boxes[1], ...this.config.outputSize, channels];
  }

  lower(g: Lowering, [x, boxes]: readonly [Value, Value]): Value {
    return g.op(this.kind, [x, g.op('scaleGradient', [boxes], { factor: 0 })], this.config);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.config, outputSize: [...this.config.outputSize] };
  }
}
