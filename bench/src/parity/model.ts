import { loadStateDict } from '@convkit/weights';
import { ALIASES, zoo } from '@convkit/zoo';
import { fixtureName, fixtureStream, fixtureTensor, fromNchw } from '@convkit/testing';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Fixture } from './fixture.js';

/** Builds the network that a fixture names, with the fixture's weights. */
export function fixtureModel({ entry, input_shape, params }: Fixture, options: { dropout?: number } = {}): LayersModel {
  const { num_classes } = entry.kwargs;
  const [, channels, height, width] = input_shape;
  const model = zoo.get(fixtureName(entry, ALIASES)).build({
    inputShape: [height, width, channels],
    initialWeights: 'zeros',
    ...(typeof num_classes === 'number' ? { classes: num_classes } : {}),
    ...options,
  });
  loadStateDict(model, params.map(([name, shape]) => ({ name, shape, values: fixtureTensor(name, shape) })));
  return model;
}

/** The fixture's input as NHWC. */
export function fixtureInput({ input_shape }: Fixture): Tensor4D {
  return fromNchw(fixtureStream('input', input_shape), input_shape);
}
