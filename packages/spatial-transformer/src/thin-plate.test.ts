import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { affineGrid2d, spatialTransformer, thinPlateGrid, thinPlateGrid2d } from './index.js';
import { controlPositions } from './thin-plate.js';

const close = (x: tf.Tensor, expected: readonly number[]) => {
  const found = [...x.dataSync()];
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
};

/** 3 x 3 control points of which three are moved. */
const MOVED = controlPositions([3, 3]).map(([x, y], k): [number, number] => (k === 0 ? [x + 0.1, y + 0.25] : k === 4 ? [x + 0.3, y - 0.2] : k === 5 ? [x - 0.4, y + 0.05] : [x, y]));
const targets = (points: readonly (readonly number[])[]) => tf.tensor3d([points.map((point) => [...point])]);

// scipy 1.17.1: RBFInterpolator(points, targets, kernel='thin_plate_spline', degree=1) at the pixels of 3 x 4.
const SCIPY = {
  edges: [
    [-0.650335, -0.583503], [-0.138094, -0.713647], [0.295064, -0.750584], [0.670734, -0.697772], [-0.660186, -0.063937], [0.02817, -0.17692],
    [0.417587, -0.159128], [0.515824, -0.014442], [-0.703319, 0.61737], [-0.149829, 0.590348], [0.305234, 0.608174], [0.678573, 0.655159],
  ],
  corners: [
    [-0.9, -0.75], [-0.286033, -0.937901], [0.337456, -1.023699], [1, -1], [-1, 0], [-0.079882, -0.161613],
    [0.439417, -0.137929], [0.6, 0.05], [-1, 1], [-0.316529, 0.98586], [0.345218, 0.995707], [1, 1],
  ],
};

describe.each(['wasm', 'cpu'])('thin-plate splines on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  test.each([['edges', false], ['corners', true]] as const)("has scipy's values, %s", (key, alignCorners) => {
    close(thinPlateGrid2d(targets(MOVED), { size: [3, 4], controlPoints: 3, alignCorners }), SCIPY[key].flat());
  });

  test('control points look exactly where they are told', () => {
    close(thinPlateGrid2d(targets(MOVED), { size: 3, controlPoints: 3, alignCorners: true }), MOVED.flat());
  });

  test('an affine map of the control points is the affine grid, the identity among them', () => {
    const theta = [[0.6, -0.3, 0.1], [0.2, 0.9, -0.25]];
    const mapped = controlPositions([4, 5]).map(([x, y]) => theta.map(([a, b, c]) => a! * x + b! * y + c!));
    close(thinPlateGrid2d(targets(mapped), { size: [6, 7], controlPoints: [4, 5] }), [...affineGrid2d(tf.tensor3d([theta]), [6, 7]).dataSync()]);
  });

  test('its gradient is the same for every target: that of a linear map', () => {
    const gradient = tf.grad((t) => tf.sum(thinPlateGrid2d(t as tf.Tensor3D, { size: [6, 7] })))(targets(controlPositions([4, 4])));
    // Moving every control point by one moves every pixel by one.
    close(tf.sum(gradient, 1), [42, 42]);
    expect(gradient.shape).toEqual([1, 16, 2]);
  });
});

describe('the block', () => {
  beforeAll(() => tf.setBackend('wasm'));

  test('starts as the identity', () => {
    const x = input({ shape: [5, 6, 3] });
    const network = model({ inputs: x, outputs: spatialTransformer(x, { localisation: (y) => y, transform: 'thinPlate', controlPoints: [3, 4], name: 'stn' }) });
    const pixels = tf.randomNormal([2, 5, 6, 3], 0, 1, 'float32', 1);
    close(network.predict(pixels) as tf.Tensor, [...pixels.dataSync()]);
    expect(network.getLayer('stn.theta').getWeights().map(({ shape }) => shape)).toEqual([[90, 24], [24]]);
  });

  test.each([
    ['targets of another number', () => thinPlateGrid(input({ shape: [30] }), { size: 3 }), /thinPlateGrid.*input must be \[N, 32\], x and y of 16 control points/],
    ['a single row of control points', () => thinPlateGrid(input({ shape: [8] }), { size: 3, controlPoints: [1, 4] }), /controlPoints must be one integer or 2 integers >= 2/],
    ['a tensor of another form', () => thinPlateGrid2d(tf.zeros([1, 9, 2]), { size: 3 }), /targets must be \[N, 16, 2\]/],
    ['control points of an affine map', () => spatialTransformer(input({ shape: [4, 4, 1] }), { localisation: (y) => y, controlPoints: 3, name: 'stn' }), /controlPoints must be absent unless transform is thinPlate/],
  ])('refuses %s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
