import type { OnnxWriter } from '@convkit/graph/onnx';
import * as tf from '@tensorflow/tfjs-core';

/** Elementwise arithmetic on vectors, so that an optimiser is written once for every engine. */
export interface Algebra<V> {
  number(value: number): V;
  add(a: V, b: V): V;
  sub(a: V, b: V): V;
  mul(a: V, b: V): V;
  div(a: V, b: V): V;
  sqrt(a: V): V;
  min(a: V, b: V): V;
  clip(a: V, low: number, high: number): V;
  /** Sum of all squares, without axes. */
  sumOfSquares(a: V): V;
}

/** Writes the arithmetic to an ONNX program; a vector is its name there. */
export function onnxAlgebra(w: OnnxWriter): Algebra<string> {
  const op = (type: string) => (...inputs: string[]): string => w.op(type, inputs);
  return {
    number: (value) => w.number(value),
    add: op('Add'),
    sub: op('Sub'),
    mul: op('Mul'),
    div: op('Div'),
    sqrt: op('Sqrt'),
    min: op('Min'),
    clip: (a, low, high) => w.op('Clip', [a, w.number(low), w.number(high)]),
    sumOfSquares: (a) => w.op('ReduceSumSquare', [a], { keepdims: { int: 0 } }),
  };
}

/** Computes at once with tfjs. */
export const tensorAlgebra: Algebra<tf.Tensor> = {
  number: (value) => tf.scalar(value),
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  sqrt: tf.sqrt,
  min: tf.minimum,
  clip: tf.clipByValue,
  sumOfSquares: (a) => tf.sum(tf.square(a)),
};
