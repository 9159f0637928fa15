import type { BuildOptions } from '@convkit/core';
import { loadStateDict } from '@convkit/weights';
import { ALIASES, zoo } from '@convkit/zoo';
import { fixtureName, fixtureStream, fixtureTensor, fromNchw } from '@convkit/testing';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { NetworkFixture } from './fixture.js';

/** Arguments of the references' constructors that are fields of our specs. */
const SPEC_FIELDS: Readonly<Record<string, string>> = { stochastic_depth_prob: 'stochasticDepth' };

/** The builder of a fixture's network: the zoo's, or that of its spec with the fixture's arguments. */
function builderOf({ entry }: NetworkFixture): (options: BuildOptions) => LayersModel {
  const { spec, family, build } = zoo.get(fixtureName(entry, ALIASES));
  const edits = Object.entries(SPEC_FIELDS).filter(([argument]) => Object.hasOwn(entry.kwargs, argument)).map(([argument, field]) => [field, entry.kwargs[argument]] as const);
  const owner = zoo.families.find(({ id }) => id === family);
  return edits.length === 0 || owner === undefined ? build : (options) => owner.build({ ...spec, ...Object.fromEntries(edits) }, options);
}

/** Builds the network that a fixture names, with the fixture's weights. */
export function fixtureModel(fixture: NetworkFixture, options: { dropout?: number } = {}): LayersModel {
  const { entry, input_shape, params } = fixture;
  const { num_classes } = entry.kwargs;
  const [, channels, height, width] = input_shape;
  const model = builderOf(fixture)({
    inputShape: [height, width, channels],
    initialWeights: 'zeros',
    ...(typeof num_classes === 'number' ? { classes: num_classes } : {}),
    ...options,
  });
  loadStateDict(model, params.map(([name, shape]) => ({ name, shape, values: fixtureTensor(name, shape) })));
  return model;
}

/** The fixture's input as NHWC. */
export function fixtureInput({ input_shape }: NetworkFixture): Tensor4D {
  return fromNchw(fixtureStream('input', input_shape), input_shape);
}
