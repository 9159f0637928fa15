import { serialization } from '@tensorflow/tfjs-core';
import { ChannelConvolutionLayer } from './channel-convolution.js';

/** Makes tf.loadLayersModel know this package's layer, beside core's `registerLayers()`. Importing registers nothing. */
export function registerLayers(): void {
  serialization.registerClass(ChannelConvolutionLayer as unknown as serialization.SerializableConstructor<serialization.Serializable>);
}
