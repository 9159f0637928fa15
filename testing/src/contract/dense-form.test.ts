/** Every family's classifier has a fully convolutional form: at its own size what the network says, on larger images a map. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { denseForm } from '@convkit/evaluation';
import { compile } from '@convkit/graph';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { difference } from './contract.js';

beforeAll(() => tf.setBackend('wasm'));

const ROWS = zoo.list({ tiny: true });

test.each(ROWS.filter(({ params }) => params === undefined).map(({ id }) => id))('%s, slid over an image of its own size, says the same to 1e-5', (id) => {
  const network = zoo.get(id).build({ seed: 1 });
  const x = tf.randomNormal([2, ...zoo.get(id).input], 0, 1, 'float32', 3);
  const program = compile(denseForm(network).graph);
  const off = tf.tidy(() => {
    const [logits, map] = [network.predict(x) as tf.Tensor, program.predict(x) as tf.Tensor];
    expect(map.shape).toEqual([2, 1, 1, logits.shape[1]]);
    return difference(tf.reshape(map, logits.shape), logits);
  });
  expect(off).toBeLessThan(1e-5);
  program.dispose();
  network.dispose();
  x.dispose();
});

/** What has no such form, and the layer that says so. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  // Distances to codes are no dense layer.
  lenet5_1998: /layer "fc3" of class ConvkitRadialBasis has no dense form/,
  // What looks for the object in the whole image has dense layers of its own.
  stn_mnist: /layer "fc_loc\.flatten" of class Flatten takes images of one size only/,
  stn_tiny: /layer "fc_loc\.flatten" of class Flatten takes images of one size only/,
};

/** The first and the last of every family, and what is refused: the ways to end are few. */
const SOME = ROWS.filter(({ id, family }) => Object.hasOwn(REFUSED, id) || [0, -1].some((at) => ROWS.filter((row) => row.family === family).at(at)?.id === id));

test.each(SOME.map(({ id }) => id))('%s answers at every stride of a larger image, or says which layer cannot', (id) => {
  const network = zoo.get(id).build({ initialWeights: 'zeros' });
  const [height, width, channels] = zoo.get(id).input;
  const larger = () => {
    const { strides } = denseForm(network);
    return denseForm(network, { inputShape: [height + 2 * strides[0], width + strides[1], channels] });
  };
  const refused = REFUSED[id];
  if (refused === undefined) expect(larger().positions).toEqual([3, 2]);
  else expect(larger).toThrow(refused);
  network.dispose();
});
