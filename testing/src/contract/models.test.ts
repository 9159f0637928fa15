/** What holds for every model of every family. What is special to one family stands in that family's own tests. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import { torchParameters } from '@convkit/weights';
import { ALIASES, registerLayers, zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fixtureName } from '../fixture-name.js';
import { kernelMacs, trainableParams } from '../model-counts.js';
import { difference, reload } from './contract.js';

beforeAll(async () => {
  registerLayers();
  await tf.setBackend('wasm');
});

let tensors = 0;
beforeEach(() => {
  tensors = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors, 'every tensor is given back').toBe(tensors);
});

const ROWS = zoo.list({ tiny: true }).map((row) => [row.id, row] as const);
const TINY = zoo.families.map(({ variants }) => Object.keys(variants).filter((id) => variants[id]?.params === undefined));

/** torch's name and shape of every weight. */
const namesAndShapes = (model: LayersModel) => torchParameters(model).map(({ name, shape }): [string, number[]] => [name, shape]);

test.each(ROWS)('%s has its outputs, its counts and a torch name for every weight', (id, { classes, params, macs }) => {
  const model = zoo.get(id).build({ initialWeights: 'zeros' });
  expect(model.outputShape).toEqual([null, classes]);
  if (params !== undefined) expect({ params: trainableParams(model), macs: kernelMacs(model) }).toEqual({ params, macs });
  expect(new Set(namesAndShapes(model).map(([name]) => name)).size).toBe(model.weights.length);
  model.dispose();
});

interface Fixture {
  entry: { module: string; constructor: string; kwargs: { model_name?: string; num_classes?: number } };
  /** [N, C, H, W] */
  input_shape: [number, number, number, number];
  params: [string, number[]][];
  trainable_params: number;
}

const PACKAGES = new URL('../../../packages/', import.meta.url);
const FIXTURES = readdirSync(PACKAGES).flatMap((folder) => {
  const parity = `${folder}/reference/parity/`;
  return existsSync(new URL(parity, PACKAGES)) ? readdirSync(new URL(parity, PACKAGES)).map((file) => parity + file) : [];
});

test.each(FIXTURES)('names and shapes its weights as %s does', (file) => {
  const { entry, input_shape: [, channels, height, width], params, trainable_params } = JSON.parse(readFileSync(new URL(file, PACKAGES), 'utf8')) as Fixture;
  const { id, classes, build } = zoo.get(fixtureName(entry, ALIASES));
  const model = build({ inputShape: [height, width, channels], classes: entry.kwargs.num_classes ?? classes, initialWeights: 'zeros' });
  expect(Object.fromEntries(namesAndShapes(model)), id).toEqual(Object.fromEntries(params));
  expect(trainableParams(model)).toBe(trainable_params);
  model.dispose();
});

test('every family has a tiny row', () => {
  expect(TINY.map((ids) => ids.length)).toEqual(zoo.families.map(() => 1));
});

describe.each(TINY.flat())('%s', (id) => {
  const { build, input, classes } = zoo.get(id);
  const images = () => tf.randomUniform([4, ...input], 0, 1, 'float32', 3);

  test('predicts finite logits and learns, with a gradient for every weight', () => {
    const model = build();
    const x = images();
    const y = tf.oneHot([0, 1, 2, 3], classes);
    const loss = () => tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
    tf.tidy(() => {
      const logits = model.predict(x) as tf.Tensor;
      expect(logits.shape).toEqual([4, classes]);
      expect(logits.dataSync().every(Number.isFinite)).toBe(true);
    });
    const sizes = tf.tidy(() => Object.values(tf.variableGrads(loss).grads).map((gradient) => tf.norm(gradient).dataSync()[0] as number));
    expect(sizes).toHaveLength(model.trainableWeights.length);
    expect(sizes.filter((size) => !(Number.isFinite(size) && size > 0))).toEqual([]);

    const optimizer = tf.train.adam(0.01);
    const losses = Array.from({ length: 20 }, () => tf.tidy(() => (optimizer.minimize(loss, true) as tf.Scalar).dataSync()[0] as number));
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 4);
    optimizer.dispose();
    tf.dispose([x, y]);
    model.dispose();
  });

  test('is the same after saving and loading', async () => {
    const model = build();
    const again = await reload(model);
    const x = images();
    expect(namesAndShapes(again)).toEqual(namesAndShapes(model));
    tf.tidy(() => {
      expect(difference(again.predict(x) as tf.Tensor, model.predict(x) as tf.Tensor)).toBeLessThan(1e-7);
    });
    x.dispose();
    again.dispose();
    model.dispose();
  });

  test('draws the same weights from the same seed, and others from another', () => {
    const drawn = (seed: number) => {
      const model = build({ seed });
      const values = model.weights.map((weight) => weight.read().dataSync().slice());
      model.dispose();
      return values;
    };
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
  });

  test.each<[string, object, RegExp]>([
    ['a flat input', { inputShape: [8, 8] }, /: inputShape must be 3 positive integers \(H, W, C\), got \[8,8\] \(array\)/],
    ['an empty input', { inputShape: [0, 8, 3] }, /inputShape must be 3 positive integers \(H, W, C\), got \[0,8,3\]/],
    ['a negative number of channels', { inputShape: [8, 8, -3] }, /inputShape must be 3 positive integers/],
    ['an input shape as text', { inputShape: '8x8x3' }, /inputShape must be 3 positive integers \(H, W, C\), got "8x8x3" \(string\)/],
    ['no classes', { classes: 0 }, /classes must be an integer >= 1, got 0 \(number\)/],
    ['half a class', { classes: 2.5 }, /classes must be an integer >= 1, got 2\.5/],
    ['full dropout', { dropout: 1 }, /dropout must be a finite number >= 0 and < 1, got 1/],
    ['a misspelt option', { feature: [] }, /unknown option feature, did you mean features\?/],
    // Known only once the network stands: its weights go back.
    ['a tap that does not exist', { features: ['nowhere'] }, /features must be one of .*got "nowhere"/],
  ])('refuses %s by name', (_, options, message) => {
    expect(() => build(options)).toThrow(OptionError);
    expect(() => build(options)).toThrow(message);
  });
});
