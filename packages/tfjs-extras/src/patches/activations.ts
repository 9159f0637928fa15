/** Activations whose stock form goes through booleans, which wasm computes one by one. */
import * as tf from '@tensorflow/tfjs-core';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { gradientPatch, kernelPatch, mixedSigns } from '../probe.js';

/** relu(x) - alpha relu(-x). */
const leakyRelu = kernelPatch({
  kernelName: 'LeakyRelu',
  backends: WASM_BACKENDS,
  slow: () => ({ inputs: { x: mixedSigns([8, 24, 24, 32]) }, attrs: { alpha: 0.2 } }),
  make: () => ({ inputs, attrs }) => tf.tidy(() => {
    const x = inputs['x'] as tf.Tensor;
    return tf.sub(tf.relu(x), tf.mul(tf.relu(tf.neg(x)), (attrs as unknown as { alpha: number }).alpha));
  }),
});

/** A gradient dy f'(x) whose slope is composed of step functions. */
function slopePatch(kernelName: string, slope: (x: tf.Tensor, attrs: tf.NamedAttrMap) => tf.Tensor): Patch {
  return gradientPatch({
    kernelName,
    slow: () => ({ saved: [mixedSigns([8, 24, 24, 32])], attrs: { alpha: 0.2 } }),
    inputs: ['x'],
    make: () => (dy, saved, attrs) => ({ x: () => tf.mul(dy as tf.Tensor, slope(saved[0] as tf.Tensor, attrs)) }),
  });
}

export const ACTIVATION_PATCHES: readonly Patch[] = [
  leakyRelu,
  // 1 above 0, alpha at and below it.
  slopePatch('LeakyRelu', (x, attrs) => tf.step(x, attrs['alpha'] as number)),
  // 1 from above 0 to 6, which has the slope of the line.
  slopePatch('Relu6', (x) => tf.mul(tf.step(x), tf.sub(1, tf.step(tf.sub(x, 6))))),
];
