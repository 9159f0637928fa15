import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { conv2d, dense } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { affineGrid, affineGrid2d } from './affine-grid.js';
import { gridSample, gridSample2d, spatialTransformer, stn } from './index.js';

const image = () => tf.reshape(tf.range(1, 17), [1, 4, 4, 1]) as tf.Tensor4D;
const values = (x: tf.Tensor) => [...x.dataSync()];
const close = (x: tf.Tensor, expected: number[]) => {
  const found = values(x);
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
};

describe.each(['wasm', 'cpu'])('on %s, values of PyTorch 2.13', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  const identity = () => tf.tensor3d([1, 0, 0, 0, 1, 0], [1, 2, 3]);

  test.each([
    [true, [-1, -1 / 3, 1 / 3, 1], [-1, 1]],
    [false, [-0.75, -0.25, 0.25, 0.75], [-0.5, 0.5]],
  ] as const)('the identity grid of 2 x 4, aligned corners %s', (aligned, across, down) => {
    close(affineGrid2d(identity(), [2, 4], aligned), down.flatMap((y) => across.flatMap((x) => [x, y])));
  });

  test('a grid of one pixel looks at the middle', () => {
    for (const aligned of [true, false]) close(affineGrid2d(identity(), [1, 1], aligned), [0, 0]);
  });

  test.each([
    [true, [5.125, 6.625, 11.125, 12.625], [0, 0, 6, 0, 0, 24], [0, 0.21875, 0.125, 0.15625, 0, 0.65625, 0.375, 0.46875, 0, 0.65625, 0.375, 0.46875, 0, 0.21875, 0.125, 0.15625]],
    [false, [6.5, 7.5, 10.5, 11.5], [0, 0, 8, 0, 0, 32], [0, 0, 0, 0, 0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5, 0, 0, 0, 0]],
  ] as const)('a scaled and shifted image and its gradients, aligned corners %s', (alignCorners, expected, byTheta, byImage) => {
    const theta = tf.tensor3d([0.5, 0, 0.25, 0, 0.5, 0], [1, 2, 3]);
    const moved = (u: tf.Tensor, t: tf.Tensor) => gridSample2d(u as tf.Tensor4D, affineGrid2d(t as tf.Tensor3D, [2, 2], alignCorners), { padding: 'zeros', alignCorners });
    close(moved(image(), theta), [...expected]);
    const [du, dt] = tf.grads((u, t) => tf.sum(moved(u!, t!)))([image(), theta]);
    close(dt!, [...byTheta]);
    close(du!, [...byImage]);
  });

  test.each([['zeros', [2.5, 3.5, 2, 0]], ['border', [2.5, 3.5, 4, 4]]] as const)('outside are %s', (padding, row) => {
    const grid = affineGrid2d(tf.tensor3d([1, 0, 1, 0, 1, 0], [1, 2, 3]), [4, 4], true);
    close(tf.slice(gridSample2d(image(), grid, { padding, alignCorners: true }), [0, 0, 0, 0], [1, 1, 4, 1]), [...row]);
  });

  test('a reflection mirrors at pixel centres or at edges, as often as it takes', () => {
    const line = tf.tensor4d([1, 2, 3], [1, 1, 3, 1]);
    const at = (positions: number[], alignCorners: boolean) => {
      const u = positions.map((p) => (alignCorners ? p - 1 : (2 * p + 1) / 3 - 1));
      return gridSample2d(line, tf.tensor4d(u.flatMap((x) => [x, 0]), [1, 1, u.length, 2]), { padding: 'reflection', alignCorners });
    };
    // Centres: 1 2 3 2 1 2 3 ...; edges: 1 1 2 3 3 2 1 1 ..., the outer half pixels flat.
    close(at([-0.5, 2.25, 4.5, -3], true), [1.5, 2.75, 1.5, 2]);
    close(at([-1.25, 3, 3.75, 6.75], false), [1.25, 3, 2.25, 1.75]);
  });

  test('positions that are not numbers show', () => {
    const grid = tf.tensor4d([Number.NaN, 0], [1, 1, 1, 2]);
    for (const padding of ['zeros', 'border', 'reflection'] as const) expect(values(gridSample2d(image(), grid, { padding, alignCorners: false }))).toEqual([Number.NaN]);
  });
});

describe('the block', () => {
  beforeAll(() => tf.setBackend('wasm'));
  const localisation = (x: SymbolicTensor) => conv2d(x, { filters: 2, kernelSize: 3, name: 'localisation' });

  test.each(['affine', 'attention'] as const)('starts as the identity: %s', (transform) => {
    const x = input({ shape: [5, 6, 3] });
    const network = model({ inputs: x, outputs: spatialTransformer(x, { localisation, transform, name: 'stn' }) });
    const pixels = tf.randomNormal([2, 5, 6, 3], 0, 1, 'float32', 1);
    close(network.predict(pixels) as tf.Tensor, values(pixels));
    expect(network.layers.map(({ name }) => name).filter((name) => name.startsWith('stn'))).toEqual(['stn.theta', 'stn.grid', 'stn']);
  });

  test('attention is the affine map with one scale and no rotation', () => {
    const theta = input({ shape: [3] });
    const six = input({ shape: [6] });
    const options = { size: [3, 4] as [number, number], alignCorners: true };
    const attention = model({ inputs: theta, outputs: affineGrid(theta, options) });
    const affine = model({ inputs: six, outputs: affineGrid(six, options) });
    close(attention.predict(tf.tensor2d([[0.5, 0.25, -0.125]])) as tf.Tensor, values(affine.predict(tf.tensor2d([[0.5, 0, 0.25, 0, 0.5, -0.125]])) as tf.Tensor));
  });

  test("the localisation network of PyTorch's tutorial has its counts", () => {
    const network = stn.build('stn_mnist', { features: ['stn'], initialWeights: 'zeros' });
    expect([trainableParams(network), kernelMacs(network)]).toEqual([5_520, 290_800]);
    expect(network.layers.filter((layer) => layer.weights.length > 0).map(({ name }) => name)).toEqual(['localization.0', 'localization.3', 'fc_loc.0', 'fc_loc.2']);
  });

  test.each([
    ['inputs of another form', () => affineGrid(input({ shape: [4] }), { size: 3 }), /affineGrid.*input must be \[N, 6\]/],
    ['a grid of three numbers', () => gridSample(input({ shape: [4, 4, 1] }), input({ shape: [2, 2, 3] }), {}), /gridSample.*grid must be/],
    ['an unknown padding', () => gridSample(input({ shape: [4, 4, 1] }), input({ shape: [2, 2, 2] }), { padding: 'zero' as 'zeros' }), /Did you mean zeros/],
    ['images of unknown size', () => spatialTransformer(input({ shape: [null, null, 1] }), { localisation, name: 'stn' }), /spatialTransformer "stn": size must be given/],
    ['no localisation', () => spatialTransformer(input({ shape: [4, 4, 1] }), {} as Parameters<typeof spatialTransformer>[1]), /localisation must be a function/],
    ['a bias of other length', () => dense(input({ shape: [4] }), { units: 2, biasInitializer: [1] }), /biasInitializer must be a number for each of the 2 units/],
    ['a bias that is not there', () => dense(input({ shape: [4] }), { units: 1, useBias: false, biasInitializer: [1] }), /biasInitializer must be absent without a bias/],
  ])('refuses %s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
