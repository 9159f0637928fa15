/** The passes keep what every family's small variant predicts, and what every block does. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import type { OpKind } from '@convkit/core';
import { CompiledModel, EXPORT_PASSES, INFERENCE_PASSES, optimize, trace, type Graph, type Pass } from '@convkit/graph';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { contractInput, contractModel, difference } from './contract.js';
import { DESCRIPTORS } from './descriptors.js';

beforeAll(() => tf.setBackend('wasm'));

const LISTS: readonly (readonly [string, readonly Pass[]])[] = [['INFERENCE_PASSES', INFERENCE_PASSES], ['EXPORT_PASSES', EXPORT_PASSES]];

/** Random statistics too: with those of a new model, a batch norm is nearly the identity. */
function randomised(network: LayersModel): LayersModel {
  tf.tidy(() => network.setWeights(network.getWeights().map((weight, i) => (weight.rank > 1 ? weight : tf.randomUniform(weight.shape, 0.3, 1.2, 'float32', i + 1)))));
  return network;
}

function expectSame(network: LayersModel, x: tf.Tensor, passes: readonly Pass[]): void {
  const before = tf.memory().numTensors;
  const program = new CompiledModel(optimize(trace(network), passes));
  expect(tf.tidy(() => difference(program.predict(x) as tf.Tensor, network.predict(x) as tf.Tensor))).toBeLessThan(1e-5);
  program.dispose();
  expect(tf.memory().numTensors, 'no tensor is left').toBe(before);
}

describe.each(LISTS)('%s', (_, passes) => {
  test.each(zoo.list({ tiny: true }).filter(({ params }) => params === undefined).map(({ id }) => id))('keep what %s predicts', (id) => {
    const network = randomised(zoo.get(id).build({ seed: 1 }));
    const x = tf.randomNormal([2, ...zoo.get(id).input], 0, 1, 'float32', 3);
    expectSame(network, x, passes);
    network.dispose();
    x.dispose();
  });

  test.each(DESCRIPTORS.map((descriptor) => [`${descriptor.exported}: ${descriptor.title}`, descriptor] as const))('keep what %s does', (__, descriptor) => {
    const network = contractModel(descriptor);
    const x = contractInput(descriptor);
    expectSame(network, x, passes);
    network.dispose();
    x.dispose();
  });
});

describe('channel shuffles of the full networks', () => {
  const left = (id: string, passes: readonly Pass[]) => {
    const network = zoo.get(id).build({ initialWeights: 'zeros' });
    const graph = trace(network);
    network.dispose();
    const count = (of: Graph, kind: OpKind) => of.nodes.filter((node) => node.kind === kind).length;
    const rewritten = optimize(graph, passes);
    return { before: count(graph, 'channelShuffle'), shuffles: count(rewritten, 'channelShuffle'), copies: count(rewritten, 'take') };
  };
  const rows = zoo.list().filter(({ family, params }) => family.startsWith('shufflenet') && params !== undefined);

  test.each(rows.map(({ id, family }) => [id, family] as const))('%s', (id, family) => {
    const exported = left(id, EXPORT_PASSES);
    const inferred = left(id, INFERENCE_PASSES);
    expect(exported.shuffles + inferred.copies, 'a copy is made where it is quick, a shuffle where that is').toBe(0);
    // Version 1 needs its channels of other groups: one copy a shuffle. Version 2 reads slices, but where a stage begins with
    // two branches that are not alike, as the authors have it.
    const most = family === 'shufflenet-v1' ? exported.before : id.endsWith('_megvii') ? 3 : 0;
    expect(exported.copies).toBeLessThanOrEqual(most);
    // In TensorFlow.js the last shuffle of a stage is read by convolutions only.
    expect(inferred.before - inferred.shuffles).toBe(family === 'shufflenet-v1' ? 0 : 3);
  });
});
