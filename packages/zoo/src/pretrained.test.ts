import '@tensorflow/tfjs-backend-wasm';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OptionError } from '@convkit/core';
import { resnet } from '@convkit/resnet';
import { fixtureStream, fixtureTensor, fromNchw, relativeError } from '@convkit/testing';
import { loadStateDict, stateDict, StateDictError } from '@convkit/weights';
import { loadPretrained as loadInto, saveSafetensorsFile } from '@convkit/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { zoo } from './index.js';
import { loadPretrained } from './node.js';

let folder: string;
beforeAll(() => tf.setBackend('wasm'));
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'convkit-zoo-')); });
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  expect(tf.memory().numTensors).toBe(0);
});

/** What make_fixtures.py of @convkit/weights wrote with PyTorch, torchvision, timm and Python's safetensors. */
const fixture = (name: string) => new URL(`../../weights/fixtures/${name}`, import.meta.url);
const readJson = <T>(name: string) => JSON.parse(readFileSync(fixture(name), 'utf8')) as T;
type Shape = [number, number, number, number];

/** Largest error of the logits for the fixtures' input, by the largest logit. */
function errorOf(model: LayersModel, inputShape: Shape, logits: number[][]): number {
  return tf.tidy(() => relativeError([...(model.predict(fromNchw(fixtureStream('input', inputShape), inputShape)) as tf.Tensor).dataSync()], logits.flat()));
}

describe('a file that Python wrote', () => {
  it('of torchvision\'s ResNet gives torchvision\'s logits', async () => {
    const { input_shape, logits } = readJson<{ input_shape: Shape; logits: number[][] }>('tiny-resnet.json');
    const model = resnet.build({ stem: 'imagenet', block: 'basic', depths: [1, 1, 1, 1], width: 4 }, { classes: 10, inputShape: [64, 64, 3], initialWeights: 'zeros' });
    const report = await loadInto(model, { from: fixture('tiny-resnet.safetensors').pathname });
    expect(report).toMatchObject({ loaded: { length: 62 }, notes: [], warnings: [] });
    expect(report.ignored.every((name) => name.endsWith('.num_batches_tracked'))).toBe(true);
    expect(errorOf(model, input_shape, logits)).toBeLessThan(1e-4);
    model.dispose();
  });
});

describe('timm\'s names find torchvision\'s layers', () => {
  type Reference = { model: string; input_shape: Shape; params: [string, number[]][]; logits: number[][] };
  // As safetensors has them: sorted by name, not in the order of the network.
  const entriesOf = ({ params }: Reference) =>
    params.map(([name, shape]) => ({ name, shape, values: shape.length === 0 ? new Float32Array(1) : fixtureTensor(name, shape) })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const build = (name: string) => zoo.get(name).build({ classes: 10, inputShape: [64, 64, 3], initialWeights: 'zeros' });

  it.each([['timm-mobilenetv2.json', 'mobilenet_v2_x0_35'], ['timm-efficientnet.json', 'efficientnet_b0']])('%s gives timm\'s logits', (file, name) => {
    const reference = readJson<Reference>(file);
    const model = build(name);
    expect(loadStateDict(model, entriesOf(reference))).toMatchObject({ notes: ["the names are timm's, matched with the model's"], warnings: [] });
    expect(errorOf(model, reference.input_shape, reference.logits)).toBeLessThan(1e-4);
    model.dispose();
  });

  it('MobileNetV3 is loaded with a warning: torchvision has another epsilon', () => {
    const reference = readJson<Reference>('timm-mobilenetv3.json');
    const model = build('mobilenet_v3_small');
    expect(loadStateDict(model, entriesOf(reference)).warnings).toEqual(["timm trained with a batch-norm epsilon of 1e-5, the model has 0.001: outputs differ a little from timm's"]);
    const error = errorOf(model, reference.input_shape, reference.logits);
    expect(error).toBeGreaterThan(1e-4);
    expect(error).toBeLessThan(0.1);
    model.dispose();
  });

  it('of another width are an error with the shapes', () => {
    const model = build('mobilenet_v2_x0_5');
    expect(() => loadStateDict(model, entriesOf(readJson<Reference>('timm-mobilenetv2.json')))).toThrow(/wrong shape \(\d+\): blocks\.\d/);
    model.dispose();
  });
});

describe('loadPretrained', () => {
  const saved = async (name = 'resnet_tiny', options = {}) => {
    const model = zoo.get(name).build({ seed: 5, ...options });
    const path = join(folder, `${name}.safetensors`);
    await saveSafetensorsFile(model, path);
    const weights = stateDict(model);
    model.dispose();
    return { path, weights };
  };

  it('builds a network by its name and loads what was saved', async () => {
    const { path, weights } = await saved();
    const { model, loaded } = await loadPretrained('resnet_tiny', { from: path });
    expect(stateDict(model)).toEqual(weights);
    expect(loaded).toHaveLength(weights.length);
    model.dispose();
  });

  it('builds with other classes and channels when asked to, the new classifier at random', async () => {
    const { path } = await saved('mobilenet_v1_tiny', { inputShape: [28, 28, 3] });
    const { model, kept, notes } = await loadPretrained('mobilenet_v1_tiny', { from: path, classes: 3, inputShape: [28, 28, 1], head: 'skip', inputChannels: 'sum', seed: 1 });
    expect(model.outputShape).toEqual([null, 3]);
    expect(notes).toEqual([expect.stringContaining("3 input channels became 1 by 'sum'")]);
    const classifier = stateDict(model).filter(({ name }) => kept.includes(name));
    expect(classifier.map(({ shape }) => shape[0])).toEqual([3, 3]);
    expect(classifier[0]!.values.some((value) => value !== 0)).toBe(true);
    model.dispose();
  });

  it('frees the model of a load that fails', async () => {
    const { path } = await saved();
    await expect(loadPretrained('resnet_tiny', { from: path, classes: 7 })).rejects.toThrow(StateDictError);
    await expect(loadPretrained('resnet_tiny', { from: join(folder, 'none.safetensors') })).rejects.toMatchObject({ code: 'ERR_WEIGHTS_SOURCE' });
    await expect(loadPretrained('resnet_tniy', { from: path })).rejects.toThrow(/Did you mean resnet_tiny\?/);
    await expect(loadPretrained('resnet_tiny', { from: path, heads: 'skip' } as never)).rejects.toThrow(OptionError);
    await expect(loadPretrained('resnet_tiny', undefined as never)).rejects.toThrow(/loadPretrained: from must be a non-empty string, got nothing/);
  });
});

/** Loads nothing twice: what is listed must be saved and loaded by its own names, whatever else a network has. */
it.each(zoo.list({ tiny: true }).filter(({ params }) => params === undefined).map(({ id }) => id))('%s goes through a safetensors file bit for bit', async (id) => {
  const model = zoo.get(id).build({ seed: 2 });
  const path = join(folder, 'net.safetensors');
  await saveSafetensorsFile(model, path);
  const { model: again } = await loadPretrained(id, { from: path });
  expect(stateDict(again)).toEqual(stateDict(model));
  for (const net of [model, again]) net.dispose();
});
