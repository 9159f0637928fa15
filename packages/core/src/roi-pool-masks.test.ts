/** RoI pooling that reads no boxes, beside the one that does; values of torchvision are in the tests of @convkit/anchors. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { relativeError } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { poolBoxes } from './index.js';
import { poolByMasks } from './roi-pool-masks.js';

const attributes = { outputSize: [3, 2], spatialScale: 0.5 } as const;
const boxes = () => tf.tidy(() => {
  const corner = tf.randomUniform([2, 30, 2], -6, 20, 'float32', 1);
  return tf.concat([corner, tf.add(corner, tf.randomUniform([2, 30, 2], -3, 20, 'float32', 2))], 2) as tf.Tensor3D;
});

describe.each(['wasm', 'cpu'])('masks on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('finds what reading finds: boxes of two images, outside and turned inside out', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const x = tf.randomNormal<tf.Rank.R4>([2, 9, 7, 3], 0, 1, 'float32', 3);
      const { value } = poolByMasks(x, boxes(), attributes);
      expect(relativeError(value.dataSync(), poolBoxes(x, boxes(), attributes).dataSync())).toBe(0);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('chooses the pixel that the gradient goes to, the first row of several, and none for an empty bin', () => {
    tf.tidy(() => {
      const x = tf.tensor4d([5, 1, 1, 7, 7, 2, 7, 0, 0], [1, 3, 3, 1]);
      const whole = { outputSize: [1, 1] as const, spatialScale: 1 };
      const { value, chosen } = poolByMasks(x, tf.tensor3d([[[0, 0, 2, 2], [1, 1, 2, 2], [1, 0, 2, 0], [9, 9, 12, 12]]]), whole);
      expect([...value.dataSync()]).toEqual([7, 7, 1, 0]);
      expect([...chosen.dataSync()]).toEqual([3, 4, 1, 9]);
    });
  });
});
