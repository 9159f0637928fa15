import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchNorm, conv2d, dense, globalAveragePool } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stateDict } from './index.js';
import { loadModel, loadPretrained, saveModel, saveSafetensorsFile } from './node.js';

let folder: string;
let model: tfl.LayersModel;
beforeEach(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'convkit-model-'));
  model = build();
  // Numbers that a detour over decimal text or float16 would change, and a zero with a sign.
  for (const weight of model.weights) weight.write(tf.tidy(() => tf.mul(tf.randomNormal(weight.shape as number[], 0, 1, 'float32', 3), 1e-20)));
  model.getLayer('fc').weights[1]!.write(tf.tensor1d([-0, 1.17549435e-38]));
});
afterEach(async () => {
  model.dispose();
  await rm(folder, { recursive: true, force: true });
});

function build(): tfl.LayersModel {
  const x = tfl.input({ shape: [5, 5, 3] });
  return tfl.model({ inputs: x, outputs: dense(globalAveragePool(batchNorm(conv2d(x, { filters: 4, kernelSize: 3, groups: 1, name: 'conv' }), { name: 'bn' }), {}), { units: 2, name: 'fc' }), name: 'net' });
}
const bits = (net: tfl.LayersModel) => stateDict(net).map(({ name, values }) => [name, [...new Uint32Array(values.buffer, values.byteOffset, values.length)]]);

it('a model saved as tfjs artifacts is the same model again, bit for bit', async () => {
  await expect(saveModel(model, join(folder, 'deep', 'net'))).resolves.toEqual([join(folder, 'deep', 'net', 'model.json'), join(folder, 'deep', 'net', 'weights.bin')]);
  expect((await readdir(join(folder, 'deep', 'net'))).sort()).toEqual(['model.json', 'weights.bin']);
  for (const path of [join(folder, 'deep', 'net'), join(folder, 'deep', 'net', 'model.json')]) {
    const again = await loadModel(path);
    expect(bits(again)).toEqual(bits(model));
    expect(again.layers.map(({ name }) => name)).toEqual(model.layers.map(({ name }) => name));
    again.dispose();
  }
});

it('and so is one saved as safetensors', async () => {
  const path = join(folder, 'net.safetensors');
  await saveSafetensorsFile(model, path, { metadata: { epoch: '3' } });
  const again = build();
  await loadPretrained(again, { from: path });
  expect(bits(again)).toEqual(bits(model));
  again.dispose();
});

it('saving over an older model replaces it', async () => {
  await saveModel(model, folder);
  const before = bits(model);
  model.getLayer('fc').weights[1]!.write(tf.tensor1d([5, 6]));
  await saveModel(model, folder);
  const again = await loadModel(folder);
  expect(bits(again)).not.toEqual(before);
  again.dispose();
});

it('notes that a user made stay', async () => {
  model.setUserDefinedMetadata({ epoch: 3 });
  await saveModel(model, folder);
  const again = await loadModel(folder);
  expect(again.getUserDefinedMetadata()).toMatchObject({ epoch: 3 });
  expect(JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')).userDefinedMetadata).toMatchObject({ epoch: 3 });
  again.dispose();
});

describe('a model folder that is damaged is refused', () => {
  const damage: [string, () => Promise<void>, object][] = [
    ['weights that are cut off', async () => writeFile(join(folder, 'weights.bin'), (await readFile(join(folder, 'weights.bin'))).subarray(0, 100)), { code: 'ERR_WEIGHTS_SIZE', message: expect.stringMatching(/the weights must have \d+ bytes, got 100 in "weights.bin"/) }],
    ['weights of another save', async () => writeFile(join(folder, 'weights.bin'), (await readFile(join(folder, 'weights.bin'))).reverse()), { code: 'ERR_WEIGHTS_CHANGED' }],
    ['no weights', () => rm(join(folder, 'weights.bin')), { code: 'ERR_WEIGHTS_READ' }],
    ['no model.json', () => rm(join(folder, 'model.json')), { code: 'ERR_WEIGHTS_READ' }],
    ['half a model.json', async () => writeFile(join(folder, 'model.json'), (await readFile(join(folder, 'model.json'))).subarray(0, 300)), { code: 'ERR_WEIGHTS_FORMAT' }],
    ['another JSON', () => writeFile(join(folder, 'model.json'), '[1]'), { code: 'ERR_WEIGHTS_FORMAT', message: expect.stringContaining('it has no modelTopology') }],
    ['weights elsewhere', async () => writeFile(join(folder, 'model.json'), (await readFile(join(folder, 'model.json'), 'utf8')).replace('"weights.bin"', '"../weights.bin"')), { code: 'ERR_WEIGHTS_SHARD' }],
  ];
  it.each(damage)('%s', async (_, spoil, expected) => {
    await saveModel(model, folder);
    await spoil();
    const error = await loadModel(folder).then(() => undefined, (reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'SafetensorsError', ...expected });
  });
});
