/** What passes compute from weights, once, when a graph is compiled. */
import type { ValueShape } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { averagingMatrix } from './ops/adaptive-avg-pool.js';

/** How a derived value comes from others. `groups` of a dense kernel is 1, of a depthwise kernel its channels. */
export interface Derivations {
  /** gamma / sqrt(variance + epsilon), from [gamma, variance]. */
  ratio: { readonly epsilon: number };
  /** beta + (bias - mean) ratio, from [bias, beta, mean, ratio]. */
  shift: Record<never, never>;
  /** value x factor, from [value, factor]; the factor seen as `shape`, which broadcasts. */
  scale: { readonly shape: readonly number[] };
  /** A kernel that takes x in place of factor x, from [kernel, factor]; one factor an input channel. */
  scaleInput: { readonly groups: number };
  /** bias + what a kernel makes of an image that is `vector` everywhere, from [bias, kernel, vector]. */
  response: { readonly groups: number };
  /** The same elements in another shape, from [value]. */
  reshape: { readonly shape: readonly number[] };
  /** The elements at `indices` along an axis, from [value]. */
  take: { readonly axis: number; readonly indices: readonly number[] };
  /** `count` zeros behind the others along an axis, from [value]. */
  extend: { readonly axis: number; readonly count: number };
  /** A kernel that reads an image of `size` in place of the [h, w] cells of its adaptive average, from [kernel [h, w, C, F]]. */
  cells: { readonly size: readonly [number, number] };
}

export type DerivationKind = keyof Derivations;
export type Derivation = { [K in DerivationKind]: { readonly kind: K } & Derivations[K] }[DerivationKind];

/** The shape of a derived value from those that it is made of. */
export function derivedShape(derivation: Derivation, from: readonly ValueShape[]): ValueShape {
  const [first = []] = from;
  switch (derivation.kind) {
    case 'reshape': return derivation.shape;
    case 'take': return first.map((n, axis) => (axis === derivation.axis ? derivation.indices.length : n));
    case 'extend': return first.map((n, axis) => (n !== null && axis === derivation.axis ? n + derivation.count : n));
    case 'cells': return [...derivation.size, ...first.slice(2)];
    default: return first;
  }
}

/** [h, w, C, F] over the cells of an adaptive average -> [rows, columns, C, F] over its image: one matrix an axis. */
function overImage(kernel: tf.Tensor, [rows, columns]: readonly [number, number]): tf.Tensor {
  const [h, w, c, f] = kernel.shape as [number, number, number, number];
  const along = tf.matMul(tf.tensor2d(averagingMatrix(rows, h), [rows, h]), tf.reshape(kernel, [h, -1]) as tf.Tensor2D);
  const turned = tf.reshape(tf.transpose(tf.reshape(along, [rows, w, c * f]), [1, 0, 2]), [w, -1]) as tf.Tensor2D;
  const across = tf.matMul(tf.tensor2d(averagingMatrix(columns, w), [columns, w]), turned);
  return tf.reshape(tf.transpose(tf.reshape(across, [columns, rows, c * f]), [1, 0, 2]), [rows, columns, c, f]);
}

/** A kernel as [taps, inputs of a group, groups, outputs of a group], each entry times its input's factor. */
function timesInput(kernel: tf.Tensor, factor: tf.Tensor, groups: number): tf.Tensor4D {
  const inside = factor.size / groups;
  const outputs = (kernel.shape.at(-1) as number) * (kernel.shape.at(-2) as number) / inside;
  const view = tf.reshape(kernel, [-1, inside, groups, outputs / groups]) as tf.Tensor4D;
  return tf.mul(view, tf.reshape(tf.transpose(tf.reshape(factor, [groups, inside])), [1, inside, groups, 1]));
}

/** The value of a derivation from the values it is made of. */
export function deriveValue(derivation: Derivation, from: readonly tf.Tensor[]): tf.Tensor {
  const [first, second, third, fourth] = from as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  return tf.tidy(() => {
    switch (derivation.kind) {
      case 'ratio': return tf.mul(first, tf.rsqrt(tf.add(second, derivation.epsilon)));
      case 'shift': return tf.add(second, tf.mul(tf.sub(first, third), fourth));
      case 'scale': return tf.mul(first, tf.reshape(second, [...derivation.shape]));
      case 'scaleInput': return tf.reshape(timesInput(first, second, derivation.groups), first.shape);
      case 'response': return tf.add(first, tf.reshape(tf.sum(timesInput(second, third, derivation.groups), [0, 1]), [-1]));
      case 'reshape': return tf.reshape(first, [...derivation.shape]);
      case 'cells': return overImage(first, derivation.size);
      case 'extend': return tf.pad(first, first.shape.map((_, axis): [number, number] => [0, axis === derivation.axis ? derivation.count : 0]));
      // wasm remembers another shape for what it gathered, and its fused kernels look there: the product is a tensor of its own.
      case 'take': return tf.mul(tf.gather(first, tf.tensor1d([...derivation.indices], 'int32'), derivation.axis), 1);
    }
  });
}
