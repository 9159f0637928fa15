import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { loadReference } from './reference.js';

it('the reference runs and leaves no tensor behind', async () => {
  const reference = await loadReference();
  await reference.run();
  const before = tf.memory().numTensors;
  await reference.run();
  expect(tf.memory().numTensors).toBe(before);
  reference.dispose();
});
