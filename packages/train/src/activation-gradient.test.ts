import '@tensorflow/tfjs-backend-wasm';
import { activation, ACTIVATIONS, dense } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, it } from 'vitest';
import { createTrainer } from './index.js';

beforeAll(() => tf.setBackend('wasm'));

/** On both sides of every kink, and far behind it. */
const VALUES = [-9, -3.5, -2.9, -1, -1e-3, 1e-3, 0.4, 0.9, 1.1, 2.4, 2.6, 2.9, 3.5, 5.999, 6.001, 9];

// Softmax is none of single values.
it.each(ACTIVATIONS.filter((kind) => kind !== 'softmax'))('the compiled step has the gradient of %s on both sides of its kinks', async (kind) => {
  const gradients = [];
  for (const engine of ['onnxruntime', 'tfjs'] as const) {
    const x = input({ shape: [VALUES.length] });
    const built = model({ inputs: x, outputs: activation(dense(x, { units: VALUES.length, name: 'values' }), { kind }) });
    const [kernel, bias] = built.getLayer('values').weights;
    tf.tidy(() => {
      kernel!.write(tf.eye(VALUES.length));
      bias!.write(tf.zeros([VALUES.length]));
    });
    const trainer = await createTrainer(built, { engine, loss: 'euclidean', threads: 1 });
    const found = await trainer.gradients({ images: Float32Array.from(VALUES), targets: [Float32Array.from(VALUES, (_, i) => 20 + i)], size: 1 });
    gradients.push(Object.entries(found.gradients).find(([name]) => name.includes('bias'))![1]);
    await trainer.dispose();
    built.dispose();
  }
  const [compiled, wanted] = gradients as [Float32Array, Float32Array];
  const largest = Math.max(...wanted.map(Math.abs));
  expect(largest).toBeGreaterThan(0);
  compiled.forEach((value, i) => expect(Math.abs(value - wanted[i]!) / largest, `at ${VALUES[i]}`).toBeLessThan(1e-5));
});
