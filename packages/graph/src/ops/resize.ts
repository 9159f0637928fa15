import { interpolationWeights, type Interpolation } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { NCHW, PLAIN } from '../onnx/layout.js';
import { text } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, inputShape, known } from '../op.js';

/** The float32 scale that takes `from` positions to exactly `to`: ONNX rounds the product down. */
function scaleTo(from: number, to: number): number {
  const scale = Math.fround(to / from);
  return from * scale < to ? scale * (1 + 2 ** -23) : scale;
}

/** [inputs, outputs] of the weights of one axis. */
function transposedWeights(inputs: number, outputs: number, how: Interpolation): Float32Array {
  const weights = interpolationWeights(inputs, outputs, how);
  return weights.map((_, at) => weights[(at % outputs) * inputs + Math.floor(at / outputs)] ?? 0);
}

export const resize = defineOp<'resize'>({
  kind: 'resize',
  shape: (inputs, { size }) => [inputShape(inputs, 0)[0] ?? null, ...size, known(inputShape(inputs, 0), 3)],
  cost: (_, { method }, output) => ({ macs: 0, elementwise: method === 'bilinear' ? 8 * elements(output) : 0 }),
  evaluate: ([x], { size, method, alignCorners, halfPixelCenters }) => {
    const resized = method === 'nearest' ? tf.image.resizeNearestNeighbor : tf.image.resizeBilinear;
    return resized(x as tf.Tensor4D, [...size], alignCorners, halfPixelCenters);
  },
  window: (inputs, { method, size }) => {
    const x = inputShape(inputs, 0);
    return { size: method === 'bilinear' ? [2, 2] : [1, 1], strides: [known(x, 1) / size[0], known(x, 2) / size[1]], before: [0, 0] };
  },
  onnx: (w, [x], { size, method, alignCorners, halfPixelCenters }, shape) => {
    const coordinates = alignCorners ? 'align_corners' : halfPixelCenters ? 'half_pixel' : 'asymmetric';
    const [, h, across] = (x as OnnxValue).shape as number[] as [number, number, number];
    // Scales, not sizes: those would need the batch, or attribute `axes`, with which onnxruntime moves transposes wrongly.
    const scales = w.numbers([1, 1, scaleTo(h, size[0]), scaleTo(across, size[1])]);
    const name = w.op('Resize', [w.as(x as OnnxValue, NCHW), '', scales], {
      mode: text(method === 'nearest' ? 'nearest' : 'linear'), coordinate_transformation_mode: text(coordinates),
      nearest_mode: text(alignCorners || halfPixelCenters ? 'round_prefer_ceil' : 'floor'),
    });
    return { name, shape, layout: NCHW };
  },
  // A resize is a matrix along each axis: R x C^T. Its gradient is R^T dy C.
  gradient: (w, { inputs: [x], upstream, attributes: { size: [rows, columns], ...how } }) => {
    const { shape } = x as OnnxValue;
    const [, h, across] = shape as number[] as [number, number, number];
    const matrix = (label: string, values: Float32Array, size: [number, number]) => w.as(w.constant(`${label} ${size.join('x')} ${JSON.stringify(how)}`, values, size), PLAIN);
    const right = matrix('columns', interpolationWeights(across, columns, how), [columns, across]);
    const left = matrix('rows', transposedWeights(h, rows, how), [h, rows]);
    return [{ name: w.op('MatMul', [left, w.op('MatMul', [w.as(upstream, NCHW), right])]), shape, layout: NCHW }];
  },
});
