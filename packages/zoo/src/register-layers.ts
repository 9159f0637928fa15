import { registerLayers as registerClassic } from '@convkit/classic';
import { registerLayers as registerCore } from '@convkit/core';
import { registerLayers as registerDeformable } from '@convkit/deformable-conv';
import { registerLayers as registerSeBlock } from '@convkit/se-block';
import { registerLayers as registerSpatialTransformer } from '@convkit/spatial-transformer';

/** Makes tf.loadLayersModel know the layers of every family. Call it once before loading a saved model; importing registers nothing. */
export function registerLayers(): void {
  for (const register of [registerCore, registerClassic, registerDeformable, registerSeBlock, registerSpatialTransformer]) register();
}
