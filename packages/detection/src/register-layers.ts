import { registerLayers as registerAnchorLayers } from '@convkit/anchors';
import { serialization } from '@tensorflow/tfjs-core';
import { ChannelNormLayer } from './channel-norm.js';

/** Makes tf.loadLayersModel know the layers of this package, of @convkit/anchors and of @convkit/core. Call it once before loading a saved model. */
export function registerLayers(): void {
  registerAnchorLayers();
  serialization.registerClass(ChannelNormLayer as unknown as serialization.SerializableConstructor<serialization.Serializable>);
}
