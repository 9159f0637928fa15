import '@tensorflow/tfjs-backend-cpu';
import { batchNorm, conv2d, dense, flatten, globalAveragePool, OptionError } from '@convkit/core';
import { fixtureTensor } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadStateDict, StateDictError, stateDict, type LoadStateDictOptions, type StateDictEntry } from './index.js';

const built: tfl.LayersModel[] = [];
function netOf({ channels = 3, classes = 10, name = 'conv1' } = {}): tfl.LayersModel {
  const x = tfl.input({ shape: [4, 4, channels] });
  const y = batchNorm(conv2d(x, { filters: 4, kernelSize: 3, useBias: false, name }), { name: 'bn1' });
  const model = tfl.model({ inputs: x, outputs: dense(globalAveragePool(y, {}), { units: classes, name: 'fc' }), name: 'net' });
  built.push(model);
  return model;
}
beforeEach(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  for (const model of built.splice(0)) model.dispose();
  expect(tf.memory().numTensors).toBe(0);
});

/** What PyTorch would have saved of the net, 3 channels and 10 classes; names changed by `rename`. */
function trained(rename = (name: string) => name): StateDictEntry[] {
  const shapes: Record<string, number[]> = { 'conv1.weight': [4, 3, 3, 3], 'bn1.weight': [4], 'bn1.bias': [4], 'bn1.running_mean': [4], 'bn1.running_var': [4], 'fc.weight': [10, 4], 'fc.bias': [10] };
  const entries = Object.entries(shapes).map(([name, shape]) => ({ name: rename(name), shape, values: fixtureTensor(name, shape) }));
  return [...entries, { name: rename('bn1.num_batches_tracked'), shape: [], values: Float32Array.of(7) }];
}
const valuesOf = (model: tfl.LayersModel, name: string) => stateDict(model).find((entry) => entry.name === name)!.values;

function refusal(model: tfl.LayersModel, entries: StateDictEntry[], options: LoadStateDictOptions = {}): StateDictError {
  const before = stateDict(model);
  try {
    loadStateDict(model, entries, options);
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error;
    expect(stateDict(model)).toEqual(before);
    return error;
  }
  throw new Error('the state_dict was taken');
}

it('reports what it loaded', () => {
  expect(loadStateDict(netOf(), trained())).toEqual({
    loaded: ['conv1.weight', 'bn1.weight', 'bn1.bias', 'bn1.running_mean', 'bn1.running_var', 'fc.weight', 'fc.bias'],
    values: 108 + 16 + 50, ignored: ['bn1.num_batches_tracked'], kept: [], notes: [], warnings: [],
  });
});

describe('names (W11)', () => {
  it.each(['module.', 'model.', 'backbone.', 'state_dict.', '_orig_mod.', 'state_dict.model.', '_orig_mod.module.'])('lose %s when all have it, and the report says so', (prefix) => {
    const model = netOf();
    expect(loadStateDict(model, trained((name) => prefix + name)).notes).toEqual([`"${prefix}" was taken off the front of the names`]);
    expect(valuesOf(model, 'fc.weight')).toEqual(fixtureTensor('fc.weight', [10, 4]));
  });

  it('keep what the model has too', () => {
    const model = netOf({ name: 'model.conv1' });
    const error = refusal(model, trained((name) => `model.${name}`));
    expect(error).toMatchObject({ missing: expect.arrayContaining(['fc.weight']), unexpected: expect.arrayContaining(['model.fc.weight']), mismatched: [] });
  });

  it('that have it only in part are an error that says how to go on', () => {
    const entries = [...trained((name) => `model.${name}`), { name: 'loss.weight', shape: [1], values: Float32Array.of(1) }];
    expect(refusal(netOf(), entries).message).toContain('Some names only start with "model.": pass prefix: \'model.\', and in ignore what the others start with.');
    const report = loadStateDict(netOf(), entries, { prefix: 'model.', ignore: ['loss.'] });
    expect(report.ignored).toEqual(['model.bn1.num_batches_tracked', 'loss.weight']);
    expect(report.loaded).toHaveLength(7);
  });

  it('lose any prefix that is named', () => {
    expect(loadStateDict(netOf(), trained((name) => `net.encoder.${name}`), { prefix: 'net.encoder.' }).loaded).toHaveLength(7);
    expect(refusal(netOf(), trained((name) => `net.encoder.${name}`)).unexpected).toContain('net.encoder.fc.weight');
  });

  it('of timm\'s VGG, whose classifier is made of convolutions, are understood', () => {
    const x = tfl.input({ shape: [4, 4, 2] });
    const y = flatten(conv2d(x, { filters: 3, kernelSize: 3, name: 'features.0' }));
    const model = tfl.model({ inputs: x, outputs: dense(dense(y, { units: 5, name: 'classifier.0' }), { units: 2, name: 'classifier.6' }) });
    built.push(model);
    const shapes: Record<string, number[]> = { 'features.0.weight': [3, 2, 3, 3], 'features.0.bias': [3], 'pre_logits.fc1.weight': [5, 3, 2, 2], 'pre_logits.fc1.bias': [5], 'head.fc.weight': [2, 5], 'head.fc.bias': [2] };
    const report = loadStateDict(model, Object.entries(shapes).map(([name, shape]) => ({ name, shape, values: fixtureTensor(name, shape) })));
    expect(report.notes).toEqual(["the names are timm's, matched with the model's"]);
    // torch flattens [C, H, W], so a row of the dense layer is the kernel as it lies in memory.
    expect(valuesOf(model, 'classifier.0.weight')).toEqual(fixtureTensor('pre_logits.fc1.weight', [5, 3, 2, 2]));
  });

  it('that the model lacks are an error that says how to leave them out', () => {
    const surplus = ['aux1.conv.weight', 'aux1.fc.weight', 'AuxLogits.fc.bias'].map((name) => ({ name, shape: [1], values: Float32Array.of(1) }));
    expect(refusal(netOf(), [...trained(), ...surplus]).message).toContain("to leave them out: ignore: ['aux1.', 'AuxLogits.'].");
    expect(loadStateDict(netOf(), [...trained(), ...surplus], { ignore: ['aux1.', 'AuxLogits.'] }).ignored).toHaveLength(4);
  });

  it('of nobody stay three lists', () => {
    expect(refusal(netOf(), trained((name) => `resnet.embedder.${name}`))).toMatchObject({ missing: { length: 7 }, unexpected: { length: 7 }, mismatched: { length: 0 } });
  });
});

describe('another number of classes (W13)', () => {
  it('is an error that offers to skip the classifier', () => {
    const error = refusal(netOf({ classes: 3 }), trained());
    expect(error.mismatched).toEqual(['fc.weight: [10, 4] (40 values) instead of [3, 4]', 'fc.bias: [10] (10 values) instead of [3]']);
    expect(error.message).toContain("The file has 10 classes, the model 3: build it with as many, or pass head: 'skip' to leave its classifier as it is.");
  });

  it('is taken with head: skip, which leaves the classifier and says so', () => {
    const model = netOf({ classes: 3 });
    const before = valuesOf(model, 'fc.weight');
    const report = loadStateDict(model, trained(), { head: 'skip' });
    expect(report).toMatchObject({ kept: ['fc.weight', 'fc.bias'], loaded: { length: 5 } });
    expect(valuesOf(model, 'fc.weight')).toEqual(before);
    expect(valuesOf(model, 'conv1.weight')).toEqual(fixtureTensor('conv1.weight', [4, 3, 3, 3]));
  });

  it('may also be a file without a classifier', () => {
    expect(loadStateDict(netOf(), trained().filter(({ name }) => !name.startsWith('fc.')), { head: 'skip' }).kept).toEqual(['fc.weight', 'fc.bias']);
    expect(refusal(netOf(), trained().filter(({ name }) => !name.startsWith('fc.'))).missing).toEqual(['fc.weight', 'fc.bias']);
  });
});

describe('other input channels (W14)', () => {
  it('are an error that offers to adapt the first convolution', () => {
    expect(refusal(netOf({ channels: 1 }), trained()).message).toContain("The file's first convolution takes 3 channels, the model's 1: pass inputChannels: 'sum' to adapt it.");
    expect(refusal(netOf({ channels: 4 }), trained()).message).toContain("inputChannels: 'repeat'");
  });

  it.each([['sum', 1], ['mean', 1 / 3]] as const)('one channel by %s: a grey image gives what it gives as RGB, times %d', (how, factor) => {
    const [rgb, grey] = [netOf(), netOf({ channels: 1 })];
    loadStateDict(rgb, trained());
    expect(loadStateDict(grey, trained(), { inputChannels: how }).notes).toEqual([`conv1.weight: 3 input channels became 1 by '${how}'`]);
    tf.tidy(() => {
      const image = tf.randomUniform([1, 4, 4, 1], 0, 1, 'float32', 1);
      const through = (model: tfl.LayersModel, x: tf.Tensor) => model.getLayer('conv1').apply(x) as tf.Tensor;
      const [a, b] = [through(grey, image), tf.mul(through(rgb, tf.tile(image, [1, 1, 1, 3])), factor)];
      expect(tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]).toBeLessThan(1e-6);
    });
  });

  it('four channels by repeat: red again, all times 3/4, as timm has it', () => {
    const model = netOf({ channels: 4 });
    loadStateDict(model, trained(), { inputChannels: 'repeat' });
    const [given, adapted] = [fixtureTensor('conv1.weight', [4, 3, 3, 3]), valuesOf(model, 'conv1.weight')];
    for (const [to, from] of [[0, 0], [1, 1], [2, 2], [3, 0], [4, 3], [7, 3]] as const) {
      for (let i = 0; i < 9; i++) expect(adapted[to * 9 + i]).toBeCloseTo(0.75 * given[from * 9 + i]!, 6);
    }
  });

  it('more than one by sum are refused, and other differences are not adapted', () => {
    expect(() => loadStateDict(netOf({ channels: 4 }), trained(), { inputChannels: 'sum' })).toThrow(/loadStateDict: inputChannels must be 'repeat' for a model of 4 channels, got "sum"/);
    const wider = trained().map((entry) => (entry.name === 'conv1.weight' ? { ...entry, shape: [4, 1, 9, 3] } : entry));
    expect(refusal(netOf({ channels: 1 }), wider, { inputChannels: 'sum' }).mismatched).toHaveLength(1);
  });
});

describe('values', () => {
  const spoilt = () => trained().map((entry) => (entry.name === 'fc.bias' ? { ...entry, values: entry.values.map((x, i) => [Number.NaN, -Infinity, x][Math.min(i, 2)]!) } : entry));

  it('that are no finite numbers are a warning with name and count, or an error (W9)', () => {
    expect(loadStateDict(netOf(), spoilt()).warnings).toEqual(['NaN or infinite: fc.bias: 2 of 10 values']);
    const error = refusal(netOf(), spoilt(), { nonFinite: 'refuse' });
    expect(error.nonFinite).toEqual(['fc.bias: 2 of 10 values']);
    expect(error.message).toContain('  NaN or infinite (1): fc.bias: 2 of 10 values');
  });

  it('that cannot be read leave the model as it was, however late (F22)', () => {
    const model = netOf();
    const before = stateDict(model);
    const entries = trained().map((entry) => (entry.name === 'fc.bias' ? { ...entry, size: 10, get values(): Float32Array { throw new Error('disk is gone'); } } : entry));
    expect(() => loadStateDict(model, entries)).toThrow('disk is gone');
    expect(stateDict(model)).toEqual(before);
  });
});

it.each<[string, unknown, RegExp]>([
  ['a misspelt option', { heads: 'skip' }, /unknown option heads, did you mean head\?/],
  ['another head', { head: 'random' }, /head must be one of load, skip, got "random"/],
  ['another adaptation', { inputChannels: 'average' }, /inputChannels must be one of sum, mean, repeat/],
  ['ignore as a string', { ignore: 'fc.' }, /ignore must be a list/],
])('%s is an OptionError', (_, options, says) => {
  const model = netOf();
  expect(() => loadStateDict(model, trained(), options as LoadStateDictOptions)).toThrow(OptionError);
  expect(() => loadStateDict(model, trained(), options as LoadStateDictOptions)).toThrow(says);
});

it('a model without a classifier has none to skip', () => {
  const x = tfl.input({ shape: [4, 4, 3] });
  const [a, b] = [1, 2].map((i) => conv2d(x, { filters: 4, kernelSize: 3, name: `c${i}` }));
  const model = tfl.model({ inputs: x, outputs: tfl.layers.add().apply([a!, b!]) as tfl.SymbolicTensor });
  built.push(model);
  expect(() => loadStateDict(model, [], { head: 'skip' })).toThrow(/head must be 'load': the model ends without a classifier/);
});
