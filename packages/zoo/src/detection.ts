/** Detectors whose backbone is a name. An entry of its own: who takes models by name alone loads no detector. */
import { registerLayers as registerDetection, retinanet as retinanetOn, ssd as ssdOn, type Backbone, type Detector, type RetinanetOptions, type SsdOptions } from '@convkit/detection';
import { registerLayers as registerZoo } from './register-layers.js';
import { zoo } from './zoo.js';

/** A detector's options, with a name that `zoo.get` knows for a backbone too. */
export type ByName<Options extends { backbone: Backbone }> = Omit<Options, 'backbone'> & { backbone: Backbone | string };

/** The same builder, which looks names up. */
function byName<Options extends { backbone: Backbone }>(build: (options: Options) => Detector) {
  return (options: ByName<Options>): Detector => build((typeof options?.backbone === 'string' ? { ...options, backbone: zoo.get(options.backbone) } : options) as Options);
}

/**
 * SSD by the name of its backbone: `ssd({ backbone: 'mobilenet_v2', features: ['features.13', 'features.18'], classes: 20 })`. All else is
 * `ssd` of @convkit/detection.
 * @throws OptionError for a name that the zoo does not know, with the nearest one, and as that does.
 */
export const ssd = byName<SsdOptions>(ssdOn);

/** RetinaNet by the name of its backbone, otherwise `retinanet` of @convkit/detection. @throws OptionError as {@link ssd} does. */
export const retinanet = byName<RetinanetOptions>(retinanetOn);

/** Makes tf.loadLayersModel know the layers of every family and of detectors. Call it once before loading a saved detector. */
export function registerLayers(): void {
  registerZoo();
  registerDetection();
}
