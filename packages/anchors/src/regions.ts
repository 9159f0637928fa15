import { OptionError } from '@convkit/core';
import type * as tf from '@tensorflow/tfjs-core';

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

/** The shape of what a layer of [x, boxes] pools: [N, R, outputSize, C]. @throws OptionError for inputs of other shapes. */
export function pooledShape(where: string, inputShape: Shape | Shape[], outputSize: readonly [number, number]): Shape {
  if (!Array.isArray(inputShape[0]) || inputShape.length !== 2) throw new OptionError(where, 'inputs', inputShape, 'two tensors, [x, boxes]');
  const [x, boxes] = inputShape as [Shape, Shape];
  const channels = x[3];
  if (x.length !== 4 || typeof channels !== 'number') throw new OptionError(where, 'x', x, 'an image batch [N, H, W, C] with a known number of channels');
  if (boxes.length !== 3 || boxes[2] !== 4 || typeof boxes[1] !== 'number') throw new OptionError(where, 'boxes', boxes, '[N, R, 4] with a known R: x1, y1, x2, y2');
  return [x[0] ?? null, boxes[1], ...outputSize, channels];
}
