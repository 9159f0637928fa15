/** ONNX agrees with the model itself in onnxruntime: every block and layer, and the small variant of every family. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { toProgram } from '@convkit/onnx';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { onnxDifference } from './compiled.js';
import { contractInput, contractModel } from './contract.js';
import { DESCRIPTORS } from './descriptors.js';
import { TOLERANCES } from './tolerances.js';

async function expectAgreement(network: LayersModel, x: tf.Tensor): Promise<void> {
  const { error, left } = await onnxDifference(network, x);
  expect(error).toBeLessThan(TOLERANCES.onnxruntime.value);
  expect(left, 'no tensor is left').toBe(0);
}

beforeAll(() => tf.setBackend('wasm'));

describe('a block or layer as ONNX', () => {
  test.each(DESCRIPTORS.map((descriptor) => [`${descriptor.exported}: ${descriptor.title}`, descriptor] as const))('%s', async (_, descriptor) => {
    const network = contractModel(descriptor);
    const x = contractInput(descriptor);
    await expectAgreement(network, x);
    network.dispose();
    x.dispose();
  });
});

describe('the small variant of a family as ONNX', () => {
  const tiny = zoo.list({ tiny: true }).filter(({ params }) => params === undefined);

  test.each(tiny.map(({ id }) => id))('%s', async (id) => {
    const network = zoo.get(id).build({ seed: 1 });
    const x = tf.randomNormal([2, ...zoo.get(id).input], 0, 1, 'float32', 3);
    await expectAgreement(network, x);

    const { nodes } = await toProgram(network);
    const body = nodes.map(({ type }) => type);
    expect(body).not.toContain('BatchNormalization');
    expect(body.filter((type) => type === 'Transpose'), 'transposes stand at the borders only').toHaveLength(body[0] === 'Transpose' ? 1 : 0);
    network.dispose();
    x.dispose();
  });
});
