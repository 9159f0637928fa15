import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { relativeError } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compile, isOp, optimize, trace } from './index.js';

// A network built and run by Keras; testing/fixtures/README.md has its versions, make_model.py made it.
const folder = new URL('../../../testing/fixtures/keras/', import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
const reference = json('reference.json') as { trainable: number; nonTrainable: number; features: { shape: number[]; values: number[] }; output: number[][] };

const images = () => tf.tensor4d(Float32Array.from({ length: 2 * 35 * 32 * 3 }, (_, i) => ((37 * i) % 200) / 100 - 1), [2, 35, 32, 3]);

let model: tfl.LayersModel;
beforeAll(async () => {
  await tf.setBackend('wasm');
  const { modelTopology, weightsManifest, format } = json('model.json') as { modelTopology: object; weightsManifest: tf.io.WeightsManifestConfig; format: string };
  const bytes = readFileSync(new URL('weights.bin', folder));
  model = await tfl.loadLayersModel({
    load: async () => ({ modelTopology, format, weightSpecs: weightsManifest.flatMap(({ weights }) => weights), weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer }),
  });
});
afterAll(() => {
  model.dispose();
});

test('a model saved by Keras is read layer by layer, nested models by path', () => {
  const graph = trace(model);
  const layers = [...new Set(graph.nodes.filter(isOp).map(({ origin }) => `${origin.layer} ${origin.type}`))];
  expect(layers).toEqual([
    'stem_pad ZeroPadding2D', 'stem_conv Conv2D', 'stem_bn BatchNormalization', 'stem_relu ReLU',
    'block_depthwise DepthwiseConv2D', 'block_depthwise_bn BatchNormalization', 'block_depthwise_relu ReLU', 'block_project Conv2D', 'block_project_bn BatchNormalization', 'block_add Add',
    'stage/stage_conv Conv2D', 'stage/stage_bn BatchNormalization', 'stage/stage_pool MaxPooling2D', 'pool GlobalAveragePooling2D', 'dropout Dropout', 'classifier Dense',
  ]);
  expect(graph.inputs[0]?.shape).toEqual([null, 35, 32, 3]);
  expect(graph.nodes.find(({ origin }) => origin.layer === 'stage/stage_pool')?.shape.slice(1)).toEqual(reference.features.shape);
  expect(graph.outputs[0]?.shape).toEqual([null, 5]);
});

test('it holds every weight that Keras counts', () => {
  const weights = trace(model).nodes.filter((node) => node.kind === 'weight');
  expect(weights.reduce((sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]), 0)).toBe(reference.trainable + reference.nonTrainable);
});

test('compiled, it outputs what Keras and predict output', () => {
  const before = tf.memory().numTensors;
  const compiled = compile(model);
  tf.tidy(() => {
    const x = images();
    const output = (compiled.predict(x) as tf.Tensor).dataSync();
    expect(relativeError(output, reference.output.flat())).toBeLessThan(1e-5);
    expect(relativeError(output, (model.predict(x) as tf.Tensor).dataSync())).toBeLessThan(1e-5);
  });
  compiled.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test('its feature map is that of Keras, before and after the passes', () => {
  const graph = trace(model);
  const map = graph.nodes.filter(({ origin }) => origin.layer === 'stage/stage_pool').at(-1);
  const cut = { ...graph, outputs: map === undefined ? [] : [map] };
  tf.tidy(() => {
    const features = compile(cut).predict(images()) as tf.Tensor;
    expect(features.shape).toEqual([2, ...reference.features.shape]);
    expect(relativeError(features.dataSync().slice(0, reference.features.values.length), reference.features.values)).toBeLessThan(1e-5);
  });
  // Three of the four batch norms fold; stage_bn follows the convolution's own activation and has to stay.
  const kinds = optimize(graph).nodes.filter(isOp).map(({ kind }) => kind);
  expect(kinds).toEqual(['pad', 'conv2d', 'depthwiseConv2d', 'conv2d', 'binary', 'conv2d', 'activation', 'batchNorm', 'maxPool', 'reduce', 'dense', 'activation']);
});
