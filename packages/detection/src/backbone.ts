import { closest, OptionError, type BuildOptions, type ImageShape } from '@convkit/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';

/**
 * What gives a detector its feature maps: any tf.LayersModel, or what builds one with named taps (`zoo.get('mobilenet_v2')`, or
 * `{ build: (options) => mobilenetV2.build('mobilenet_v2', options) }`).
 */
export type Backbone = LayersModel | { build(options: BuildOptions): LayersModel };

export interface BackboneOptions {
  /** Its weights become the detector's, they are not copied. */
  backbone: Backbone;
  /**
   * Where the maps are tapped, from large to small: names of taps for something that builds, names of layers for a model. Default for
   * a model: its outputs.
   */
  features?: readonly string[] | undefined;
  /** [H, W, C], for something that builds. Default: its own. */
  inputShape?: ImageShape | undefined;
  /** For something that builds. Default 'random'. */
  initialWeights?: 'random' | 'zeros' | undefined;
  seed?: number | undefined;
}

const isModel = (backbone: Backbone): backbone is LayersModel => 'layers' in backbone && Array.isArray(backbone.layers);

/** What a layer gives where it stands in this model. */
function layerOutput(where: string, model: LayersModel, name: string): SymbolicTensor {
  const layer = model.layers.find((candidate) => candidate.name === name);
  if (layer === undefined) {
    const near = closest(name, model.layers.map((candidate) => candidate.name));
    throw new OptionError(where, 'features', name, `names of layers of "${model.name}"`, near === undefined ? '' : `Did you mean ${near}?`);
  }
  const { output } = layer;
  if (Array.isArray(output)) throw new OptionError(where, 'features', name, 'layers with one output');
  return output;
}

/** The input of a backbone and the maps it is tapped at. @throws OptionError where these are no images of falling size. */
export function backboneMaps(where: string, { backbone, features, inputShape, initialWeights, seed }: BackboneOptions): { x: SymbolicTensor; maps: SymbolicTensor[] } {
  if (typeof backbone !== 'object' || backbone === null || !(isModel(backbone) || 'build' in backbone)) throw new OptionError(where, 'backbone', backbone, 'a tf.LayersModel or { build(options) => tf.LayersModel }');
  if (isModel(backbone) && inputShape !== undefined) throw new OptionError(where, 'inputShape', inputShape, 'left out for a model, which has its own');
  if (!isModel(backbone) && features === undefined) throw new OptionError(where, 'features', features, 'a list of feature taps');
  const model = isModel(backbone) ? backbone : backbone.build({
    features: features ?? [],
    ...(inputShape === undefined ? {} : { inputShape }), ...(initialWeights === undefined ? {} : { initialWeights }), ...(seed === undefined ? {} : { seed }),
  });
  const maps = isModel(backbone) && features !== undefined ? features.map((name) => layerOutput(where, model, name)) : [...model.outputs];
  for (const { shape } of maps) {
    if (shape.length !== 4 || shape.slice(1).includes(null)) throw new OptionError(where, 'backbone', shape, 'a network whose taps are [N, H, W, C] with a known H, W and C');
  }
  const [x] = model.inputs;
  if (x === undefined || model.inputs.length !== 1) throw new OptionError(where, 'backbone', model.inputs.length, 'a network with one input');
  return { x, maps };
}
