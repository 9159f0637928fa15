import { registerLayers as registerCoreLayers } from '@convkit/core';
import { serialization } from '@tensorflow/tfjs-core';
import { DifferenceLayer } from './difference.js';
import { WhatPoolLayer, WherePoolLayer } from './pool-layers.js';
import { UnpoolLayer } from './unpool-layer.js';

/** Makes tf.loadLayersModel know the layers of this package and of @convkit/core. Call it once before loading a saved model. */
export function registerLayers(): void {
  registerCoreLayers();
  for (const layer of [DifferenceLayer, UnpoolLayer, WhatPoolLayer, WherePoolLayer]) {
    serialization.registerClass(layer as unknown as serialization.SerializableConstructor<serialization.Serializable>);
  }
}
