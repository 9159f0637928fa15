import type { BuildOptions } from '@convkit/core';
import { loadPretrained as loadInto, type LoadPretrainedOptions as WeightsOptions, type PretrainedReport } from '@convkit/weights/node';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { zoo } from './zoo.js';

/** Where the weights are and what is done with them, and how the model is built. */
export interface LoadPretrainedOptions extends WeightsOptions, BuildOptions {}

/** A model with its weights, and what was loaded. */
export interface Pretrained extends PretrainedReport {
  readonly model: LayersModel;
}

const BUILD_OPTIONS: Readonly<Record<keyof BuildOptions, true>> = {
  classes: true, inputShape: true, includeTop: true, features: true, auxiliary: true, initialWeights: true, seed: true, dropout: true, name: true,
};

/**
 * Builds a network of the zoo and loads trained weights into it: `loadPretrained('resnet50', { from: 'resnet50.safetensors' })`.
 * `from` is a file, an address or a hub id; the weights' names are torchvision's, timm's or pytorchcv's as the layers' are.
 * @throws OptionError for an unknown name or option; PretrainedError, SafetensorsError and StateDictError as loading throws them.
 */
export async function loadPretrained(name: string, options: LoadPretrainedOptions): Promise<Pretrained> {
  const { build } = zoo.get(name);
  const isBuilding = ([key]: [string, unknown]) => Object.hasOwn(BUILD_OPTIONS, key);
  const given = Object.entries(options ?? {});
  // A classifier that is not loaded starts as that of a new network.
  const initialWeights = options?.head === 'skip' ? 'random' : 'zeros';
  const model = build({ initialWeights, ...Object.fromEntries(given.filter(isBuilding)) });
  try {
    const report = await loadInto(model, Object.fromEntries(given.filter((entry) => !isBuilding(entry))) as unknown as WeightsOptions);
    return { ...report, model };
  } catch (error) {
    model.dispose();
    throw error;
  }
}
