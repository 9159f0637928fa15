import { registerLayers as registerCore } from '@convkit/core';
import { registerLayers as registerDeformable } from '@convkit/deformable-conv';

/** Makes tf.loadLayersModel know the layers of every family. Call it once before loading a saved model; importing registers nothing. */
export function registerLayers(): void {
  for (const register of [registerCore, registerDeformable]) register();
}
