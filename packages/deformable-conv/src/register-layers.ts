import { registerLayers as registerCoreLayers } from '@convkit/core';
import { serialization } from '@tensorflow/tfjs-core';
import { DeformableConv2dLayer } from './deformable-conv2d-layer.js';
import { ScaleGradientLayer } from './scale-gradient.js';

/** Makes tf.loadLayersModel know the layers of this package and of @convkit/core. Call it once before loading a saved model. */
export function registerLayers(): void {
  registerCoreLayers();
  for (const layer of [DeformableConv2dLayer, ScaleGradientLayer]) {
    serialization.registerClass(layer as unknown as serialization.SerializableConstructor<serialization.Serializable>);
  }
}
