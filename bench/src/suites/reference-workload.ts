import * as tf from '@tensorflow/tfjs-core';
import { uniformValues } from '../random.js';

/** What every speed is measured against. A change of the workload is a new version, never an edit. */
export const REFERENCE = { id: 'conv-stack', version: 1, backend: 'wasm' } as const;

const INPUT: [number, number, number, number] = [1, 32, 32, 32];

/** [kernel size, input channels, output channels, stride] */
const STACK = [
  [3, 32, 64, 1],
  [3, 64, 64, 2],
  [1, 64, 128, 1],
  [3, 128, 128, 1],
  [1, 128, 32, 1],
] as const;

/** The reference workload, ready to run. */
export interface Reference {
  /** One run to the end, its result read back. */
  run(): Promise<void>;
  dispose(): void;
}

/**
 * conv-stack version 1: five convolutions with ReLU (69 million multiply-adds) by stock tfjs operations on the wasm
 * backend, then the mean, read back. Weights and input come from a seed. It uses nothing of convkit, so that
 * a change of convkit cannot move the unit that it is measured in. `use` makes the wasm backend the current one.
 */
export async function referenceWorkload(use: () => Promise<void>): Promise<Reference> {
  await use();
  const filters = STACK.map(([kernel, from, to], index) => {
    const length = kernel * kernel * from * to;
    const scale = Math.sqrt(6 / (kernel * kernel * from));
    return tf.tensor4d(uniformValues(length, scale, 100 + index), [kernel, kernel, from, to]);
  });
  const input = tf.tensor4d(uniformValues(INPUT.reduce((a, b) => a * b), 1, 99), INPUT);
  return {
    async run() {
      await use();
      const result = tf.tidy(() => {
        let x: tf.Tensor4D = input;
        for (const [index, filter] of filters.entries()) {
          x = tf.relu(tf.conv2d(x, filter, STACK[index]?.[3] ?? 1, 'same'));
        }
        return tf.mean(x);
      });
      await result.data();
      result.dispose();
    },
    dispose: () => tf.dispose([input, ...filters]),
  };
}
