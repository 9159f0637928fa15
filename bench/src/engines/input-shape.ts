import type { LayersModel } from '@tensorflow/tfjs-layers';

/** Height, width and channels that the model takes. Throws when one of them is not fixed. */
export function inputShapeOf(model: LayersModel): number[] {
  const shape = model.inputs[0]?.shape.slice(1) ?? [];
  if (shape.length !== 3 || shape.some((size) => size === null)) {
    throw new Error(`load: the model's input must be a fixed [H, W, C], got [${shape.join(', ')}]`);
  }
  return shape as number[];
}
