import { registerLayers as registerCoreLayers } from '@convkit/core';
import { serialization } from '@tensorflow/tfjs-core';
import { AffineGridLayer } from './affine-grid.js';
import { GridSampleLayer } from './grid-sample.js';
import { ThinPlateGridLayer } from './thin-plate-grid.js';

/** Makes tf.loadLayersModel know the layers of this package and of @convkit/core. Call it once before loading a saved model. */
export function registerLayers(): void {
  registerCoreLayers();
  for (const layer of [AffineGridLayer, GridSampleLayer, ThinPlateGridLayer]) {
    serialization.registerClass(layer as unknown as serialization.SerializableConstructor<serialization.Serializable>);
  }
}
