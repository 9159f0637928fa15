import { adaptiveAvgPool2d } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { overPositions } from '../onnx/by-channel.js';
import { NCHW, PLAIN } from '../onnx/layout.js';
import { ints } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, inputShape, known } from '../op.js';

/** Cells overlap where the output size does not divide the input's, and are up to one position wider than their spacing. */
const widestCell = (length: number, cells: number) =>
  Math.max(...Array.from({ length: cells }, (_, i) => Math.ceil(((i + 1) * length) / cells) - Math.floor((i * length) / cells)));

/** [length, cells]: column i holds 1 / n for the n positions of cell i. */
export function averagingMatrix(length: number, cells: number): Float32Array {
  const matrix = new Float32Array(length * cells);
  for (let i = 0; i < cells; i++) {
    const [start, end] = [Math.floor((i * length) / cells), Math.ceil(((i + 1) * length) / cells)];
    for (let at = start; at < end; at++) matrix[at * cells + i] = 1 / (end - start);
  }
  return matrix;
}

const transposed = (matrix: Float32Array, rows: number, columns: number) => Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] ?? 0);

export const adaptiveAvgPool = defineOp<'adaptiveAvgPool'>({
  kind: 'adaptiveAvgPool',
  shape: (inputs, { outputSize }) => [inputShape(inputs, 0)[0] ?? null, ...outputSize, known(inputShape(inputs, 0), 3)],
  cost: (inputs) => ({ macs: 0, elementwise: elements(inputShape(inputs, 0)) }),
  evaluate: ([x], { outputSize }) => adaptiveAvgPool2d(x as Tensor4D, outputSize),
  window: (inputs, { outputSize }) => {
    const [h, w] = [known(inputShape(inputs, 0), 1), known(inputShape(inputs, 0), 2)];
    const strides = [Math.max(Math.floor(h / outputSize[0]), 1), Math.max(Math.floor(w / outputSize[1]), 1)] as const;
    return { size: [widestCell(h, outputSize[0]), widestCell(w, outputSize[1])], strides, before: [0, 0] };
  },
  onnx: (w, [x], { outputSize: [rows, columns] }, shape) => {
    const [, h, w_] = (x as OnnxValue).shape as number[] as [number, number, number];
    const image = w.as(x as OnnxValue, NCHW);
    if (rows === 1 && columns === 1) return { name: w.op('GlobalAveragePool', [image]), shape, layout: NCHW };
    if (h % rows === 0 && w_ % columns === 0) {
      const cell = ints([h / rows, w_ / columns]);
      return { name: w.op('AveragePool', [image], { kernel_shape: cell, strides: cell }), shape, layout: NCHW };
    }
    // Cells that overlap: a matrix product along each axis.
    const across = w.constant(`cells ${w_} to ${columns}`, averagingMatrix(w_, columns), [w_, columns]);
    const along = w.constant(`cells ${rows} of ${h}`, transposed(averagingMatrix(h, rows), h, rows), [rows, h]);
    return { name: w.op('MatMul', [w.as(along, PLAIN), w.op('MatMul', [image, w.as(across, PLAIN)])]), shape, layout: NCHW };
  },
  gradient: (w, { inputs: [x], upstream, attributes: { outputSize: [rows, columns] } }) => {
    const { shape } = x as OnnxValue;
    const [, h, w_] = shape as number[] as [number, number, number];
    const dy = w.as(upstream, NCHW);
    if (rows === 1 && columns === 1) {
      const { layout } = x as OnnxValue;
      if (layout.block !== undefined) return [overPositions(w, { ...upstream, name: w.op('Mul', [dy, w.number(1 / (h * w_))]), layout: NCHW }, shape, layout)];
      const even = w.constant(`mean over ${h}x${w_}`, new Float32Array(h * w_).fill(1 / (h * w_)), [1, h, w_, 1]);
      return [{ name: w.op('Mul', [dy, w.as(even, NCHW)]), shape, layout: NCHW }];
    }
    const across = w.constant(`cells ${columns} of ${w_}`, transposed(averagingMatrix(w_, columns), w_, columns), [columns, w_]);
    const along = w.constant(`cells ${h} to ${rows}`, averagingMatrix(h, rows), [h, rows]);
    return [{ name: w.op('MatMul', [w.as(along, PLAIN), w.op('MatMul', [dy, w.as(across, PLAIN)])]), shape, layout: NCHW }];
  },
});
