import { registerLayers as registerCoreLayers } from '@convkit/core';
import { serialization } from '@tensorflow/tfjs-core';
import { ChannelNormLayer } from './channel-norm.js';

/** Makes tf.loadLayersModel know the layers of this package and of @convkit/core. Call it once before loading a saved model. */
export function registerLayers(): void {
  registerCoreLayers();
  serialization.registerClass(ChannelNormLayer as unknown as serialization.SerializableConstructor<serialization.Serializable>);
}
