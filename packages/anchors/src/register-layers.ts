import { registerLayers as registerCoreLayers } from '@convkit/core';
import { serialization } from '@tensorflow/tfjs-core';
import { DecodedBoxesLayer } from './decoded-boxes.js';
import { RoiAlignLayer } from './roi-align.js';
import { RoiPoolLayer } from './roi-pool.js';
import { NonMaxSuppressionLayer } from './suppress-boxes.js';

/** Makes tf.loadLayersModel know the layers of this package and of @convkit/core. Call it once before loading a saved model. */
export function registerLayers(): void {
  registerCoreLayers();
  for (const layer of [DecodedBoxesLayer, NonMaxSuppressionLayer, RoiAlignLayer, RoiPoolLayer]) {
    serialization.registerClass(layer as unknown as serialization.SerializableConstructor<serialization.Serializable>);
  }
}
