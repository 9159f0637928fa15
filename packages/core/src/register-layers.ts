import { serialization } from '@tensorflow/tfjs-core';
import { ActivationLayer } from './activation.js';
import { BatchNormLayer } from './batch-norm.js';
import { ChannelGateLayer } from './channel-gate.js';
import { ChannelShuffleLayer, PadChannelsLayer, SliceChannelsLayer } from './channels.js';
import { ConvTranspose2dLayer } from './conv-transpose2d.js';
import { Conv2dLayer } from './conv2d.js';
import { DenseLayer } from './dense.js';
import { DepthwiseConv2dLayer } from './depthwise-conv2d.js';
import { GlobalAveragePoolLayer, GlobalMaxPoolLayer } from './global-pool.js';
import { LocalResponseNormLayer } from './local-response-norm.js';
import { AdaptiveAvgPoolLayer, AvgPoolLayer, MaxPoolLayer } from './pool-layers.js';
import { ReduceChannelsLayer } from './reduce-channels.js';
import { ResizeNearestLayer } from './resize-nearest.js';
import { ResizeBilinearLayer } from './resize.js';
import { StochasticDepthLayer } from './stochastic-depth.js';
import { StochasticPoolLayer } from './stochastic-pool.js';
import { WeightedSumLayer } from './weighted-sum.js';

/** Every layer class of this package. */
export const coreLayers = [
  Conv2dLayer, ConvTranspose2dLayer, DepthwiseConv2dLayer, BatchNormLayer, MaxPoolLayer, AvgPoolLayer, StochasticPoolLayer, AdaptiveAvgPoolLayer, GlobalAveragePoolLayer, GlobalMaxPoolLayer,
  ChannelShuffleLayer, SliceChannelsLayer, PadChannelsLayer, ReduceChannelsLayer, ResizeBilinearLayer, ResizeNearestLayer, WeightedSumLayer, ChannelGateLayer, LocalResponseNormLayer, DenseLayer, ActivationLayer, StochasticDepthLayer,
] as const;

/** Makes tf.loadLayersModel know these layers. Call it once before loading a saved model; importing registers nothing. */
export function registerLayers(): void {
  for (const layer of coreLayers) serialization.registerClass(layer as unknown as serialization.SerializableConstructor<serialization.Serializable>);
}
