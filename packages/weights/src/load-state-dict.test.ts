import '@tensorflow/tfjs-backend-cpu';
import { batchNorm, conv2d, dense, flatten } from '@convkit/core';
import { fixtureTensor } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadStateDict, StateDictError, torchParameters, type StateDictEntry } from './index.js';

let model: tfl.LayersModel;
beforeEach(async () => {
  await tf.setBackend('cpu');
  const x = tfl.input({ shape: [4, 4, 2] });
  model = tfl.model({ inputs: x, outputs: dense(flatten(batchNorm(conv2d(x, { filters: 3, kernelSize: 3, name: 'conv1' }), { name: 'bn1' })), { units: 2, name: 'fc' }), name: 'net' });
});
afterEach(() => {
  model.dispose();
});

/** A whole state_dict of the model, as PyTorch would list it. */
const stateDict = (): StateDictEntry[] => torchParameters(model).map(({ name, shape }) => ({ name, shape, values: fixtureTensor(name, shape) }));

const bits = () => torchParameters(model).map(({ name, variable }) => [name, [...new Uint32Array(variable.read().dataSync().slice().buffer)]] as const);

function refusal(entries: Iterable<StateDictEntry>): StateDictError {
  try {
    loadStateDict(model, entries);
  } catch (error) {
    if (error instanceof StateDictError) return error;
    throw error;
  }
  throw new Error('the state_dict was taken');
}

test('every weight of the model gets its values', () => {
  const entries = stateDict();
  loadStateDict(model, entries);
  torchParameters(model).forEach(({ variable, toTorch }, i) => {
    const torch = toTorch(variable.read());
    expect(torch.dataSync()).toEqual(entries[i]!.values);
    torch.dispose();
  });
});

test('the order of the entries does not matter, and any iterable will do', () => {
  loadStateDict(model, stateDict());
  const before = bits();
  loadStateDict(model, new Set(stateDict().reverse()));
  expect(bits()).toEqual(before);
});

test('the caller\'s arrays are neither kept nor changed, and no tensor is left over', () => {
  const entries = stateDict();
  const before = tf.memory().numTensors;
  loadStateDict(model, entries);
  expect(tf.memory().numTensors).toBe(before);
  expect(entries).toEqual(stateDict());
  const loaded = bits();
  for (const { values } of entries) values.fill(9);
  expect(bits()).toEqual(loaded);
});

test('num_batches_tracked is ignored', () => {
  loadStateDict(model, [...stateDict(), { name: 'bn1.num_batches_tracked', shape: [], values: Float32Array.of(100) }]);
});

test('missing, unexpected and wrong-shape entries come in one error, and the model keeps every bit', () => {
  loadStateDict(model, stateDict());
  const [before, tensors] = [bits(), tf.memory().numTensors];
  const entries = stateDict().filter(({ name }) => name !== 'bn1.running_var').map((entry) => ({ ...entry, values: entry.values.map((x) => x + 1) }));
  const wrong = entries.map((entry) => (entry.name === 'fc.weight' ? { ...entry, shape: [12, 2] } : entry));
  const error = refusal([...wrong, { name: 'head.weight', shape: [1], values: new Float32Array(1) }]);
  expect(error).toMatchObject({ name: 'StateDictError', code: 'ERR_STATE_DICT', missing: ['bn1.running_var'], unexpected: ['head.weight'], mismatched: ['fc.weight: [12, 2] (24 values) instead of [2, 12]'] });
  expect(error.message).toBe([
    'state_dict does not fit the model "net", which is unchanged',
    '  missing (1): bn1.running_var',
    '  unexpected (1): head.weight',
    '  wrong shape (1): fc.weight: [12, 2] (24 values) instead of [2, 12]',
  ].join('\n'));
  expect(bits()).toEqual(before);
  expect(tf.memory().numTensors).toBe(tensors);
});

test('a layer-ordered kernel is refused by its shape, and too few values by their number', () => {
  const replace = (name: string, entry: Partial<StateDictEntry>) => stateDict().map((given) => (given.name === name ? { ...given, ...entry } : given));
  expect(refusal(replace('conv1.weight', { shape: [3, 3, 2, 3] })).mismatched).toEqual(['conv1.weight: [3, 3, 2, 3] (54 values) instead of [3, 2, 3, 3]']);
  expect(refusal(replace('conv1.weight', { values: new Float32Array(53) })).mismatched).toEqual(['conv1.weight: [3, 2, 3, 3] (53 values) instead of [3, 2, 3, 3]']);
});

test('the same name twice is refused', () => {
  expect(refusal([...stateDict(), ...stateDict().slice(0, 1)]).unexpected).toEqual(['conv1.weight (given again)']);
});

test('of long lists the first ten are shown with the total, and all are kept', () => {
  const surplus = Array.from({ length: 25 }, (_, i) => ({ name: `extra.${i}`, shape: [1], values: new Float32Array(1) }));
  const error = refusal(surplus);
  expect(error.unexpected).toHaveLength(25);
  expect(error.missing).toHaveLength(8);
  expect(error.message).toContain('  unexpected (25): extra.0, extra.1, extra.2, extra.3, extra.4, extra.5, extra.6, extra.7, extra.8, extra.9, ...');
  expect(error.message).not.toContain('extra.10');
});

test('names like __proto__ are only names', () => {
  expect(refusal([...stateDict(), { name: '__proto__', shape: [1], values: new Float32Array(1) }, { name: 'constructor', shape: [1], values: new Float32Array(1) }]).unexpected).toEqual(['__proto__', 'constructor']);
});
