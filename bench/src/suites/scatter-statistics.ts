import { tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { uniformStream } from '../random.js';

/** What a trained network's batch normalisation may hold: [lowest, highest] by the weight's name. */
const RANGES: readonly (readonly [RegExp, number, number])[] = [
  [/moving_mean/, -0.1, 0.1],
  [/moving_variance/, 0.5, 1.5],
  [/gamma/, 0.8, 1.2],
  [/beta/, -0.1, 0.1],
];

/**
 * Gives every batch normalisation statistics that are not 0 and 1. In a fresh model they are, and folding them
 * wrongly would go unseen in the comparison of a compiled model with the plain one.
 */
export function scatterStatistics(model: LayersModel, seed: number): void {
  const random = uniformStream(seed);
  for (const weight of model.weights) {
    const range = RANGES.find(([name]) => name.test(weight.originalName));
    if (range === undefined) continue;
    const [, low, high] = range;
    tidy(() => {
      const length = weight.shape.reduce<number>((product, size) => product * (size ?? 1), 1);
      const values = Float32Array.from({ length }, () => low + (high - low) * random());
      weight.write(tensor(values, weight.shape as number[]));
    });
  }
}
