import { spatialMean } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { overPositions } from '../onnx/by-channel.js';
import { axisIn, BLOCKED_DOMAIN, NCHW, PLAIN, shapeIn, unblocked } from '../onnx/layout.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, inputShape, known } from '../op.js';

const overSpace = (rank: number, axes: readonly number[]) => rank === 4 && axes.length === 2 && axes.includes(1) && axes.includes(2);

const REDUCTIONS = { mean: 'ReduceMean', max: 'ReduceMax', sum: 'ReduceSum' } as const;

export const reduce = defineOp<'reduce'>({
  kind: 'reduce',
  shape: (inputs, { axes, keepDims }) => {
    const x = inputShape(inputs, 0);
    return keepDims ? x.map((n, axis) => (axes.includes(axis) ? 1 : n)) : x.filter((_, axis) => !axes.includes(axis));
  },
  cost: (inputs) => ({ macs: 0, elementwise: elements(inputShape(inputs, 0)) }),
  evaluate: ([input], { kind, axes, keepDims }) => tf.tidy(() => {
    const x = input as tf.Tensor;
    if (kind === 'max') return tf.max(x, [...axes], keepDims);
    if (kind === 'sum') return tf.sum(x, [...axes], keepDims);
    if (!overSpace(x.shape.length, axes)) return tf.mean(x, [...axes], keepDims);
    const mean = spatialMean(x as tf.Tensor4D);
    return keepDims ? mean : tf.reshape(mean, [mean.shape[0], mean.shape[3]]);
  }),
  window: (inputs, { axes }) => {
    const x = inputShape(inputs, 0);
    // Height and width are axes 1 and 2, or 2 and 3 where tf.layers pools channels first.
    const first = axes.includes(2) && axes.includes(3) ? 2 : 1;
    const size = (axis: number) => (x.length > axis && axes.includes(axis) ? known(x, axis) : 1);
    return { size: [size(first), size(first + 1)], strides: [1, 1], before: [0, 0] };
  },
  onnx: (w, [input], { kind, axes, keepDims }, shape) => {
    const x = input as OnnxValue;
    if (overSpace(x.shape.length, axes) && kind !== 'sum') {
      const blocked = kind === 'mean' && x.layout.block !== undefined;
      const pooled = w.op(kind === 'mean' ? 'GlobalAveragePool' : 'GlobalMaxPool', [w.as(x, blocked ? x.layout : NCHW)], {}, blocked ? BLOCKED_DOMAIN : '');
      return keepDims ? { name: pooled, shape, layout: NCHW } : { name: w.reshape(pooled, shape), shape, layout: PLAIN };
    }
    const layout = unblocked(x.layout) === NCHW && keepDims ? NCHW : PLAIN;
    return { name: w.reduce(REDUCTIONS[kind], w.as(x, layout), axes.map((axis) => axisIn(layout, axis)), keepDims), shape, layout };
  },
  gradient: (w, { inputs: [input], output, upstream, attributes: { kind, axes, keepDims } }) => {
    const x = input as OnnxValue;
    const { shape } = x;
    const wide = keepDims ? upstream : w.reshaped(upstream, shape.map((n, axis) => (axes.includes(axis) ? 1 : n)));
    const layout = unblocked(x.layout);
    const dy = w.as(wide, layout);
    if (kind === 'max') {
      // Every element that equals the maximum gets the gradient, as in tfjs.
      const largest = keepDims ? output : w.reshaped(output, wide.shape);
      const mask = w.asFloat(w.op('Equal', [w.as(x, layout), w.as(largest, layout)]));
      return [{ name: w.op('Mul', [mask, dy]), shape, layout }];
    }
    const count = axes.reduce((product, axis) => product * known(shape, axis), 1);
    const share = kind === 'mean' ? w.op('Mul', [dy, w.number(1 / count)]) : dy;
    if (x.layout.block !== undefined && overSpace(shape.length, axes)) return [overPositions(w, { name: share, shape: wide.shape, layout }, shape, x.layout)];
    return [{ name: w.op('Expand', [share, w.integers(shapeIn(layout, shape) as number[])]), shape, layout }];
  },
});
