import { activate } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { flattenedRows, imageOf, PLAIN, type Layout } from '../onnx/layout.js';
import type { OnnxValue } from '../onnx/writer.js';
import { int } from '../onnx/program.js';
import { defineOp, elements, expectChannels, inputShape, known } from '../op.js';

export const dense = defineOp<'dense'>({
  kind: 'dense',
  fuses: true,
  shape: (inputs) => {
    const [x, kernel] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    expectChannels(x, known(kernel, 0));
    return [...x.slice(0, -1), known(kernel, 1)];
  },
  cost: (inputs, _, output) => ({ macs: elements(output) * known(inputShape(inputs, 1), 0), elementwise: inputs.length > 2 ? elements(output) : 0 }),
  evaluate: ([x, kernel, bias], _, fused) => tf.tidy(() => {
    const [input, weights] = [x as tf.Tensor, kernel as tf.Tensor2D];
    const flat = input.shape.length === 2 ? input : tf.reshape(input, [-1, weights.shape[0]]);
    // Not tf.fused.matMul: its wasm kernel adds the bias once a block in some shapes.
    const product = tf.matMul(flat as tf.Tensor2D, weights);
    const y = activate(bias ? tf.add(product, bias) : product, fused?.kind ?? 'linear', fused?.alpha);
    return input.shape.length === 2 ? y : tf.reshape(y, [...input.shape.slice(0, -1), weights.shape[1]]);
  }),
  onnx: (w, inputs, _, shape) => {
    const [x, kernel, bias] = inputs as [OnnxValue, OnnxValue, OnnxValue | undefined];
    const image = imageOf(x.layout);
    // A flattened image keeps its order; the rows of the kernel follow it.
    const [layout, rows] = image === undefined ? [PLAIN, PLAIN] : [x.layout, flattenedRows(image, known(kernel.shape, 1))];
    const operands = [w.as(x, layout), w.as(kernel, rows)];
    if (x.shape.length === 2) return { name: w.op('Gemm', [...operands, ...(bias ? [w.as(bias, PLAIN)] : [])]), shape, layout: PLAIN };
    const product = w.op('MatMul', operands);
    return { name: bias ? w.op('Add', [product, w.as(bias, PLAIN)]) : product, shape, layout: PLAIN };
  },
  gradient: (w, { inputs, upstream, needs }) => {
    const [x, kernel, bias] = inputs as [OnnxValue, OnnxValue, OnnxValue | undefined];
    const image = imageOf(x.layout);
    const [layout, rows] = image === undefined ? [PLAIN, PLAIN] : [x.layout, flattenedRows(image, known(kernel.shape, 1))];
    const [from, to] = kernel.shape as [number, number];
    const flat = (value: OnnxValue, width: number, as: Layout) => (value.shape.length === 2 ? w.as(value, as) : w.reshape(w.as(value, as), [-1, width]));
    const [input, dy] = [flat(x, from, layout), flat(upstream, to, PLAIN)];
    const back = () => {
      const product = w.op('Gemm', [dy, w.as(kernel, rows)], { transB: int(1) });
      return { name: x.shape.length === 2 ? product : w.reshape(product, x.shape), shape: x.shape, layout };
    };
    return [
      needs[0] ? back() : undefined,
      needs[1] ? { name: w.op('Gemm', [input, dy], { transA: int(1) }), shape: kernel.shape, layout: rows } : undefined,
      bias && needs[2] ? { name: w.reduce('ReduceSum', dy, [0], false), shape: bias.shape, layout: PLAIN } : undefined,
    ];
  },
});
